package native

import "slices"

// Bases are the images that the target is built on or copies from, as they are named once variables are expanded, each
// once and in order. A stage that the target does without has none.
func Bases(o Options) (refs []string, err error) {
	f, err := parse(o)
	if err != nil {
		return nil, err
	}
	add := func(ref string) {
		if ref != "" && ref != "scratch" && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	for _, s := range f.stages {
		if !s.reached {
			continue
		}
		if s.base == nil {
			add(s.ref)
		}
		for _, i := range s.Instructions {
			add(s.from[i].image)
		}
	}
	return refs, nil
}
