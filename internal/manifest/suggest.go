package manifest

import (
	"fmt"
	"strings"

	"github.com/fargatectl/fargatectl/internal/near"
)

// suggest asks "did you mean" for the word of known that is nearest to word, "" when none is near.
func suggest(word string, known []string) string {
	if meant := near.Word(word, known); meant != "" {
		return fmt.Sprintf("did you mean %q?", meant)
	}
	return ""
}

// list writes words as a sentence does: a, b and c.
func list(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}
