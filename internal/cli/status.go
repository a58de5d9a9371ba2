package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
)

func (p *process) status() *cli.Command {
	return &cli.Command{
		Name: "status", Category: "observe", Usage: "show the service, its deployment, tasks and targets, what scales it, and its alarms",
		Description: `With --watch it is shown anew every two seconds, in its place on a terminal, until q or Ctrl-C, which is exit code 0.
Then what the service uses and answers is shown, too: CPU, memory, requests, answers with 5xx and the time within which 95 of
100 answers come, of the last half hour. That is one GetMetricData of five metrics a minute, for which CloudWatch charges
0.01 dollars per 1,000 metrics: about 0.3 cents an hour. Where CloudWatch is denied it is left out.

Elsewhere than on a terminal --watch writes a block when something has changed; with --output json one object a line.`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "show it anew every two seconds, with what the service uses"},
			&cli.IntFlag{Name: "events", Value: 5, Usage: "show the last `N` events of the service, of the 100 that ECS keeps"},
		}, serviceFlags()...),
		Action: p.doStatus,
	}
}

func (p *process) doStatus(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	v := release.View{Events: c.Int("events")}
	if v.Events < 0 || v.Events > 100 {
		return usageErrorf("--events %d is not within 0 to 100", v.Events)
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	if c.Bool("watch") {
		v.Meter = &release.Meter{}
		return s.watch(s.service(), v)
	}
	st, err := s.service().Status(c.Context, v)
	if err != nil {
		return err
	}
	s.recall(st)
	return cmp.Or(s.result(st, func() { statusText(p.terminal.Out, st, time.Now()) }), failed(st))
}

// recall is the cause of the last deployment that an earlier command has kept: who watched it has seen more than can be
// seen afterwards, and AWS forgets.
func (s *session) recall(st *release.Status) {
	if st.Cause == nil {
		return
	}
	if v := s.remembered(st.Deployment.ARN); v != nil {
		st.Cause = v
		return
	}
	st.Cause.Hint = s.retyped(st.Cause.Hint)
}

// failed ends a status like the deployment that it shows: one that was rolled back is never a success.
func failed(st *release.Status) error {
	if err := st.Deployment.Err(); err != nil {
		return &quietError{exitCode(err)}
	}
	return nil
}

// refresh is between two looks of a watch.
const refresh = 2 * time.Second

// watch shows a status anew until somebody has seen enough.
func (s *session) watch(svc *release.Service, v release.View) error {
	ctx, w := s.c.Context, ui.NewWatch(s.terminal.Out)
	var keys <-chan byte
	if w.Repaints() && !s.json {
		var done func()
		keys, done = ui.Keys(ctx, s.stdin)
		defer done()
	}
	var last []byte
	var st *release.Status
	for {
		now, err := svc.Status(ctx, v)
		switch {
		case ctx.Err() != nil:
			return s.seen(ctx)
		case err != nil && (st == nil || lasting(err)):
			return err
		case err == nil:
			st = now
			s.recall(st)
		}
		if last, err = s.frame(w, st, briefly(err), last); err != nil || s.written.err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return s.seen(ctx)
		case <-time.After(refresh):
		case k := <-keys:
			if k == 'q' || k == 'Q' || k == '\x03' || k == '\x04' {
				return nil
			}
		}
	}
}

// seen is the end of a watch: Ctrl-C is how it is meant to end.
func (s *session) seen(ctx context.Context) error {
	if why := context.Cause(ctx); !errors.Is(why, errInterrupted) {
		return why
	}
	return nil
}

// lasting says whether an error will be there at the next look, too.
func lasting(err error) bool {
	gone := &release.MissingError{}
	kind := aws.Explain(err).Kind
	return errors.As(err, &gone) || kind == aws.Denied || kind == aws.Credentials
}

// frame shows a status, or why there is no newer one. Where it can't take the last one's place it is shown when it
// differs from that, by its metrics only for a program. It returns what tells two of them apart.
func (s *session) frame(w *ui.Watch, st *release.Status, failed error, last []byte) ([]byte, error) {
	if s.json {
		line, err := json.Marshal(st)
		if err != nil || failed != nil || bytes.Equal(line, last) {
			return last, err
		}
		return line, ui.JSONEvent(s.terminal.Out, st)
	}
	if !w.Repaints() {
		plain := *st
		plain.Metrics = nil
		line, err := json.Marshal(plain)
		if err != nil || failed != nil || bytes.Equal(line, last) {
			return last, err
		}
		last = line
	}
	var text bytes.Buffer
	page := w.Page(&text)
	watchHead(page, s.subject(), time.Now(), failed)
	statusText(page, st, time.Now())
	w.Show(text.String())
	return last, nil
}
