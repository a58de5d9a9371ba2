package cli

import (
	"context"
	"sync"

	"github.com/fargatectl/fargatectl/internal/release"
)

// A trail shows beside a deployment what its tasks log, a line a line, behind the task's id.
type trail struct {
	s    *session
	of   *release.Service
	once sync.Once
	over chan struct{} // closed when the deployment is
	done sync.WaitGroup
}

// begin begins with the deployment, and only once: what is done before it, such as a release command, is not it.
func (t *trail) begin(ctx context.Context) {
	if t == nil {
		return
	}
	if _, begun := t.of.Deployed(); !begun {
		return
	}
	t.once.Do(func() {
		t.done.Go(func() {
			err := t.of.Trail(ctx, t.over, t.s.app.Speed, func(task, line string) { t.s.sink.Log(task[:min(8, len(task))] + "  " + line) })
			if err != nil && ctx.Err() == nil { // the deployment is what counts
				t.s.sink.Log("the logs can't be followed: " + briefly(err).Error())
			}
		})
	})
}

// end waits until what the tasks have logged is shown.
func (t *trail) end() {
	if t != nil {
		close(t.over)
		t.done.Wait()
	}
}
