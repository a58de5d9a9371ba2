package sandbox

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/smithy-go"

	"github.com/fargatectl/fargatectl/internal/sandbox/wire"
)

// A Fault goes wrong on purpose: the Nth call of an operation is answered otherwise than AWS would on a good day.
type Fault struct {
	Service, Op string // "" is any
	Nth         int    // the first call is 1; 0 is every call
	From        bool   // the later ones too: the caller has died
	Code        string // answer this error instead of working the operation
	Message     string
	Hang        bool // do not answer until the caller gives up
	Lost        bool // work the operation, then cut the connection
	Cut         bool // cut the connection before the operation
	Changing    bool // only calls that change something count

	seen int
}

// Inject arms a fault for the calls that come from now on.
func (s *Sandbox) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal disarms all faults.
func (s *Sandbox) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault is the armed one that this call meets, a zero one without.
func (s *Sandbox) fault(c *wire.Call) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Service != "" && f.Service != c.Service || f.Op != "" && f.Op != c.Op || f.Changing && !changing(c.Op) {
			continue
		}
		if f.seen++; f.Nth == 0 || f.seen == f.Nth || f.From && f.seen > f.Nth {
			return f
		}
	}
	return &Fault{}
}

func (f *Fault) before(ctx context.Context) error {
	switch {
	case f.Hang:
		<-ctx.Done()
		return ctx.Err()
	case f.Cut:
		panic(http.ErrAbortHandler)
	case f.Code != "":
		return fail(f.Code, "%s", f.Message)
	}
	return nil
}

func (f *Fault) after() {
	if f.Lost {
		panic(http.ErrAbortHandler)
	}
}

func code(err error) string {
	if api := smithy.APIError(nil); errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil {
		return "InternalFailure"
	}
	return ""
}
