package ui

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// The styles: the terminal's own sixteen colours, so that its theme holds.
var (
	red    = ansi.Style{}.ForegroundColor(ansi.Red)
	green  = ansi.Style{}.ForegroundColor(ansi.Green)
	yellow = ansi.Style{}.ForegroundColor(ansi.Yellow)
	cyan   = ansi.Style{}.ForegroundColor(ansi.Cyan)
	dim    = ansi.Style{}.Faint()
	bold   = ansi.Style{}.Bold()
)

// in is text in a style, where the stream shows one.
func (s Stream) in(st ansi.Style, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return st.Styled(text)
}

// hues tell names apart. Red is for what went wrong.
var hues = []ansi.Style{
	cyan, green, yellow, ansi.Style{}.ForegroundColor(ansi.Blue), ansi.Style{}.ForegroundColor(ansi.Magenta), ansi.Style{}.ForegroundColor(ansi.BrightCyan),
	ansi.Style{}.ForegroundColor(ansi.BrightGreen), ansi.Style{}.ForegroundColor(ansi.BrightYellow), ansi.Style{}.ForegroundColor(ansi.BrightBlue),
	ansi.Style{}.ForegroundColor(ansi.BrightMagenta),
}

// Hue is text in the colour that key always has, where the stream shows colours; in bold without a key.
func (s Stream) Hue(key, text string) string {
	if !s.Color {
		return text
	}
	if key == "" {
		return s.in(bold, text)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return s.in(hues[h.Sum32()%uint32(len(hues))], text)
}

// either is the one glyph or the other.
func (s Stream) either(utf8, ascii string) string {
	if s.ASCII {
		return ascii
	}
	return utf8
}

// pad fills text up to n cells, at least one behind it.
func pad(text string, n int) string {
	return text + strings.Repeat(" ", max(1, n-ansi.StringWidth(text)))
}

// Took is a time that has passed: "0.8s", "14.2s", "1m50s", "1h02m".
func Took(d time.Duration) string {
	if tenths := max(0, d).Round(100 * time.Millisecond); tenths < time.Minute {
		return fmt.Sprintf("%.1fs", tenths.Seconds())
	}
	return whole(d.Round(time.Second))
}

// Age is a time that still passes, in whole seconds: "8s", "1m50s", "26h05m".
func Age(d time.Duration) string { return whole(d) }

// whole is Took in whole seconds, for a time that still passes.
func whole(d time.Duration) string {
	d = max(0, d)
	s := int(d / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
}
