package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// toy is a step made of functions; those left out do nothing.
type toy struct {
	Need   *toy
	name   string
	gone   bool // not wanted
	read   func() error
	check  func() error
	keep   func() error
	notes  []string
	plan   func() []Change
	remove func() []Change
	ready  func() (string, error)
}

func (s *toy) Name() string               { return s.name }
func (s *toy) Wanted() bool               { return !s.gone }
func (s *toy) Read(context.Context) error { return call(s.read) }
func (s *toy) Check() error               { return call(s.check) }
func (s *toy) Keep() error                { return call(s.keep) }
func (s *toy) Notes() []string            { return s.notes }
func (s *toy) Plan() []Change             { return list(s.plan) }
func (s *toy) Remove() []Change           { return list(s.remove) }

func (s *toy) Ready(context.Context) (string, error) {
	if s.ready == nil {
		return "", nil
	}
	return s.ready()
}

func call(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

func list(f func() []Change) []Change {
	if f == nil {
		return nil
	}
	return f()
}

// pair is a stack of a step "a" and a step "b" that needs it, with what it has told.
func pair(t *testing.T, a, b *toy) (*Stack, *[]string) {
	t.Helper()
	told := new([]string)
	a.name, b.name = "a", "b"
	root := &toy{name: "root"}
	a.Need, b.Need = root, a
	s := &Stack{Poll: time.Second, steps: []Step{root, a, b}, needs: map[Step][]Step{a: {root}, b: {a}}, out: func(e Event) {
		line := e.Step + " " + string(e.State)
		if e.Change != nil {
			line += " " + e.Change.What
		}
		*told = append(*told, strings.TrimSpace(line+" "+e.Text)) // the race detector says if two tell at once
	}}
	return s, told
}

func one(what string, do func(context.Context) error) func() []Change {
	return func() []Change { return []Change{{Op: Update, What: what, Do: do}} }
}

func ok(context.Context) error { return nil }

func want(t *testing.T, got []string, want string) {
	t.Helper()
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	a := &toy{name: "a"}
	b := &toy{name: "b", Need: a}
	for _, steps := range [][]Step{{b, a}, {a}, {b}} {
		if _, err := New(nil, steps...); err == nil || !strings.HasSuffix(err.Error(), "needs Need, which does not come before it") {
			t.Error(err)
		}
	}
	s, err := New(nil, &leaf{}, &branch{})
	if err == nil || s != nil {
		t.Error("a nil need was accepted")
	}
	l := &leaf{}
	s, err = New(nil, l, &branch{Leaf: l})
	if err != nil || !slices.Equal(s.Needs()["branch"], []string{"leaf"}) || s.Needs()["leaf"] != nil {
		t.Error(err, s)
	}
}

// leaf and branch are steps with and without an edge; hidden fields are none.
type leaf struct{ hidden *branch }

func (*leaf) Name() string               { return "leaf" }
func (*leaf) Wanted() bool               { return true }
func (*leaf) Read(context.Context) error { return nil }
func (l *leaf) Plan() []Change           { _ = l.hidden; return nil }
func (*leaf) Remove() []Change           { return nil }

type branch struct {
	Leaf  *leaf
	Other string // a field that is no step
}

func (*branch) Name() string               { return "branch" }
func (*branch) Wanted() bool               { return true }
func (*branch) Read(context.Context) error { return nil }
func (*branch) Plan() []Change             { return nil }
func (*branch) Remove() []Change           { return nil }

// All reads end, and all their errors are there; so with refusals: wanted steps are asked whether they can be, all others
// whether they may go.
func TestErrorsTogether(t *testing.T) {
	t.Parallel()
	no := func(text string) func() error { return func() error { return errors.New(text) } }
	s, _ := pair(t, &toy{read: func() error { return errors.Join(errors.New("denied"), errors.New("too")) }, check: no("CIDR"), keep: no("protected")}, &toy{read: no("also denied"), check: no("scheme")})
	if err := s.Read(t.Context()); err == nil || err.Error() != "a: read: denied\na: read: too\nb: read: also denied" {
		t.Error(err)
	}
	if err := s.Check(); err == nil || err.Error() != "a: CIDR\nb: scheme" {
		t.Error(err)
	}
	s.Want(false)
	if err := s.Check(); err == nil || err.Error() != "a: protected" {
		t.Error(err)
	}
}

func TestPlanText(t *testing.T) {
	t.Parallel()
	var id Out[string]
	s, _ := pair(t, &toy{notes: []string{"kept under its old name"}, plan: func() []Change {
		return []Change{
			{Op: Create, What: "thing x"},
			{Op: Update, What: "thing y", Why: "drift", Diff: Diff(F("size", 1, 2), FOut("id", "i-1", id), FSet("set", []string{"b", "a"}, []string{"a", "b", "a"}))},
			{Op: Replace, What: "thing z"},
		}
	}}, &toy{gone: true, remove: func() []Change { return []Change{{Op: Delete, What: "old"}} }, notes: []string{"not shown"}})
	const text = `+ a: thing x
~ a: thing y (drift)
    size: 1 -> 2
    id: i-1 -> (known after apply)
± a: thing z
  a: kept under its old name
- b: old
`
	p := s.Plan()
	if p.String() != text || p.Count() != [4]int{1, 1, 1, 1} || p.Empty() {
		t.Errorf("%v\n%s", p.Count(), p)
	}
	if (Plan{{Step: "a", Notes: []string{"n"}}}).Empty() == false {
		t.Error("notes are no changes")
	}
	after := Plan{{Step: "a", Changes: []Change{{Op: Delete, What: "rule", After: true}}}}
	if got := after.String(); got != "- a: rule, once the new release serves\n" {
		t.Error(got)
	}
	if Delete.Verb() != "delete" || Create.Verb() != "create" {
		t.Error("verbs")
	}
}

func TestOut(t *testing.T) {
	t.Parallel()
	var o Out[string]
	if _, ok := o.Known(); ok || o.None() || o.String() != "(known after apply)" {
		t.Error(o)
	}
	o.Set("x")
	if v, ok := o.Known(); !ok || v != "x" || o.Get() != "x" || o.String() != "x" {
		t.Error(o)
	}
	o.SetNone()
	if _, ok := o.Known(); ok || !o.None() || o.Get() != "" || o.String() != "none" {
		t.Error(o)
	}
	if d := Diff(FOut("x", "", o), FOut("y", "live", o)); len(d) != 1 || d[0] != (Field{"y", "live", "none"}) {
		t.Error(d)
	}
	o.Forget()
	defer func() {
		if recover() == nil {
			t.Error("Get of an unknown value must panic")
		}
	}()
	o.Get()
}

// What is shown unknown is planned again when its input is known, and may then be nothing.
func TestPlanTwice(t *testing.T) {
	t.Parallel()
	var id Out[string]
	live := "i-1"
	s, told := pair(t, &toy{plan: one("make", func(context.Context) error { id.Set("i-1"); return nil })}, &toy{})
	s.steps[2].(*toy).plan = func() []Change {
		if d := Diff(FOut("id", live, id)); d != nil {
			return []Change{{Op: Update, What: "use", Diff: d, Do: ok}}
		}
		return nil
	}
	if p := s.Plan(); len(p) != 2 {
		t.Error(p)
	}
	if err := s.Apply(t.Context()); err != nil {
		t.Error(err)
	}
	want(t, *told, "a begun, a begun make, a done make, a done")
}

func TestFailure(t *testing.T) {
	t.Parallel()
	s, told := pair(t, &toy{plan: one("x", func(context.Context) error { return errors.New("boom") })}, &toy{plan: one("y", ok)})
	if err := s.Apply(t.Context()); err == nil || err.Error() != "a: x: boom" {
		t.Error(err)
	}
	want(t, *told, "a begun, a begun x, a failed x, b skipped a")
}

func TestPanic(t *testing.T) {
	t.Parallel()
	s, _ := pair(t, &toy{plan: one("x", func(context.Context) error { panic("no such thing") })}, &toy{plan: one("y", ok)})
	err := s.Apply(t.Context())
	bug := (*Bug)(nil)
	if !errors.As(err, &bug) || err.Error() != "a: x: internal error: no such thing" || !strings.Contains(string(bug.Stack), "deploy_test.go") {
		t.Error(err)
	}
	s, _ = pair(t, &toy{plan: func() []Change { var o Out[string]; o.Get(); return nil }}, &toy{})
	if err := s.Apply(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "a: plan: internal error: deploy: string read before it was made") {
		t.Error(err)
	}
}

// Changes that come After are shown with their step, and done on the way back, once all is ready.
func TestAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		s, told := pair(t, &toy{plan: func() []Change {
			return []Change{{What: "new", Do: ok}, {What: "old", After: true, Do: func(ctx context.Context) error { Say(ctx, "%d left", 1); return nil }}}
		}}, &toy{plan: one("switch", ok), ready: func() (string, error) {
			if looks++; looks < 3 {
				return "pending", nil
			}
			return "", nil
		}})
		if p := s.Plan(); len(p[0].Changes) != 2 {
			t.Error(p)
		}
		if err := s.Apply(t.Context()); err != nil {
			t.Error(err)
		}
		want(t, *told, "a begun, a begun new, a done new, a done, b begun, b begun switch, b done switch, b done, b waiting pending, b ready, "+
			"a begun, a begun old, a noted old 1 left, a done old, a done")
	})
}

// A release that was only accepted, or failed, takes nothing away.
func TestGrowOnly(t *testing.T) {
	t.Parallel()
	for name, grow := range map[string]func(*Stack, context.Context) error{
		"accepted": (*Stack).Grow,
		"failed":   (*Stack).Apply,
	} {
		s, told := pair(t, &toy{plan: func() []Change { return []Change{{What: "old", After: true, Do: ok}} }},
			&toy{ready: func() (string, error) {
				if name == "failed" {
					return "", errors.New("rolled back")
				}
				return "", nil
			}})
		if err := grow(s, t.Context()); (err != nil) != (name == "failed") {
			t.Error(name, err)
		}
		if strings.Contains(strings.Join(*told, ", "), "old") {
			t.Error(name, *told)
		}
	}
}

// Without Await a step goes on when its need is accepted; with it, when that is ready. A wait on the way back is none.
func TestAwait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &toy{plan: one("slow", ok)}
		made := time.Now()
		a.ready = func() (string, error) {
			if time.Since(made) < time.Minute {
				return "pending", nil
			}
			return "", nil
		}
		var early, late time.Duration
		s, _ := pair(t, a, &toy{plan: func() []Change {
			return []Change{
				{What: "1", Do: func(context.Context) error { early = time.Since(made); return nil }},
				{What: "2", Await: []Slow{a}, Do: func(context.Context) error { late = time.Since(made); return nil }},
				{What: "3", Await: []Slow{a}, After: true, Do: ok},
			}
		}})
		if err := s.Apply(t.Context()); err != nil || early != 0 || late != time.Minute {
			t.Error(err, early, late)
		}
	})
}

// A need that never gets ready is reported once, in its own name, and skips only who awaits it.
func TestNeverReady(t *testing.T) {
	t.Parallel()
	a := &toy{plan: one("slow", ok), ready: func() (string, error) { return "", errors.New("failed state") }}
	s, told := pair(t, a, &toy{plan: func() []Change {
		return []Change{{What: "1", Do: ok}, {What: "2", Await: []Slow{a}, Do: ok}}
	}})
	if err := s.Apply(t.Context()); err == nil || err.Error() != "a: wait until ready: failed state" {
		t.Error(err)
	}
	if got := strings.Join(*told, ", "); !strings.Contains(got, "b skipped a") || strings.Contains(got, "begun 2") || !strings.Contains(got, "done 1") {
		t.Error(got)
	}
}

// After a failure nobody waits for what is slow and what nobody awaits any more.
func TestFailureEndsWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		never := func() (string, error) { return "pending", nil }
		s, told := pair(t, &toy{plan: one("slow", ok), ready: never}, &toy{plan: one("y", func(context.Context) error { time.Sleep(time.Second); return errors.New("boom") })})
		if err := s.Apply(t.Context()); err == nil || err.Error() != "b: y: boom" || time.Since(began) > 2*time.Second {
			t.Error(err, time.Since(began), *told)
		}
	})
}

// Changes of one group run together, and all of them end.
func TestGroup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		slow := func(err error) func(context.Context) error {
			return func(context.Context) error { time.Sleep(time.Second); return err }
		}
		s, told := pair(t, &toy{plan: func() []Change {
			return []Change{{What: "1", Group: "g", Do: slow(nil)}, {What: "2", Group: "g", Do: slow(nil)}, {What: "3", Do: slow(nil)}, {What: "4", Do: slow(nil)}}
		}}, &toy{})
		if err := s.Apply(t.Context()); err != nil || time.Since(began) != 3*time.Second || len(*told) != 10 {
			t.Error(err, time.Since(began), *told)
		}
		s, _ = pair(t, &toy{plan: func() []Change {
			return []Change{{What: "1", Group: "g", Do: slow(errors.New("one"))}, {What: "2", Group: "g", Do: slow(errors.New("two"))}, {What: "3", Do: slow(nil)}}
		}}, &toy{})
		if err := s.Apply(t.Context()); err == nil || err.Error() != "a: 1: one\na: 2: two" {
			t.Error(err)
		}
	})
}

// Destroy removes in reverse, and asks nobody whether it is ready.
func TestDestroy(t *testing.T) {
	t.Parallel()
	never := func() (string, error) { return "never", nil }
	del := func(what string) func() []Change {
		return func() []Change { return []Change{{Op: Delete, What: what, Do: ok}} }
	}
	s, told := pair(t, &toy{plan: one("x", ok), remove: del("x"), ready: never}, &toy{plan: one("y", ok), remove: del("y"), ready: never})
	if err := s.Destroy(t.Context()); err != nil {
		t.Error(err)
	}
	want(t, *told, "b begun, b begun y, b done y, b done, a begun, a begun x, a done x, a done")
}

// A daily verb changes only what it is about; other steps are read for what they know.
func TestOnly(t *testing.T) {
	t.Parallel()
	never := func() (string, error) { return "never", nil }
	no := func() error { return errors.New("refused") }
	s, told := pair(t, &toy{plan: one("x", ok), ready: never, check: no, notes: []string{"n"}}, &toy{plan: one("y", ok)})
	s.Only("b")
	if p := s.Plan(); len(p) != 1 || p[0].Step != "b" {
		t.Error(p)
	}
	if err := errors.Join(s.Check(), s.Apply(t.Context())); err != nil {
		t.Error(err)
	}
	want(t, *told, "b begun, b begun y, b done y, b done")
}

// A step that the manifest drops goes after those that used it have changed.
func TestDropped(t *testing.T) {
	t.Parallel()
	s, told := pair(t, &toy{gone: true, remove: one("x", ok)}, &toy{plan: one("y", ok)})
	if err := s.Apply(t.Context()); err != nil {
		t.Error(err)
	}
	want(t, *told, "b begun, b begun y, b done y, b done, a begun, a begun x, a done x, a done")
}

// Stopped from outside, the call in flight ends, nothing new begins, waits end, and there is one error.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	s, told := pair(t, &toy{plan: one("x", func(ctx context.Context) error { cancel(interrupted); return ctx.Err() })}, &toy{plan: one("y", ok)})
	if err := s.Apply(ctx); err == nil || err.Error() != "interrupted" {
		t.Error(err)
	}
	want(t, *told, "a begun, a begun x, a done x, a done")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, interrupted)
		defer cancel()
		began := time.Now()
		s, _ := pair(t, &toy{ready: func() (string, error) { return "pending", nil }}, &toy{plan: one("y", func(ctx context.Context) error {
			return Until(ctx, func(context.Context) (string, error) { return "ENIs", nil })
		})})
		if err := s.Apply(ctx); err == nil || !strings.HasPrefix(err.Error(), "interrupted") || time.Since(began) != time.Minute {
			t.Error(err, time.Since(began))
		}
	})
}

// What is interruptible ends at once, is no failure, and one error is left of it.
func TestInterruptible(t *testing.T) {
	t.Parallel()
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	s, told := pair(t, &toy{plan: one("x", func(ctx context.Context) error {
		ctx, release := Interruptible(ctx)
		defer release()
		cancel(interrupted)
		<-ctx.Done()
		return fmt.Errorf("go build: %w", context.Cause(ctx))
	})}, &toy{plan: one("y", ok)})
	if err := s.Apply(ctx); err == nil || err.Error() != "interrupted" {
		t.Error(err)
	}
	want(t, *told, "a begun, a begun x")
	alone, release := Interruptible(t.Context())
	release()
	if alone.Err() == nil {
		t.Error("a context that was released goes on")
	}
}

// Outside a stack Until polls once a second, and Say says nothing.
func TestUntilAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, looks := time.Now(), 0
		err := Until(t.Context(), func(ctx context.Context) (string, error) {
			Say(ctx, "nobody hears this")
			if looks++; looks < 4 {
				return "pending", nil
			}
			return "", nil
		})
		if err != nil || time.Since(began) != 3*time.Second {
			t.Error(err, time.Since(began))
		}
	})
}

// Changes that are one wish are shown as the loud one of them, and all of them are done.
func TestPlanWith(t *testing.T) {
	t.Parallel()
	var done []string
	do := func(name string) func(context.Context) error {
		return func(context.Context) error { done = append(done, name); return nil }
	}
	a := &named{name: "a", notes: []string{"a note"}}
	a.plan = []Change{{Op: Create, What: "build", Do: do("a")}}
	b := &later{&named{name: "b"}, a}
	b.plan = []Change{{Op: Update, What: "service", Loud: true, With: []Step{a}, Do: do("b")}}
	c := &later{&named{name: "c"}, b}
	c.plan = []Change{{Op: Create, What: "tag", With: []Step{b}, Do: do("c")}}
	s, err := New(func(Event) {}, a, b, c)
	if err != nil {
		t.Fatal(err)
	}
	p := s.Plan()
	if got, want := p.String(), "  a: a note\n~ b: service\n"; got != want || p.Count() != [4]int{0, 1} || len(p) != 3 {
		t.Errorf("%q, %v", got, p.Count())
	}
	if err := s.Apply(t.Context()); err != nil || strings.Join(done, " ") != "a b c" {
		t.Error(err, done)
	}
}

// later is a step that needs another.
type later struct {
	*named
	Need Step
}

type named struct {
	name  string
	plan  []Change
	notes []string
}

func (n *named) Name() string             { return n.name }
func (*named) Wanted() bool               { return true }
func (*named) Read(context.Context) error { return nil }
func (n *named) Plan() []Change           { return slices.Clone(n.plan) }
func (*named) Remove() []Change           { return nil }
func (n *named) Notes() []string          { return n.notes }
