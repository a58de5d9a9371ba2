// Package sandbox is a faithful, strict AWS in one http.Handler: the operations that fargatectl makes, with AWS's error
// codes, name rules, dependencies, states and waits. Every test and `--sandbox` run against it, and it serves clients
// that nobody here wrote: the AWS CLI, boto3, Terraform.
//
// A service is a struct whose methods have the SDK client's own signatures (package wire speaks the protocols).
// All of them work on one [State] under one lock; what takes time in AWS is an event in the state, due at a moment of
// the clock. An operation that a service lacks answers NotImplemented by name, never a silent success.
//
// Two things differ from AWS on purpose: waits are divided by Speed, and nothing behind a task or a target runs. A session
// of ECS Exec is a program of this machine: only who is on this machine, and has the session's token, gets to it.
package sandbox

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fargatectl/fargatectl/internal/sandbox/wire"
)

// Account is the account that every sandbox is.
const Account = "123456789012"

// Options are how a sandbox keeps time and state.
type Options struct {
	Dir   string           // keeps the state between processes; "" keeps it in memory
	Speed float64          // waits are divided by it: 60 makes a minute a second; 0 is instant
	Now   func() time.Time // the clock; time.Now by default
	Wait  bool             // requests take an API's latency (also divided by Speed)
}

// A Sandbox is one AWS account. It is an http.Handler, and an http.RoundTripper that serves in memory.
type Sandbox struct {
	o     Options
	store store
	blobs *blobStore
	wire  http.Handler
	open  sessions // of ECS Exec
	keys  dataKeys // of KMS, that they are encrypted with

	mu     sync.Mutex // held by every request while it works, never while it sleeps
	state  *State
	clock  time.Time // of the request or event being worked on
	dirty  bool
	on     map[string]func(id string) // what is done when an event is due, by its kind
	faults []*Fault
	calls  []Call
	watch  func() // of a test

	logFiles map[string]*logFile // as far as they were read
	delivery Delivery            // of log events
}

// A Call is one request that was answered.
type Call struct {
	Service, Op string // "ecs", "CreateService"
	Region      string
	At          time.Time // when it came
	Err         string    // the error's code; "" for success
}

// Changing says whether the call changes something: all do but those that describe, list and get.
func (c Call) Changing() bool { return changing(c.Op) }

func changing(op string) bool {
	for _, p := range []string{"Describe", "List", "Get", "BatchGet", "Filter", "BatchCheck", "StartLiveTail"} {
		if strings.HasPrefix(op, p) {
			return false
		}
	}
	return true
}

// Open opens the sandbox kept in o.Dir, or makes a new one.
func Open(o Options) (*Sandbox, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Sandbox{o: o, on: map[string]func(string){}, state: newState()}
	var err error
	if s.store, err = openStore(o.Dir); err != nil {
		return nil, err
	}
	s.blobs = newBlobStore(s.store.dir())
	s.wire = wire.Handler(s.services(), s.around)
	return s, nil
}

// Now is the sandbox's clock.
func (s *Sandbox) Now() time.Time { return s.o.Now() }

// Calls returns the requests answered by this process, in order.
func (s *Sandbox) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Do lets a test look into the state, or change it behind everybody's back.
func (s *Sandbox) Do(f func(*State)) error {
	return s.locked(func() error { s.dirty = true; f(s.state); return nil })
}

// around works one operation: faults and latency outside the lock; time, the operation and saving inside.
func (s *Sandbox) around(ctx context.Context, c *wire.Call, do func(context.Context) (any, error)) (out any, err error) {
	began := s.o.Now()
	if s.o.Wait {
		s.sleep(ctx, latency)
	}
	f := s.fault(c)
	if err := f.before(ctx); err != nil {
		return nil, err
	}
	err = s.locked(func() error {
		err := dryRun(c.Input)
		if err == nil {
			out, err = do(ctx)
		}

		s.dirty = s.dirty || changing(c.Op)
		s.calls = append(s.calls, Call{c.Service, c.Op, c.Region, began, code(err)})
		return err
	})
	f.after()
	return out, err
}

// locked loads what another process has changed, lets time pass up to now, works, and saves.
func (s *Sandbox) locked(work func() error) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	unlock, err := s.store.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.load(); err != nil {
		return err
	}
	s.advance(s.o.Now())
	err = work()
	s.watched()
	s.advance(s.clock) // what is due at once
	if s.dirty {
		if saveErr := s.save(); saveErr != nil {
			return saveErr
		}
		s.dirty = false
	}
	return err
}

// An event is something that time will do to the state.
type event struct {
	At   time.Time
	Seq  int // of events due at the same moment the older comes first
	Kind string
	ID   string
}

// after plans an event: kind names what Sandbox.on does with id once d has passed.
func (s *Sandbox) after(d time.Duration, kind, id string) {
	s.at(s.clock.Add(s.scaled(d)), kind, id)
}

// at is after for a moment that the user has chosen: it comes no sooner at any speed.
func (s *Sandbox) at(t time.Time, kind, id string) {
	s.state.Seq++
	s.state.Events = append(s.state.Events, event{t, s.state.Seq, kind, id})
}

// planned says whether an event of a kind and id is to come.
func (s *Sandbox) planned(kind, id string) bool {
	return slices.ContainsFunc(s.state.Events, func(e event) bool { return e.Kind == kind && e.ID == id })
}

// forget takes back the events of a kind and id.
func (s *Sandbox) forget(kind, id string) {
	s.state.Events = slices.DeleteFunc(s.state.Events, func(e event) bool { return e.Kind == kind && e.ID == id })
}

// advance does what is due up to now, in order.
func (s *Sandbox) advance(now time.Time) {
	for {
		next := slices.MinFunc(append(s.state.Events, event{At: now.Add(1), Seq: 1 << 60}), func(a, b event) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Seq, b.Seq))
		})
		if next.At.After(now) {
			break
		}
		s.state.Events = slices.DeleteFunc(s.state.Events, func(e event) bool { return e.Seq == next.Seq })
		s.clock = next.At
		s.dirty = true
		s.on[next.Kind](next.ID)
		s.watched()
	}
	s.clock = now
}

// scaled is how long a wait of AWS takes here.
func (s *Sandbox) scaled(d time.Duration) time.Duration {
	if s.o.Speed == 0 {
		return 0
	}
	return time.Duration(float64(d) / s.o.Speed)
}

func (s *Sandbox) sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(s.scaled(d)):
	}
}
