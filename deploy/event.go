package deploy

import (
	"context"
	"fmt"
	"time"
)

// An Event is one thing that happened, for a terminal, a log or a JSON stream to show.
// Without a Change it is about the step: Begun and Done frame its changes; Waiting, Ready and Skipped are its own.
type Event struct {
	At     time.Time
	Step   string
	State  State
	Change *Change
	Text   string // of Noted and Waiting; of Skipped the step that is to blame
	Err    error  // of Failed
}

// A State is what happened.
type State string

// The states of a change and of a step.
const (
	Begun   State = "begun"
	Noted   State = "noted"
	Done    State = "done"
	Waiting State = "waiting"
	Ready   State = "ready"
	Failed  State = "failed"
	Skipped State = "skipped"
)

func (s *Stack) notify(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.At = time.Now()
	s.out(e)
}

// inside is what the context of a change holds: the context that stops what waits (a call in flight
// is let end), how to speak of it, and how often to ask.
type inside struct {
	stop context.Context
	say  func(string)
	poll time.Duration
}

type key struct{}

func (s *Stack) within(ctx context.Context, st Step, c *Change, state State) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), key{}, inside{ctx, func(text string) {
		s.notify(Event{Step: st.Name(), State: state, Change: c, Text: text})
	}, s.Poll})
}

// Say reports progress of the change being done ("2 of 3 tasks healthy").
func Say(ctx context.Context, format string, args ...any) {
	if in, ok := ctx.Value(key{}).(inside); ok {
		in.say(fmt.Sprintf(format, args...))
	}
}

// Interruptible is the context of a change, ended as soon as the run is: for work that leaves nothing half-done behind, such as
// the build of an image. Without it a change that has begun is let end. It is to be released.
func Interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	in, ok := ctx.Value(key{}).(inside)
	if !ok {
		return context.WithCancel(ctx)
	}
	ctx, end := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(in.stop, func() { end(context.Cause(in.stop)) })
	return ctx, func() { unhook(); end(nil) }
}

// Until asks once a poll (a second, outside a Stack) what is still missing, and says it, until nothing is.
func Until(ctx context.Context, missing func(context.Context) (string, error)) error {
	in, ok := ctx.Value(key{}).(inside)
	if !ok {
		in = inside{stop: ctx, poll: time.Second}
	}
	for said := ""; ; {
		m, err := missing(ctx)
		if err != nil || m == "" {
			return err
		}
		if m != said {
			Say(ctx, "%s", m)
			said = m
		}
		select {
		case <-in.stop.Done():
			return in.stop.Err()
		case <-time.After(in.poll):
		}
	}
}
