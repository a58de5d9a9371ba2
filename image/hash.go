package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// inputs is a running hash of what goes into an image. Every field is written with its length before it, so that no two
// lists of fields run together.
type inputs struct{ h hash.Hash }

func newHash() inputs { return inputs{sha256.New()} }

// line adds one record.
func (i inputs) line(fields ...string) {
	fmt.Fprintf(i.h, "%d\n", len(fields)) // a hash.Hash returns no error
	for _, f := range fields {
		fmt.Fprintf(i.h, "%d %s\n", len(f), f)
	}
}

// content adds what r holds, as its own hash.
func (i inputs) content(r io.Reader) error {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return err
	}
	i.line(hex.EncodeToString(h.Sum(nil)))
	return nil
}

func (i inputs) sum() string { return hex.EncodeToString(i.h.Sum(nil)) }
