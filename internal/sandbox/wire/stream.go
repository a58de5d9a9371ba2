package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/eventstream"
)

// A Stream is the answer of an operation that sends events as they come (specification: smithy.io, "Amazon Event
// Stream"); such an operation has the signature func(ctx, *XInput) (*Stream, error). Run gets the request's context and
// sends events, each a pointer to its SDK type, by the name of the union's member that it is. The error that it returns
// ends the stream as an exception; nil ends it well.
type Stream struct {
	Run func(ctx context.Context, send func(name string, event any) error) error
}

// Streams says whether a request is answered by a stream of events.
func Streams(r *http.Request) bool {
	return r.Header.Get("X-Amz-Target") == "Logs_20140328.StartLiveTail"
}

// streamAnswer begins with the output's other members, of which no operation here has any: protocols that have no
// header for them send an initial-response.
func (q *request) streamAnswer(ctx context.Context, s *Stream) *answer {
	a := &answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/vnd.amazon.eventstream"}}}
	a.stream = func(w http.ResponseWriter) {
		e := eventstream.NewEncoder()
		send := func(kind, name string, payload any) error {
			body, err := json.Marshal(payload)
			if err != nil {
				return err
			}
			m := eventstream.Message{Payload: body}
			m.Headers.Set(":message-type", eventstream.StringValue(kind))
			m.Headers.Set(":"+kind+"-type", eventstream.StringValue(name))
			m.Headers.Set(":content-type", eventstream.StringValue("application/json"))
			if err = e.Encode(w, m); err == nil {
				err = http.NewResponseController(w).Flush()
			}
			return err
		}
		err := send("event", "initial-response", map[string]any{})
		if err == nil {
			err = s.Run(ctx, func(name string, event any) error {
				tree, ok := q.toTree(reflect.ValueOf(event)).(map[string]any)
				if !ok {
					return fmt.Errorf("wire: %T is no event", event)
				}
				q.emptyLists(reflect.Indirect(reflect.ValueOf(event)), func(f field) { tree[f.name] = []any{} })
				return send("event", name, tree)
			})
		}
		if api := smithy.APIError(nil); errors.As(err, &api) {
			_ = send("exception", api.ErrorCode(), map[string]any{"message": api.ErrorMessage()}) // the client is gone if this fails
		}
	}
	return a
}
