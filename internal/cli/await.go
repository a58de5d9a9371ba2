package cli

import (
	"context"
	"sync"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/ui"
)

// A halter is a step that waits for a deployment, and can have it stopped and rolled back.
type halter interface {
	deploy.Slow
	Halt(context.Context) error
}

// An awaited deployment makes Ctrl-C a question: what is to become of it? Nothing is stopped but by the answer. Where nobody can be asked it leaves ECS to its work, as everything else does that ends a wait. Before
// the deployment has begun Ctrl-C keeps its meaning.
type awaited struct {
	s     *session
	steps map[string]halter
	done  context.Context // ends with the wait
	asked sync.WaitGroup  // the question that stands

	mu     sync.Mutex
	step   halter // whose deployment is awaited; nil while none is
	asking bool
}

// A detachedError is the cause of a context that has ended while the deployment goes on.
type detachedError struct{ hint string }

func (e *detachedError) Error() string { return "interrupted: the deployment goes on at AWS" }
func (e *detachedError) Hint() string  { return e.hint }
func (e *detachedError) Unwrap() error { return errInterrupted }

func (w *awaited) detached() error {
	hint := w.s.again("status") + " shows how it goes"
	switch {
	case w.s.c.Command.Name == "rollback":
		hint += "; the same command again goes back to what served before"
	case w.s.c.Bool("force-new-deployment"): // another restart is another deployment
		hint += "; " + w.s.again("rollback") + " stops it and rolls it back"
	default:
		hint += "; the same command again joins it; " + w.s.again("rollback") + " stops it and rolls it back"
	}
	return &detachedError{hint}
}

// await applies a plan, and returns how that ended once no question stands any more.
func (s *session) await(list []deploy.Step, apply func(context.Context) error) error {
	done, end := context.WithCancel(s.c.Context)
	defer end()
	w := &awaited{s: s, steps: map[string]halter{}, done: done}
	for _, st := range list {
		if h, ok := st.(halter); ok {
			w.steps[st.Name()] = h
		}
	}
	s.awaited = w
	s.interrupts.take(w.pressed)
	defer s.interrupts.take(nil)
	err := apply(s.c.Context)
	end()
	w.asked.Wait()
	s.trail.end()
	return s.stop(s.suspect(list, err))
}

// event follows when the wait for a deployment begins and ends.
func (w *awaited) event(e deploy.Event) {
	if w == nil || w.steps[e.Step] == nil {
		return
	}
	if e.State == deploy.Waiting || e.State == deploy.Done {
		w.s.trail.begin(w.s.c.Context)
	}
	if e.Change != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e.State {
	case deploy.Waiting:
		w.step = w.steps[e.Step]
	case deploy.Ready, deploy.Failed:
		w.step = nil
	case deploy.Begun, deploy.Done, deploy.Noted, deploy.Skipped:
	}
}

// pressed is Ctrl-C. It returns why the command ends, nil when it goes on with a question.
func (w *awaited) pressed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.step == nil:
		return errInterrupted
	case w.asking, !w.s.asks():
		return w.detached()
	}
	w.asking = true
	step := w.step
	w.asked.Go(func() {
		w.s.sink.Aside(func() { w.ask(step) })
		w.mu.Lock()
		defer w.mu.Unlock()
		w.asking = false
	})
	return nil
}

// ask asks until the answer can be carried out. The end of the wait ends the question, too.
func (w *awaited) ask(step halter) {
	for {
		answer, err := ui.Choose(w.done, w.s.stdin, w.s.terminal.Err, "the deployment is under way; what now? (ctrl-c again detaches)",
			ui.Choice{Key: "k", Text: "keep watching"}, ui.Choice{Key: "d", Text: "detach: it goes on at AWS"}, ui.Choice{Key: "r", Text: "stop it and roll back"})
		switch {
		case w.done.Err() != nil || err == nil && answer == "k":
			return
		case err != nil || answer != "r": // nobody is there any more
			w.s.interrupts.end(w.detached())
			return
		}
		err = step.Halt(context.WithoutCancel(w.done))
		if err == nil || w.done.Err() != nil {
			return
		}
		ui.Error(w.s.terminal.Err, briefly(err), hints(err)...)
	}
}
