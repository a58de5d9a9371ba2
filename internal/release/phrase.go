package release

import (
	"regexp"
	"sync"
)

// A phrase is a regular expression that is compiled when it is first looked for: of a command that judges nothing the
// start takes no time for it.
type phrase func() *regexp.Regexp

func phraseOf(text string) phrase {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

func (p phrase) MatchString(s string) bool              { return p().MatchString(s) }
func (p phrase) FindString(s string) string             { return p().FindString(s) }
func (p phrase) FindStringSubmatch(s string) []string   { return p().FindStringSubmatch(s) }
func (p phrase) ReplaceAllString(s, with string) string { return p().ReplaceAllString(s, with) }
func (p phrase) ReplaceAllStringFunc(s string, with func(string) string) string {
	return p().ReplaceAllStringFunc(s, with)
}

// A matcher is what is looked for in a text.
type matcher interface{ MatchString(string) bool }
