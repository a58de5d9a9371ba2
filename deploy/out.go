package deploy

import (
	"fmt"
	"slices"
	"strings"
)

// Out is a value that one step gives another: known once the step has read or made it, none when its step is not
// wanted, and unknown until then.
type Out[T any] struct {
	v     T
	state outState
}

type outState int

const (
	unknown outState = iota
	known
	none
)

// Set makes the value known.
func (o *Out[T]) Set(v T) { o.v, o.state = v, known }

// SetNone says that there is no such value: its step is not wanted.
func (o *Out[T]) SetNone() { *o = Out[T]{state: none} }

// Forget makes the value unknown: a Plan that will make it anew says so.
func (o *Out[T]) Forget() { *o = Out[T]{} }

// Known returns the value and whether it is known. None is not known.
func (o Out[T]) Known() (T, bool) { return o.v, o.state == known }

// None says whether the value is none.
func (o Out[T]) None() bool { return o.state == none }

// Get returns the value, the zero value for none. Inside a Change's Do it is never unknown: that would be a bug,
// and panics.
func (o Out[T]) Get() T {
	if o.state == unknown {
		panic(fmt.Sprintf("deploy: %T read before it was made", o.v))
	}
	return o.v
}

// String is the value as a plan shows it.
func (o Out[T]) String() string {
	switch o.state {
	case unknown:
		return "(known after apply)"
	case none:
		return "none"
	default:
		return fmt.Sprint(o.v)
	}
}

// A Field is one difference. From and To are printed as they are; the zero Field is no difference.
type Field struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
}

// F is the difference between what is live and what is wanted.
func F[T comparable](name string, live, want T) Field {
	if live == want {
		return Field{}
	}
	return Field{name, show(live), show(want)}
}

// FOut is F for a wanted value of another step: an unknown one always differs, none equals only the zero value.
func FOut[T comparable](name string, live T, want Out[T]) Field {
	var zero T
	if v, ok := want.Known(); ok && v == live || want.None() && live == zero {
		return Field{}
	}
	return Field{name, show(live), want.String()}
}

// FSet is F for sets of strings: order and repetition do not count.
func FSet(name string, live, want []string) Field {
	set := func(s []string) string {
		s = slices.Clone(s)
		slices.Sort(s)
		return strings.Join(slices.Compact(s), ", ")
	}
	return F(name, set(live), set(want))
}

func show(v any) string {
	if s := fmt.Sprint(v); s != "" {
		return s
	}
	return "none"
}

// Diff keeps the fields that differ; nil when none does.
func Diff(fields ...Field) (diff []Field) {
	for _, f := range fields {
		if f != (Field{}) {
			diff = append(diff, f)
		}
	}
	return diff
}
