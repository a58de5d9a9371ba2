package manifest

import (
	"cmp"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// wholeNumber is a number as we take it: no leading zero (YAML 1.1 would read octal), no fraction.
var wholeNumber = re(`^-?(0|[1-9][0-9]*)$`)

// scalar decodes a text, a number or a truth value and holds it against the rules of f.
func (d *decoder) scalar(n *yaml.Node, path []string, f field, v reflect.Value) {
	text, shown, ok := d.scalarText(n, path, f.key)
	if !ok {
		return
	}
	if text == "" && n.Value != "" && !f.free { // ${DOMAIN:-}: the variable has no value, so the key is not given
		delete(d.places, join(path...))
		return
	}
	quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 && !strings.Contains(n.Value, "${")
	switch v.Kind() {
	case reflect.Bool:
		if quoted || text != "true" && text != "false" {
			d.fail(n, path, "", "%s must be true or false, not %s", f.key, shown)
			return
		}
		v.SetBool(text == "true")
	case reflect.Int32:
		if quoted || !wholeNumber.MatchString(text) {
			hint := ""
			if quoted && wholeNumber.MatchString(text) {
				hint = "leave the quotes away"
			}
			d.fail(n, path, hint, "%s must be a whole number, not %s", f.key, shown)
			return
		}
		d.number(n, path, f, text, shown, v)
	default:
		if n.Tag == "!!bool" && !f.free {
			d.fail(n, path, "put it into quotes if it is meant", "%s must be text, not %s", f.key, shown)
			return
		}
		if d.formed(n, path, f, text, shown) {
			v.SetString(text)
		}
	}
}

// number sets a whole number within the range of f.
func (d *decoder) number(n *yaml.Node, path []string, f field, text, shown string, v reflect.Value) {
	i, err := strconv.ParseInt(text, 10, 64)
	if err != nil { // beyond 64 bits: the range is what is wrong with it
		i = math.MaxInt64
		if strings.HasPrefix(text, "-") {
			i = math.MinInt64
		}
	}
	switch {
	case f.enum != nil && !slices.Contains(f.enum, text):
		d.fail(n, path, "", "%s is %s; it must be %s", f.key, shown, list(f.enum, "or"))
	case f.min != nil && i < *f.min || f.max != nil && i > *f.max:
		d.fail(n, path, "", "%s is %s; it must be %d to %d", f.key, shown, *f.min, *f.max)
	default:
		v.SetInt(i)
	}
}

// formed says whether text is of the enum and the format of f.
func (d *decoder) formed(n *yaml.Node, path []string, f field, text, shown string) bool {
	if f.enum != nil && !slices.Contains(f.enum, text) {
		d.fail(n, path, suggestShown(n, text, f.enum), "%s is %s; it must be %s", f.key, shown, list(f.enum, "or"))
		return false
	}
	if format, ok := formats[f.is]; ok && !format.match(text) {
		hint := format.hint
		if len(format.words) > 0 {
			hint = cmp.Or(suggestShown(n, text, format.words), hint)
		}
		d.fail(n, path, hint, "%s is %s; it must be %s", f.key, shown, format.what)
		return false
	}
	return true
}

// suggestShown is suggest, but for a value from a variable, which would be told by it.
func suggestShown(n *yaml.Node, text string, known []string) string {
	if strings.Contains(n.Value, "${") {
		return ""
	}
	return suggest(text, known)
}

// scalarText is the text of a scalar with its variables replaced, and the words that messages have for it: the text
// in quotes, but never the value of a variable.
func (d *decoder) scalarText(n *yaml.Node, path []string, what string) (text, shown string, ok bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.fail(n, path, "", "%s must be one value, not %s", what, kindName(n))
		return "", "", false
	case n.Style&yaml.TaggedStyle != 0:
		d.fail(n, path, "leave the tag away", "tags like %s are not used in a manifest", n.Tag)
		return "", "", false
	case isNull(n):
		d.fail(n, path, "give it one, or drop the line for the default", "%s has no value", what)
		return "", "", false
	}
	text, vars, err := interpolate(n.Value, d.getenv)
	switch {
	case err != nil && err.unset && d.trial:
		return "", "", false
	case err != nil:
		d.fail(n, path, err.hint, "%s", err.message)
		return "", "", false
	case vars:
		if p, ok := d.places[join(path...)]; ok && !d.trial {
			p.vars = true
			d.places[join(path...)] = p
		}
		return text, "the value of " + shorten(n.Value), true
	case n.Tag == "!!str":
		return text, strconv.Quote(shorten(text)), true
	}
	return text, shorten(text), true
}

// shorten cuts what is too long for a message.
func shorten(text string) string {
	text = maskSecrets(text[:min(len(text), 1000)])
	if r := []rune(text); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return text
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Style&yaml.TaggedStyle == 0
}

// kindName is what a node is, in words.
func kindName(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "a number"
	case n.Tag == "!!bool":
		return "true or false"
	}
	return "text"
}
