package deploy

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// A course is how far one step has come in a walk: its changes are done, then what they made is ready.
type course struct {
	done, ready chan struct{}
	err, late   error
	wait        context.Context // of its readiness
	giveUp      context.CancelCauseFunc
}

var errSkipped = errors.New("skipped")

// walk runs every step's changes as soon as the steps it waits for are done, and lasts until all of them are ready.
// A failure stops only what waits for it; each is returned once, under the name of the step that had it.
func (s *Stack) walk(ctx context.Context, after map[Step][]Step, changes func(Step) []Change, readiness bool) error {
	courses := map[Step]*course{}
	for _, st := range s.steps {
		c := &course{done: make(chan struct{}), ready: make(chan struct{})}
		c.wait, c.giveUp = context.WithCancelCause(ctx)
		courses[st] = c
	}
	defer func() {
		for _, c := range courses {
			c.giveUp(nil)
		}
	}()
	for st, c := range courses {
		go func() {
			defer close(c.ready)
			c.err = s.run(ctx, st, courses, after[st], changes)
			close(c.done)
			if c.err == nil && readiness {
				c.late = s.ready(c.wait, st) //nolint:contextcheck // its own end of ctx: see giveUp
			}
		}()
	}
	for _, st := range s.steps {
		<-courses[st].done
	}
	s.giveUp(courses)
	errs := []error{nil}
	for _, st := range s.steps {
		<-courses[st].ready
		for _, err := range []error{courses[st].err, courses[st].late} {
			if stopped(ctx, err) {
				errs[0] = context.Cause(ctx) // one error, not one a step
			} else if !errors.Is(err, errSkipped) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// stopped says whether the error is that the run was stopped from outside.
func stopped(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
}

// giveUp ends the waits for what nobody needs any more, once all that could be begun is done: those for steps whose
// dependents have failed or were skipped. Nobody wants to be told of a failure after minutes.
func (s *Stack) giveUp(courses map[Step]*course) {
	hopeless := map[Step]bool{}
	for _, st := range slices.Backward(s.steps) {
		if !hopeless[st] && courses[st].err == nil {
			continue
		}
		for _, need := range s.needs[st] {
			hopeless[need] = true
			courses[need].giveUp(errSkipped)
		}
	}
}

// run waits for the steps before st, then makes its changes, groups of them together.
func (s *Stack) run(ctx context.Context, st Step, courses map[Step]*course, after []Step, changes func(Step) []Change) error {
	if err := s.turn(ctx, st, courses, after); err != nil {
		return err
	}
	var todo []Change
	if err := safely(func() error { todo = changes(st); return nil }); err != nil {
		return s.failed(st, nil, wrap(st, "plan", err))
	}
	for i := 0; i < len(todo); {
		n := i + 1
		for n < len(todo) && todo[n].Group != "" && todo[n].Group == todo[i].Group {
			n++
		}
		for _, c := range todo[i:n] {
			for _, need := range c.Await {
				if <-courses[need].ready; courses[need].err != nil || courses[need].late != nil {
					return s.skip(st, need)
				}
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if i == 0 {
			s.notify(Event{Step: st.Name(), State: Begun})
		}
		if err := s.together(ctx, st, todo[i:n]); err != nil {
			return err
		}
		i = n
	}
	if len(todo) > 0 {
		s.notify(Event{Step: st.Name(), State: Done})
	}
	return nil
}

// turn waits until the steps before st are done. What was stopped from outside has not failed: nothing is skipped because of it.
func (s *Stack) turn(ctx context.Context, st Step, courses map[Step]*course, after []Step) error {
	for _, need := range after {
		if <-courses[need].done; stopped(ctx, courses[need].err) {
			return courses[need].err
		} else if courses[need].err != nil {
			return s.skip(st, need)
		}
	}
	return nil
}

func (s *Stack) skip(st, because Step) error {
	s.notify(Event{Step: st.Name(), State: Skipped, Text: because.Name()})
	return errSkipped
}

// together does the changes of one group at once; all of them end.
func (s *Stack) together(ctx context.Context, st Step, group []Change) error {
	errs := make([]error, len(group))
	var wg sync.WaitGroup
	for i := range group {
		wg.Go(func() { errs[i] = s.do(ctx, st, &group[i]) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *Stack) do(ctx context.Context, st Step, c *Change) error {
	s.notify(Event{Step: st.Name(), State: Begun, Change: c})
	if err := safely(func() error { return c.Do(s.within(ctx, st, c, Noted)) }); err != nil {
		if stopped(ctx, err) {
			return err
		}
		return s.failed(st, c, wrap(st, c.What, err))
	}
	s.notify(Event{Step: st.Name(), State: Done, Change: c})
	return nil
}

// ready waits until st, if it is slow and wanted, is ready. A step that is so at the first look says nothing.
func (s *Stack) ready(ctx context.Context, st Step) error {
	slow, ok := st.(Slow)
	if !ok || !s.wants(st) || !s.may(st) {
		return nil
	}
	waited := false
	err := safely(func() error {
		return Until(s.within(ctx, st, nil, Waiting), func(ctx context.Context) (string, error) {
			missing, err := slow.Ready(ctx)
			waited = waited || missing != ""
			return missing, err
		})
	})
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return context.Cause(ctx)
		}
		return s.failed(st, nil, wrap(st, "wait until ready", err))
	}
	if waited {
		s.notify(Event{Step: st.Name(), State: Ready})
	}
	return nil
}

func (s *Stack) failed(st Step, c *Change, err error) error {
	s.notify(Event{Step: st.Name(), State: Failed, Change: c, Err: err})
	return err
}
