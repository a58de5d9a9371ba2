package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

const intro = `# The manifest

<!-- Generated from the structs of internal/manifest: go generate ./internal/manifest -->

` + "`fargatectl.yaml`" + ` says what a project is to be. One line is a whole manifest:

` + "```yaml\nproject_name: my-api\n```" + `

All else has a default, which ` + "`fargatectl plan`" + ` shows. What is listed under ` + "`resources`" + ` differs from the defaults; ` + "`environments`" + `
change it once more for ` + "`--env NAME`" + `. Unknown keys are errors. All durations are seconds. ` + "`fargatectl schema`" + ` prints a JSON
Schema for editors.

A value may hold variables of the environment: ` + "`${VAR}`" + ` (an error when it is not set), ` + "`${VAR:-default}`" + `, ` + "`${VAR:?message}`" + `;
` + "`$$`" + ` is a dollar sign.
`

// reference is docs/manifest.md.
func (g generator) reference() []byte {
	var b bytes.Buffer
	b.WriteString(intro)
	g.table(&b, "## Top level", "", reflect.TypeFor[document]())
	g.table(&b, "## A resource", "An item of `resources`.", reflect.TypeFor[resource]())
	for _, k := range kinds {
		about := k.doc
		if k.alias != "" {
			about += " Also `" + k.alias + "`."
		}
		if !k.many {
			about += " One a project."
		}
		g.table(&b, "## "+k.word, about, k.typ())
	}
	return b.Bytes()
}

// table is the keys of a struct, and below those of structs within it.
func (g generator) table(b *bytes.Buffer, title, about string, t reflect.Type) {
	fmt.Fprintf(b, "\n%s\n\n", title)
	if about != "" {
		fmt.Fprintf(b, "%s\n\n", about)
	}
	b.WriteString("| key | value | default | |\n|---|---|---|---|\n")
	for _, f := range fieldsOf(t) {
		def := ""
		if f.hasDef {
			text, _ := json.Marshal(defaultOf(f))
			def = "`" + strings.ReplaceAll(strings.Trim(string(text), `"`), ",", ", ") + "`"
		}
		if f.required {
			def = "required"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.key, cell(valueWords(f)), def, cell(g.doc(t, f)))
	}
	for _, f := range fieldsOf(t) {
		inner := f.typ
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if f.as == "generate" {
			inner = reflect.TypeFor[generate]()
		}
		if inner.Kind() == reflect.Struct && f.as != "secrets" && f.as != "later" {
			g.table(b, "##"+strings.Repeat("#", strings.Count(title[:3], "#")-1)+" "+f.key, "", inner)
		}
	}
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// valueWords is the form of a value in words.
func valueWords(f field) string {
	special := map[string]string{
		"insights": "true, false or `enhanced`", "health_command": "list or text", "command_line": "list or text", "secrets": "mapping",
		"generate": "mapping", "statements": "list of mappings",
	}
	one := func(kind reflect.Kind) string {
		switch format := formats[f.is]; {
		case kind == reflect.Bool:
			return "true or false"
		case f.enum != nil:
			return "`" + strings.Join(f.enum, "`, `") + "`"
		case kind == reflect.Int32:
			return strconv.FormatInt(*f.min, 10) + " to " + strconv.FormatInt(*f.max, 10)
		case format.words != nil:
			return "`" + strings.Join(format.words, "`, `") + "`"
		case format.what != "":
			return format.what
		}
		return "text"
	}
	text := special[f.as]
	switch {
	case text != "":
	case f.as == "later" && f.typ.Kind() == reflect.Slice:
		text = "list"
	case f.typ.Kind() == reflect.Map && f.typ.Elem().Kind() == reflect.Int32:
		text = "mapping to " + one(reflect.Int32)
	case f.typ.Kind() == reflect.Map || f.typ.Kind() == reflect.Pointer || f.typ.Kind() == reflect.Struct:
		text = "mapping"
	case f.typ.Kind() == reflect.Slice && f.typ.Elem().Kind() == reflect.Struct:
		text = "list of mappings"
	case f.typ.Kind() == reflect.Slice:
		text = "list: " + one(f.typ.Elem().Kind())
	default:
		text = one(f.typ.Kind())
	}
	return text
}
