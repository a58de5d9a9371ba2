//go:build unix

package image

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"
)

// An interrupt ends what a user's command has started, even what ignores it: sh starts a job in the background so.
func TestInterruptedFamily(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe() // which all that still runs has open
	if err != nil {
		t.Fatal(err)
	}
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	err = tool{show: "sh", family: true}.run(ctx, r, nil, func(string) { cancel(interrupted) },
		"sh", "-c", "exec 3<&0; sleep 1000 <&3 >/dev/null 2>&1 & echo begun; wait")
	if err == nil || err.Error() != "sh: interrupted" || !errors.Is(err, interrupted) {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) { // it is killed, and not waited for: not our child
		if _, err := w.WriteString("x"); errors.Is(err, syscall.EPIPE) {
			return
		}
		if time.Now().After(end) {
			t.Fatal("what the command has started still runs")
		}
	}
}
