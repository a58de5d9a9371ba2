package release

import (
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Redacted stands where something looked like a secret.
const Redacted = "[redacted]"

// A redaction takes out of a text what looks like a secret: by its form, by the name before it, and the values that the
// task definition holds in the open under a name that says secret. What has neither form nor name can't be known: no
// secret is read to be looked for.
type redaction struct {
	values []string       // the longest first
	named  *regexp.Regexp // variables that get their value from a secret; nil without any
}

// value is what stands behind a name: a text in quotes, whose end is a quote before a delimiter, or all up to a blank.
const value = `("(?:[^"\\]|\\.|"[^\s,}\])])*"?|'(?:[^']|'[^\s,}\])])*'?|\S+)`

var (
	secretive = phraseOf(`(?i)pass(word|wd|phrase)?$|passw|pwd|secret|token|api_?key|access_?key|private_?key|encryption_?key|signing_?key|credential|_dsn$|^dsn$`)

	forms = phraseOf(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b` + // AWS's access keys
		`|\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?` + // JSON web tokens
		`|\b(?:gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|sk_live_|sk_test_|rk_live_|whsec_|npm_|AIza)[\w-]{10,}`)
	bearer = phraseOf(`(?i)\b(bearer)\s+\S{8,}|\b(basic|digest)\s+[A-Za-z0-9._~+/=-]{8,}|(authorization["']?\s*[=:]\s*["']?\w+)\s+\S+`)
	inURL  = phraseOf(`(://[^\s:/@"']*:)(\S+)@`)
	isPort = phraseOf(`^\d{1,5}/`)
	pem    = phraseOf(`(?s)-----BEGIN [^-]+-----.*?(?:-----END [^-]+-----|$)`)
	pemEnd = phraseOf(`^.*?-----END [^-]+-----`)

	words    = `(?i)([\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[\w.-]*["']?`
	assigned = phraseOf(words + `\s*=\s*)` + value)
	called   = phraseOf(words + `\s*:\s*)` + value)
)

// redactionOf knows the secrets that a task definition tells of.
func redactionOf(d *types.TaskDefinition) (r redaction) {
	var names []string
	for _, c := range d.ContainerDefinitions {
		for _, v := range c.Environment {
			if text := val(v.Value); secretive.MatchString(val(v.Name)) && len(text) > 3 {
				r.values = append(r.values, text)
			}
		}
		for _, s := range c.Secrets {
			names = append(names, regexp.QuoteMeta(val(s.Name)))
		}
	}
	slices.SortFunc(r.values, func(a, b string) int { return len(b) - len(a) })
	if len(names) > 0 {
		r.named = regexp.MustCompile(`(\b(?:` + strings.Join(names, "|") + `)["']?\s*[=:]\s*)` + value)
	}
	return r
}

// text redacts a sentence of AWS's: an ARN of a secret in it stays.
func (r redaction) text(s string) string {
	for _, v := range r.values {
		s = strings.ReplaceAll(s, v, Redacted)
	}
	s = pem.ReplaceAllString(s, Redacted)
	s = inURL.ReplaceAllStringFunc(s, func(match string) string {
		m := inURL.FindStringSubmatch(match)
		if isPort.MatchString(m[2]) { // http://localhost:8080/users/@me
			return match
		}
		return m[1] + Redacted + "@"
	})
	s = bearer.ReplaceAllString(s, "$1$2$3 "+Redacted)
	s = forms.ReplaceAllString(s, Redacted)
	return assigned.ReplaceAllString(s, "${1}"+Redacted)
}

// logged redacts lines of a log, in which a name may stand before a value in any way, and a key may go over many lines.
func (r redaction) logged(lines []LogLine) []LogLine {
	lines = slices.Clone(lines)
	ends := slices.IndexFunc(lines, func(l LogLine) bool { return pemEnd.MatchString(l.Message) })
	begins := slices.IndexFunc(lines, func(l LogLine) bool { return strings.Contains(l.Message, "-----BEGIN ") })
	inside := ends >= 0 && (begins < 0 || ends < begins) // of a key, whose beginning is further back
	for i, l := range lines {
		s := l.Message
		if inside {
			if inside = !pemEnd.MatchString(s); inside {
				lines[i].Message = Redacted
				continue
			}
			s = pemEnd.ReplaceAllString(s, Redacted)
		}
		if begin := strings.LastIndex(s, "-----BEGIN "); begin >= 0 {
			inside = !strings.Contains(s[begin:], "-----END ")
		}
		if r.named != nil {
			s = r.named.ReplaceAllString(s, "${1}"+Redacted)
		}
		lines[i].Message = called.ReplaceAllString(r.text(s), "${1}"+Redacted)
	}
	return lines
}
