package near

import (
	"strings"
	"testing"
)

func TestWord(t *testing.T) {
	t.Parallel()
	known := []string{"memory", "desired_count", "cpu", "command"}
	for word, want := range map[string]string{
		"memroy": "memory", "desiredCount": "desired_count", "desired-count": "desired_count", "CPU": "cpu", "cpus": "cpu",
		"comand": "command", "gpu": "cpu", "health": "", "x": "", strings.Repeat("m", 100): "",
	} {
		if got := Word(word, known); got != want {
			t.Errorf("%.20s: %q, want %q", word, got, want)
		}
	}
}
