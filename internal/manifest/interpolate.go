package manifest

import (
	"fmt"
	"regexp"
	"strings"
)

// varName is the name of an environment variable, as a shell takes it.
var varName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*`)

// A varError says what is wrong with a ${…}. It never holds the value of a variable.
type varError struct {
	message, hint string
	unset         bool // the form is right, the variable missing
}

func (e *varError) Error() string { return e.message }

// interpolate replaces ${VAR}, ${VAR:-default} and ${VAR:?message} in text as the compose file format does (an empty
// variable counts as unset behind a colon), and $$ with a dollar sign. A dollar sign before anything else stays.
// vars says whether a variable was asked for.
func interpolate(text string, getenv func(string) (string, bool)) (_ string, vars bool, err *varError) {
	return interpolateIn(text, getenv, 0)
}

// maxDefaults is how deep defaults may stand in one another.
const maxDefaults = 10

// interpolateIn is interpolate within so many defaults.
func interpolateIn(text string, getenv func(string) (string, bool), depth int) (_ string, vars bool, err *varError) {
	if depth > maxDefaults {
		return "", false, &varError{message: fmt.Sprintf("defaults stand more than %d deep", maxDefaults)}
	}
	var out strings.Builder
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 || i+1 == len(text) {
			out.WriteString(text)
			return out.String(), vars, nil
		}
		out.WriteString(text[:i])
		switch text[i+1] {
		case '$':
			out.WriteByte('$')
			text = text[i+2:]
		case '{':
			body, rest, ok := braced(text[i+2:])
			if !ok {
				return "", vars, &varError{message: `"${" is never closed`, hint: `write $${ for a dollar sign and a brace`}
			}
			value, err := expand(body, getenv, depth)
			if err != nil {
				return "", true, err
			}
			out.WriteString(value)
			text, vars = rest, true
		default:
			out.WriteByte('$')
			text = text[i+1:]
		}
	}
}

// braced splits text behind the brace that closes it; a ${ within opens another.
func braced(text string) (body, rest string, ok bool) {
	depth := 1
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "$$"):
			i++
		case strings.HasPrefix(text[i:], "${"):
			depth++
			i++
		case text[i] == '}':
			if depth--; depth == 0 {
				return text[:i], text[i+1:], true
			}
		}
	}
	return "", "", false
}

// expand is the value of what stands between ${ and }.
func expand(body string, getenv func(string) (string, bool), depth int) (string, *varError) {
	name := varName.FindString(body)
	operator := body[len(name):]
	value, set := "", false
	if name != "" {
		value, set = getenv(name)
	}
	switch {
	case name == "":
	case operator == "":
		if !set {
			return "", &varError{
				message: fmt.Sprintf("the variable %s is not set", name), unset: true,
				hint: fmt.Sprintf("set it, or give a default: ${%s:-default}", name),
			}
		}
		return value, nil
	case strings.HasPrefix(operator, ":-"):
		if value != "" {
			return value, nil
		}
		value, _, err := interpolateIn(operator[2:], getenv, depth+1)
		return value, err
	case strings.HasPrefix(operator, ":?"):
		if value == "" {
			message := strings.TrimSpace(operator[2:])
			if message == "" {
				message = "it is not set or empty"
			}
			return "", &varError{message: fmt.Sprintf("the variable %s: %s", name, message), unset: true}
		}
		return value, nil
	}
	hint := "the forms are ${VAR}, ${VAR:-default} and ${VAR:?message}; $$ is a dollar sign"
	if name == "aws" || name == "saml" {
		hint = fmt.Sprintf("a variable of IAM is written with two dollar signs: $${%s}", body)
	}
	return "", &varError{message: fmt.Sprintf("%q is no form of a variable", shorten("${"+body+"}")), hint: hint}
}
