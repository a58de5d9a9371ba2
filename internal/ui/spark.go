package ui

import (
	"math"
	"strings"
)

// The levels of a sparkline: eighths of a block, or what is darker in ASCII.
var (
	eighths = []rune("▁▂▃▄▅▆▇█")
	dashes  = []rune("_.-~=+*#")
)

// Spark draws values between 0 and top as one row, a cell a value; where there is none it leaves a gap. A top of 0 is the
// greatest value.
func Spark(s Stream, values []*float64, top float64) string {
	levels := eighths
	if s.ASCII {
		levels = dashes
	}
	if top == 0 {
		for _, v := range values {
			if v != nil {
				top = max(top, *v)
			}
		}
	}
	var b strings.Builder
	for _, v := range values {
		switch {
		case v == nil || math.IsNaN(*v):
			b.WriteByte(' ')
		case top <= 0:
			b.WriteRune(levels[0])
		default:
			b.WriteRune(levels[max(0, min(len(levels)-1, int(*v/top*float64(len(levels)))))])
		}
	}
	return b.String()
}
