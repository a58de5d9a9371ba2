package manifest

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// A form decodes a value that is written in another way than the field it fills.
type form func(d *decoder, n *yaml.Node, path []string, f field, v reflect.Value)

// forms is filled by init, because some of them decode structs, as the decoder does that calls them.
var forms map[string]form

func init() {
	forms = map[string]form{
		"insights": insights, "health_command": healthCommand, "command_line": commandLine, "secrets": secretRefs, "generate": generated, "statements": statements,
		"later": func(*decoder, *yaml.Node, []string, field, reflect.Value) {}, // by the reading itself
	}
}

// insights is true, false or enhanced; ECS has a word for each.
func insights(d *decoder, n *yaml.Node, path []string, f field, v reflect.Value) {
	text, shown, ok := d.scalarText(n, path, f.key)
	if !ok {
		return
	}
	words := map[string]string{"true": "enabled", "false": "disabled", "enhanced": "enhanced"}
	if words[text] == "" {
		d.fail(n, path, "", "%s must be true, false or enhanced, not %s", f.key, shown)
		return
	}
	v.SetString(words[text])
}

// healthCommand is a list as ECS wants it, or one line for the container's shell.
func healthCommand(d *decoder, n *yaml.Node, path []string, f field, v reflect.Value) {
	if n.Kind == yaml.ScalarNode {
		if text, _, ok := d.scalarText(n, path, f.key); ok {
			v.Set(reflect.ValueOf([]string{"CMD-SHELL", text}))
		}
		return
	}
	d.list(n, path, field{key: f.key}, v)
	command := v.Interface().([]string)
	if d.broken(path...) || len(command) > 1 && (command[0] == "CMD" || command[0] == "CMD-SHELL") || len(command) == 1 && command[0] == "NONE" {
		return
	}
	d.fail(n, path, `write [CMD, program, argument …], [CMD-SHELL, line] or the line alone; [NONE] for no check`, "%s must begin with CMD or CMD-SHELL and go on", f.key)
}

// commandLine is a list, or one line for the shell.
func commandLine(d *decoder, n *yaml.Node, path []string, f field, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.list(n, path, field{key: f.key}, v)
		return
	}
	if text, _, ok := d.scalarText(n, path, f.key); ok {
		v.Set(reflect.ValueOf([]string{"sh", "-c", text}))
	}
}

// secretRefs is a mapping from variables to secrets. What a text means is settled when all secrets are known.
func secretRefs(d *decoder, n *yaml.Node, path []string, f field, v reflect.Value) {
	refs := map[string]SecretRef{}
	for _, ref := range v.Interface().([]SecretRef) {
		refs[ref.Env] = ref
	}
	texts := map[string]string{}
	d.table(n, path, field{key: f.key, keys: "env"}, reflect.ValueOf(&texts).Elem())
	for env, text := range texts {
		refs[env] = SecretRef{Env: env, Secret: text}
	}
	v.Set(reflect.ValueOf(slices.SortedFunc(maps.Values(refs), func(a, b SecretRef) int { return cmp.Compare(a.Env, b.Env) })))
}

// generate is the mapping behind a secret's generate.
type generate struct {
	// The length of the value.
	Length int32 `yaml:"length" default:"32" min:"8" max:"4096"`
}

// generated is {length: 32}; AWS makes random passwords of up to 4096 characters.
func generated(d *decoder, n *yaml.Node, path []string, f field, v reflect.Value) {
	var g generate
	setDefaults(reflect.ValueOf(&g).Elem())
	d.structure(n, path, f.key, reflect.ValueOf(&g).Elem())
	v.SetInt(int64(g.Length))
}

var statementKeys = []string{"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}

// statements are those of an IAM policy, kept as they are written.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func statements(d *decoder, n *yaml.Node, path []string, f field, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, path, "", "%s must be a list of statements, not %s", f.key, kindName(n))
		return
	}
	var all []Statement
	for i, item := range n.Content {
		at := append(slices.Clip(path), strconv.Itoa(i))
		d.note(at, item, item)
		s := Statement{}
		for key, value := range d.entries(item, at, "a statement") {
			if !slices.Contains(statementKeys, key.Value) {
				d.unknown(key, "a statement", statementKeys)
				continue
			}
			s[key.Value] = d.free(value, append(slices.Clip(at), key.Value), key.Value)
		}
		d.statement(item, at, s)
		all = append(all, s)
	}
	v.Set(reflect.ValueOf(all))
}

// statement says what a statement lacks.
func (d *decoder) statement(n *yaml.Node, path []string, s Statement) {
	if d.broken(path...) || d.trial {
		return
	}
	one := func(a, b string) {
		if (s[a] == nil) == (s[b] == nil) {
			d.fail(n, path, "", "a statement needs one of %s and %s", a, b)
		}
	}
	if s["Effect"] != "Allow" && s["Effect"] != "Deny" {
		d.fail(n, path, "", "a statement needs an Effect, Allow or Deny")
	}
	one("Action", "NotAction")
	one("Resource", "NotResource")
}

// free is any value as JSON has it: texts, numbers, truth values, lists and mappings of them.
func (d *decoder) free(n *yaml.Node, path []string, what string) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for key, value := range d.entries(n, path, what) {
			m[key.Value] = d.free(value, append(slices.Clip(path), key.Value), key.Value)
		}
		return m
	case yaml.SequenceNode:
		l := make([]any, len(n.Content))
		for i, item := range n.Content {
			l[i] = d.free(item, append(slices.Clip(path), strconv.Itoa(i)), "an item of "+what)
		}
		return l
	}
	text, _, ok := d.scalarText(n, path, what)
	if !ok {
		return nil
	}
	switch {
	case n.Tag == "!!bool":
		return text == "true"
	case n.Tag == "!!int" && wholeNumber.MatchString(text):
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
	}
	return text
}

// secretARN splits the ARN of a secret from the JSON key behind it, as ECS takes them in valueFrom.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
func secretARN(text string) (arn, key string, err error) {
	parts := strings.Split(text, ":")
	if !arnSecret.MatchString(strings.Join(parts[:min(7, len(parts))], ":")) {
		return "", "", fmt.Errorf("that is no ARN of a secret: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX")
	}
	switch len(parts) {
	case 7:
		return text, "", nil
	case 8, 10: // arn:key or arn:key:: as ECS writes it
		if strings.Join(parts[8:], "") == "" {
			return strings.Join(parts[:7], ":"), parts[7], nil
		}
	}
	return "", "", fmt.Errorf("a secret is taken in its current version: write ARN or ARN:KEY")
}

var arnSecret = re(`^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$`)
