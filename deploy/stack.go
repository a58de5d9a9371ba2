package deploy

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// A Stack is the steps of one app in the order one would take by hand.
type Stack struct {
	Poll time.Duration // between two looks at what is awaited; a second

	steps   []Step
	needs   map[Step][]Step
	nothing bool            // is wanted
	only    map[string]bool // the steps that may change; nil is all

	mu  sync.Mutex // one event at a time
	out func(Event)
}

// New checks that every step comes after the steps its fields point to.
func New(notify func(Event), steps ...Step) (*Stack, error) {
	s := &Stack{Poll: time.Second, steps: steps, needs: map[Step][]Step{}, out: notify}
	seen := map[Step]bool{}
	for _, st := range steps {
		v := reflect.ValueOf(st).Elem()
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || f.Anonymous || !f.Type.Implements(reflect.TypeFor[Step]()) {
				continue
			}
			need, _ := reflect.TypeAssert[Step](v.Field(i))
			if v.Field(i).IsNil() || !seen[need] {
				return nil, fmt.Errorf("step %s needs %s, which does not come before it", st.Name(), f.Name)
			}
			s.needs[st] = append(s.needs[st], need)
		}
		seen[st] = true
	}
	return s, nil
}

// Needs lists the edges: for every step the names of those its fields point to.
func (s *Stack) Needs() map[string][]string {
	edges := map[string][]string{}
	for _, st := range s.steps {
		edges[st.Name()] = nil
		for _, n := range s.needs[st] {
			edges[st.Name()] = append(edges[st.Name()], n.Name())
		}
	}
	return edges
}

// Read finds everything that is live, all steps at once. All reads end, and all their errors are returned.
func (s *Stack) Read(ctx context.Context) error {
	return s.all(func(st Step) error { return wrap(st, "read", safely(func() error { return st.Read(ctx) })) })
}

// Check asks every wanted step whether what is wanted can be done, and every other whether it may go, and returns all
// refusals. It plans first, so that a step sees which values of others will be made anew.
func (s *Stack) Check() error {
	if err := safely(func() error { s.Plan(); return nil }); err != nil {
		return err
	}
	return s.all(func(st Step) error {
		if !s.may(st) {
			return nil
		}
		if c, ok := st.(Checker); ok && s.wants(st) {
			return wrapStep(st, safely(c.Check))
		}
		if k, ok := st.(Keeper); ok && !s.wants(st) {
			return wrapStep(st, safely(k.Keep))
		}
		return nil
	})
}

func (s *Stack) all(do func(Step) error) error {
	errs := make([]error, len(s.steps))
	var wg sync.WaitGroup
	for i, st := range s.steps {
		wg.Go(func() { errs[i] = do(st) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Want makes Plan and Apply those of a destroy when nothing is wanted.
func (s *Stack) Want(anything bool) { s.nothing = !anything }

// Only keeps all steps but those named from changing anything: the others are read, for what they know.
func (s *Stack) Only(names ...string) {
	s.only = map[string]bool{}
	for _, n := range names {
		s.only[n] = true
	}
}

func (s *Stack) may(st Step) bool { return s.only == nil || s.only[st.Name()] }

// Plan lists what Apply would do, in the steps' order.
func (s *Stack) Plan() (p Plan) {
	for _, st := range s.steps {
		pl := Planned{Step: st.Name(), Changes: append(s.forward(st), s.backward(st)...)}
		if n, ok := st.(Noter); ok && s.wants(st) && s.may(st) {
			pl.Notes = n.Notes()
		}
		for _, c := range pl.Changes {
			pl.Part = pl.Part || len(c.With) > 0 && !c.Loud
			for _, part := range c.With {
				if i := slices.IndexFunc(p, func(o Planned) bool { return o.Step == part.Name() }); i >= 0 && c.Loud {
					p[i].Part = true
				}
			}
		}
		if len(pl.Changes)+len(pl.Notes) > 0 {
			p = append(p, pl)
		}
	}
	return p
}

// Apply makes what is to be there, until all of it is ready, then removes what is to be gone.
func (s *Stack) Apply(ctx context.Context) error {
	if err := s.Grow(ctx); err != nil {
		return err
	}
	return s.Shrink(ctx)
}

// Grow is the first half of Apply: it makes what is to be there, until all of it is ready.
func (s *Stack) Grow(ctx context.Context) error { return s.walk(ctx, s.needs, s.forward, true) }

// Shrink is the second half of Apply: what the last release no longer needs goes, in reverse. It is left out when
// the new release is not known to serve (a deployment that was only accepted).
func (s *Stack) Shrink(ctx context.Context) error {
	dependents := map[Step][]Step{}
	for st, needs := range s.needs {
		for _, n := range needs {
			dependents[n] = append(dependents[n], st)
		}
	}
	return s.walk(ctx, dependents, s.backward, false)
}

// Destroy is Apply with nothing wanted.
func (s *Stack) Destroy(ctx context.Context) error {
	s.Want(false)
	return s.Apply(ctx)
}

func (s *Stack) wants(st Step) bool { return !s.nothing && st.Wanted() }

func (s *Stack) forward(st Step) []Change {
	if !s.wants(st) || !s.may(st) {
		return nil
	}
	return slices.DeleteFunc(st.Plan(), func(c Change) bool { return c.After })
}

// backward awaits nobody: all that is to be ready is so by then, and those a step needs come after it.
func (s *Stack) backward(st Step) (changes []Change) {
	if !s.may(st) {
		return nil
	}
	if s.wants(st) {
		changes = slices.DeleteFunc(st.Plan(), func(c Change) bool { return !c.After })
	} else {
		changes = st.Remove()
	}
	for i := range changes {
		changes[i].Await = nil
	}
	return changes
}

// safely turns a panic in f, which is a bug, into an error that says where.
func safely(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Bug{p, debug.Stack()}
		}
	}()
	return f()
}

// A Bug is a panic in a step. Its text is short; Stack says where.
type Bug struct {
	Value any
	Stack []byte
}

func (b *Bug) Error() string { return fmt.Sprintf("internal error: %v", b.Value) }

// wrap puts the step, and what it was doing, before an error; before each of several joined ones.
func wrap(st Step, doing string, err error) error { return before(st.Name()+": "+doing, err) }

func wrapStep(st Step, err error) error { return before(st.Name(), err) }

func before(place string, err error) error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, before(place, e))
		}
		return errors.Join(all...)
	}
	return fmt.Errorf("%s: %w", place, err)
}
