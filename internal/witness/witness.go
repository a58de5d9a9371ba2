// Package witness records what the SDK's clients send and what they are answered, for a judge that is not ours:
// check_models.py holds every record against AWS's published service models. Only tests use it.
package witness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// Env names the file that Recorded appends to.
const Env = "FARGATECTL_RECORD"

// A record is one call: the trees hold members by their Go names, without those that are not set.
type record struct {
	Service string `json:"service"` // AWS's service id: "Elastic Load Balancing v2"
	Op      string `json:"op"`
	In      any    `json:"in"`
	Out     any    `json:"out,omitempty"` // of a call that succeeded
	Err     string `json:"err,omitempty"` // AWS's code; no answer at all leaves both out
}

// Record makes every client of cfg write one JSON line a call to w, as it is after the SDK has filled in tokens. The
// same call with other ids is written once.
func Record(cfg *aws.Config, w io.Writer) {
	j := &journal{w: w, seen: map[string]bool{}}
	cfg.APIOptions = append(cfg.APIOptions, j.attach)
}

var shared = sync.OnceValue(func() *journal {
	name := os.Getenv(Env)
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // one write a line: processes share it
	if err != nil {
		panic(fmt.Sprintf("%s: %v", Env, err))
	}
	return &journal{w: f, seen: map[string]bool{}}
})

// Recorded is cfg, recording to the file that the environment names, or as it is when it names none.
func Recorded(cfg aws.Config) aws.Config {
	if j := shared(); j != nil {
		cfg.APIOptions = append(cfg.APIOptions, j.attach)
	}
	return cfg
}

// A journal writes records, from many goroutines.
type journal struct {
	mu   sync.Mutex
	w    io.Writer
	seen map[string]bool
}

func (j *journal) attach(stack *middleware.Stack) error {
	return stack.Serialize.Add(middleware.SerializeMiddlewareFunc("Witness", func(ctx context.Context, in middleware.SerializeInput,
		next middleware.SerializeHandler,
	) (middleware.SerializeOutput, middleware.Metadata, error) {
		r := record{Service: awsmiddleware.GetServiceID(ctx), Op: awsmiddleware.GetOperationName(ctx), In: tree(in.Parameters)}
		out, meta, err := next.HandleSerialize(ctx, in)
		var api smithy.APIError
		switch {
		case err == nil:
			r.Out = tree(out.Result)
		case errors.As(err, &api):
			r.Err = api.ErrorCode()
		}
		if bad := j.write(r); bad != nil {
			return out, meta, bad
		}
		return out, meta, err
	}), middleware.Before)
}

func (j *journal) write(r record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("witness: %s %s: %w", r.Service, r.Op, err)
	}
	key := string(nameless(line))
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.seen[key] {
		return nil
	}
	j.seen[key] = true
	_, err = j.w.Write(append(line, '\n'))
	return err
}

// nameless is the line without what differs between two calls that are the same: digits, and the hexadecimal of ids.
func nameless(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for i := 0; i < len(line); {
		n := i
		for n < len(line) && (line[n] >= '0' && line[n] <= '9' || line[n] >= 'a' && line[n] <= 'f') {
			n++
		}
		if n-i < 8 { // longer ones are ids
			for _, c := range line[i:n] {
				if c >= 'a' {
					out = append(out, c)
				}
			}
		}
		if n < len(line) {
			out = append(out, line[n])
		}
		i = n + 1
	}
	return out
}
