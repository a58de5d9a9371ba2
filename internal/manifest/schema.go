package manifest

import (
	"bytes"
	_ "embed" // the schema
)

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft-07, which editors know) of a manifest.
func Schema() []byte { return bytes.Clone(schema) }
