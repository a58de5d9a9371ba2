package cli

import (
	"runtime"
	"testing"

	"github.com/fargatectl/fargatectl/internal/ui"
)

// A browser is only opened where somebody sees it.
func TestBrowser(t *testing.T) {
	t.Parallel()
	const url = "http://app-alb.example.com"
	for _, test := range []struct {
		tty     bool
		display string
		want    bool
	}{{true, ":0", true}, {true, "", runtime.GOOS == "darwin" || runtime.GOOS == "windows"}, {false, ":0", false}} {
		p := &process{
			terminal: ui.Terminal{Out: ui.Stream{TTY: test.tty}},
			getenv:   func(name string) (string, bool) { return test.display, name == "DISPLAY" },
		}
		got := p.browser(url)
		if (got != nil) != test.want || len(got) > 0 && got[len(got)-1] != url {
			t.Errorf("%+v: %q", test, got)
		}
	}
}
