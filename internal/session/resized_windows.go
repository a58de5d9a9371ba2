package session

import "time"

// resized says when the window may have another size: Windows has no signal for it.
func resized() (changes <-chan time.Time, stop func()) {
	t := time.NewTicker(500 * time.Millisecond)
	return t.C, t.Stop
}
