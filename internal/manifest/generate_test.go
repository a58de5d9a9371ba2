package manifest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestGenerated holds schema.json and docs/manifest.md against the structs; with -update it writes them.
func TestGenerated(t *testing.T) {
	t.Parallel()
	g := generator{docs: comments(t)}
	for file, want := range map[string][]byte{
		"schema.json": g.schema(t), filepath.Join("..", "..", "docs", "manifest.md"): g.reference(),
	} {
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: go generate ./internal/manifest", file)
		}
	}
}

// A generator writes what follows from the structs of the model.
type generator struct {
	docs map[string]string // by type and field: "Service.CPU"
}

// comments are those of all fields of structs of the package.
func comments(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for _, file := range []string{"model.go", "document.go", "forms.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if st, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range st.Fields.List {
					for _, name := range field.Names {
						docs[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
					}
				}
			}
			return true
		})
	}
	return docs
}

// doc is the comment of a field; every key has one.
func (g generator) doc(t reflect.Type, f field) string {
	doc := g.docs[t.Name()+"."+f.goName]
	if doc == "" {
		panic("no comment at " + t.Name() + "." + f.goName)
	}
	return doc
}

type object = map[string]any

// variable is a text with a variable in it, which may stand wherever a value does.
var variable = object{"type": "string", "pattern": `\$\{`}

// formSchemas are those of the forms.
var formSchemas = func() map[string]object {
	text := object{"type": "string"}
	texts := object{"type": "array", "items": text}
	words := object{"anyOf": []any{text, texts}}
	return map[string]object{
		"insights":       {"anyOf": []any{object{"enum": []any{true, false, "enhanced"}}, variable}},
		"command_line":   words,
		"health_command": {"anyOf": []any{text, object{"type": "array", "minItems": 2, "items": text}, object{"const": []any{"NONE"}}}},
		"secrets":        {"type": "object", "additionalProperties": text, "propertyNames": object{"pattern": formats["env"].pattern.String()}},
		"statements": {"type": "array", "items": object{
			"type": "object", "additionalProperties": false, "required": []any{"Effect"},
			"properties": object{
				"Sid": text, "Effect": object{"enum": []any{"Allow", "Deny"}},
				"Action": words, "NotAction": words, "Resource": words, "NotResource": words,
				"Condition": object{"type": "object"},
			},
		}},
	}
}()

// schema is the JSON Schema of a manifest.
func (g generator) schema(t *testing.T) []byte {
	definitions := object{}
	var ifs []any
	for _, k := range kinds {
		config := g.structure(k.typ())
		config["type"] = []any{"object", "null"}
		config["description"] = k.doc
		definitions[k.word] = config
		for _, word := range []string{k.word, k.alias} {
			if word != "" {
				ifs = append(ifs, object{
					"if":   object{"properties": object{"type": object{"const": word}}, "required": []any{"type"}},
					"then": object{"properties": object{"config": object{"$ref": "#/definitions/" + k.word}}},
				})
			}
		}
	}
	res := g.structure(reflect.TypeFor[resource]())
	res["properties"].(object)["config"] = object{"type": []any{"object", "null"}, "description": g.docs["resource.Config"]}
	res["allOf"] = ifs
	definitions["resource"] = res

	root := g.structure(reflect.TypeFor[document]())
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "fargatectl.yaml"
	root["definitions"] = definitions
	properties := root["properties"].(object)
	properties["resources"] = object{"type": []any{"array", "null"}, "items": object{"$ref": "#/definitions/resource"}, "description": g.docs["document.Resources"]}
	overlay := object{"type": []any{"object", "null"}}
	properties["environments"] = object{
		"type": []any{"object", "null"}, "description": g.docs["document.Environments"],
		"propertyNames":        object{"pattern": formats["project"].pattern.String(), "not": object{"const": defaultEnv}},
		"additionalProperties": object{"type": []any{"object", "null"}, "additionalProperties": overlay},
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// structure is the schema of a struct.
func (g generator) structure(t reflect.Type) object {
	properties, required := object{}, []any{}
	for _, f := range fieldsOf(t) {
		s := g.value(f)
		s["description"] = g.doc(t, f)
		if f.hasDef {
			s["default"] = defaultOf(f)
		}
		properties[f.key] = s
		if f.required {
			required = append(required, f.key)
		}
	}
	s := object{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// value is the schema of a field's value.
func (g generator) value(f field) object {
	if f.as == "generate" {
		return g.structure(reflect.TypeFor[generate]())
	}
	if s, ok := formSchemas[f.as]; ok {
		return maps.Clone(s)
	}
	s := object{}
	switch f.typ.Kind() {
	case reflect.Pointer:
		s = g.structure(f.typ.Elem())
	case reflect.Struct:
		s = g.structure(f.typ)
	case reflect.Slice:
		s["items"] = g.scalar(f, f.typ.Elem().Kind())
		if e := f.typ.Elem(); e.Kind() == reflect.Struct {
			s["items"] = g.structure(e)
		}
		s["type"] = []any{"array", "null"}
		return s
	case reflect.Map:
		g.mapping(f, s)
	default:
		return g.scalar(f, f.typ.Kind())
	}
	s["type"] = []any{"object", "null"} // a key with nothing behind it is an empty mapping
	return s
}

// mapping adds the schema of a mapping with free keys to s.
func (g generator) mapping(f field, s object) {
	if f.as == "later" {
		return
	}
	s["additionalProperties"] = g.scalar(f, f.typ.Elem().Kind())
	if f.typ.Elem().Kind() == reflect.String {
		s["additionalProperties"] = object{"type": []any{"string", "number", "boolean"}}
	}
	switch format := formats[f.keys]; {
	case format.words != nil:
		s["propertyNames"] = object{"enum": anys(format.words)}
	case format.pattern != nil:
		s["propertyNames"] = object{"pattern": format.pattern.String()}
	}
}

// scalar is the schema of a text, a number or a truth value, or of a variable in its place.
func (g generator) scalar(f field, kind reflect.Kind) object {
	s := object{}
	switch format := formats[f.is]; {
	case kind == reflect.Bool:
		s["type"] = "boolean"
	case kind == reflect.Int32 && f.enum != nil:
		s["enum"] = numbers(f.enum)
	case kind == reflect.Int32:
		s["type"], s["minimum"], s["maximum"] = "integer", *f.min, *f.max
	case f.enum != nil:
		s["enum"] = anys(f.enum)
	case format.words != nil:
		s["enum"] = anys(format.words)
	case format.pattern != nil:
		s["type"], s["pattern"] = "string", format.pattern.String()
	default:
		return object{"type": []any{"string", "number"}}
	}
	either := []any{s, variable}
	if f.is == "account" || f.is == "matcher" { // digits alone are a number to YAML
		either = append(either, object{"type": "integer"})
	}
	return object{"anyOf": either}
}

// defaultOf is the default of a field as JSON has it.
func defaultOf(f field) any {
	switch {
	case f.as == "insights":
		return f.def == "enabled"
	case f.typ.Kind() == reflect.Bool:
		return f.def == "true"
	case f.typ.Kind() == reflect.Int32:
		return *bound(f.def)
	case f.typ.Kind() == reflect.Slice:
		return strings.Split(f.def, ",")
	}
	return f.def
}

func anys(words []string) []any {
	all := make([]any, len(words))
	for i, w := range words {
		all[i] = w
	}
	return all
}

func numbers(words []string) []any {
	all := make([]any, len(words))
	for i, w := range words {
		all[i] = json.Number(w)
	}
	return all
}

// TestKinds sees that the table of types is whole: every type has its name rule, and no key is there twice.
func TestKinds(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		if _, ok := nameRules[k.word]; ok != (k.name != nil) {
			t.Errorf("%s: name rule %v, named %v", k.word, ok, k.name != nil)
		}
		keys := keysOf(k.typ())
		slices.SortFunc(keys, cmp.Compare[string])
		if len(keys) != len(slices.Compact(slices.Clone(keys))) {
			t.Errorf("%s has a key twice: %v", k.word, keys)
		}
	}
}
