package sandbox

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// val is what p points to, the zero value for nil.
func val[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// or is what p points to, def for nil.
func or[T any](p *T, def T) T {
	if p != nil {
		return *p
	}
	return def
}

// sorted yields a map in the order of its keys.
func sorted[T any](m map[string]T) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// put sets a key of a map that may be nil.
func put[T any](m *map[string]T, key string, v T) {
	if *m == nil {
		*m = map[string]T{}
	}
	(*m)[key] = v
}

// merge is a with all of b.
func merge(a, b map[string]string) map[string]string {
	a = maps.Clone(a)
	if a == nil {
		a = map[string]string{}
	}
	maps.Copy(a, b)
	return a
}

// page cuts a list: a token is the number of elements that came before.
func page[T any](all []T, token *string, limit *int32, most int) (cut []T, next *string, err error) {
	from := 0
	if token != nil {
		if from, err = strconv.Atoi(*token); err != nil || from > len(all) {
			return nil, nil, fail("InvalidParameterException", "The specified nextToken is invalid.")
		}
	}
	n := most
	if limit != nil && *limit > 0 {
		n = min(n, int(*limit))
	}
	if cut = all[from:]; len(cut) > n {
		return cut[:n], new(strconv.Itoa(from + n)), nil
	}
	return cut, nil, nil
}

// filterPattern is the part of CloudWatch's filter syntax for unstructured text: terms that must all be there, ?terms
// of which one must, -terms that must not, and "quoted phrases" (user guide, "Filter pattern syntax").
func filterPattern(pattern string) (func(string) bool, error) {
	if strings.HasPrefix(pattern, "{") || strings.HasPrefix(pattern, "[") || strings.HasPrefix(pattern, "%") {
		return nil, fail("InvalidParameterException", "the sandbox knows no structured filter patterns")
	}
	var all, some, none []string
	for rest := strings.TrimSpace(pattern); rest != ""; rest = strings.TrimSpace(rest) {
		list := &all
		switch rest[0] {
		case '?':
			list, rest = &some, rest[1:]
		case '-':
			list, rest = &none, rest[1:]
		}
		var term string
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			if term, rest, ok = strings.Cut(quoted, `"`); !ok {
				return nil, fail("InvalidParameterException", "Invalid character(s) in term '%s'", quoted)
			}
		} else {
			term, rest, _ = strings.Cut(rest, " ")
		}
		*list = append(*list, term)
	}
	return func(text string) bool {
		has := func(term string) bool { return strings.Contains(text, term) }
		lacks := func(term string) bool { return !has(term) }
		return !slices.ContainsFunc(all, lacks) && (len(some) == 0 || slices.ContainsFunc(some, has)) && !slices.ContainsFunc(none, has)
	}, nil
}

func (s *Sandbox) nextSeq() int {
	s.state.Seq++
	return s.state.Seq
}

// numbers reads a range written "1-4000".
func numbers(s string) (from, to int, ok bool) {
	a, b, ok := strings.Cut(s, "-")
	from, errA := strconv.Atoi(a)
	to, errB := strconv.Atoi(b)
	return from, to, ok && errA == nil && errB == nil
}

// between says whether s is a number in a range.
func between(s string, from, to int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= from && n <= to
}
