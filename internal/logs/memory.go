package logs

import "time"

// remembered is how many events are known at least: pages that overlap repeat fewer.
const remembered = 20000

// A memory knows the events that were seen: the last most of them, and all that are no older than window before the
// newest. It is as large as twice that.
type memory struct {
	most   int
	window time.Duration

	young, old map[string]struct{}
	since      time.Time // of the newest event when young was begun
	newest     time.Time
}

// knows says whether an event was seen before, and remembers it.
func (m *memory) knows(e Event) bool {
	key := e.key()
	if _, ok := m.young[key]; ok {
		return true
	}
	if _, ok := m.old[key]; ok {
		return true
	}
	if e.Time.After(m.newest) {
		m.newest = e.Time
	}
	// What is in young has come since then: before the next turn the newest event is at least window after it.
	if m.young == nil || len(m.young) >= m.most && m.newest.Sub(m.since) >= m.window {
		m.old, m.young, m.since = m.young, map[string]struct{}{}, m.newest
	}
	m.young[key] = struct{}{}
	return false
}
