package ui

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fargatectl/fargatectl/deploy"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{"\n": "k", "k\n": "k", "Roll back\n": "r", "what\nd\n": "d", "": "", "r": "", "x\n": ""} {
		var out strings.Builder
		got, err := Choose(t.Context(), strings.NewReader(typed), Stream{Writer: &out}, "what now?", Choice{"k", "keep"}, Choice{"d", "detach"}, Choice{"r", "back"})
		if got != want || err != nil {
			t.Errorf("%q: %q %v", typed, got, err)
		}
		if !strings.HasPrefix(out.String(), "what now?\n  k  keep\n  d  detach\n  r  back\nwhich? [K/d/r] ") {
			t.Errorf("%q", out.String())
		}
	}
	broken := errors.New("broken")
	if _, err := Choose(t.Context(), io.MultiReader(strings.NewReader("what\n"), failing{broken}), Stream{Writer: io.Discard}, "?", Choice{"k", ""}); !errors.Is(err, broken) {
		t.Error(err)
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// While somebody is talked to nothing is painted over the talk; what has come meanwhile is shown when it is over.
func TestAside(t *testing.T) {
	t.Parallel()
	for mode, behind := range map[Mode][]string{ModeTTY: {"✓ vpc", "nat"}, ModePlain: {"vpc", "nat"}} {
		synctest.Test(t, func(t *testing.T) {
			scr := newScreen(80, 24)
			s := NewSink(mode, Terminal{Err: scr.stream()}, nil)
			event(s, "vpc", deploy.Begun, nil, "")
			event(s, "vpc", deploy.Begun, vpc, "")
			tick(time.Second)
			s.Aside(func() {
				before := scr.text()
				if mode == ModeTTY && strings.Contains(before, "under way") {
					t.Errorf("the region is still there:\n%s", before)
				}
				event(s, "vpc", deploy.Done, vpc, "")
				event(s, "vpc", deploy.Done, nil, "")
				event(s, "nat", deploy.Waiting, nil, "pending")
				s.Log("a log line")
				tick(time.Minute)
				if got := scr.text(); got != before {
					t.Errorf("%s is shown in between:\n%s", mode, got)
				}
			})
			tick(time.Second)
			got := scr.text()
			for _, want := range append(behind, "a log line") {
				if !strings.Contains(got, want) {
					t.Errorf("%s lacks %q:\n%s", mode, want, got)
				}
			}
			s.Stop(nil)
		})
	}
}
