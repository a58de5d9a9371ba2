package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
)

func (p *process) status() *cli.Command {
	return &cli.Command{
		Name: "status", Category: "observe", Usage: "show the service, its deployment, tasks and targets",
		Flags: serviceFlags(),
		Action: func(c *cli.Context) error {
			if err := noWords(c); err != nil {
				return err
			}
			s, err := p.open(c)
			if err != nil {
				return err
			}
			defer s.close()
			st, err := s.service().Status(c.Context)
			if err != nil {
				return err
			}
			s.recall(st)
			return cmp.Or(s.result(st, func() { showStatus(p.terminal.Out, st) }), failed(st))
		},
	}
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

func showStatus(out ui.Stream, st *release.Status) {
	v := st.Service
	facts := []ui.Fact{
		{Name: "service", Value: fmt.Sprintf("%s  %s  %d of %d tasks running, %d pending", v.Name, strings.ToLower(v.Status), v.RunningCount, v.DesiredCount, v.PendingCount)},
		{Name: "revision", Value: v.TaskDefinition},
		{Name: "image", Value: v.Image},
		{Name: "released", Value: v.Release},
	}
	if d := st.Deployment; d != nil {
		text := strings.ToLower(d.Status) + " " + d.TaskDefinition
		if d.CreatedAt != nil && d.FinishedAt != nil {
			text += ", took " + ui.Took(d.FinishedAt.Sub(*d.CreatedAt))
		}
		if d.Reason != "" {
			text += ": " + d.Reason
		}
		lines := slices.DeleteFunc([]string{text, d.Progress, d.LastFailure}, func(l string) bool { return l == "" })
		facts = append(facts, ui.Fact{Name: "deployment", Value: strings.Join(lines, "\n")})
	}
	if c := st.Cause; c != nil {
		facts = append(facts, ui.Fact{Name: "cause", Value: c.Code + ": " + c.Summary}, ui.Fact{Name: "hint", Value: c.Hint})
	}
	if r := st.Scaling; r != nil {
		text := fmt.Sprintf("%d to %d tasks", r.MinCapacity, r.MaxCapacity)
		if r.Note != "" {
			text += ", set by " + r.Note
		}
		facts = append(facts, ui.Fact{Name: "scaling", Value: text})
	}
	ui.Facts(out, facts...)
	states := map[string]string{}
	for _, t := range st.Targets {
		states[t.ID] = strings.TrimSpace(t.State + " " + t.Reason)
	}
	var rows [][]string
	for _, t := range st.Tasks {
		age := ""
		if t.StartedAt != nil {
			age = ui.Took(time.Since(*t.StartedAt))
		}
		rows = append(rows, []string{t.ID[:min(8, len(t.ID))], t.AvailabilityZone, strings.ToLower(t.LastStatus), states[t.PrivateIP], age, t.TaskDefinition})
	}
	if len(rows) > 0 {
		_, _ = fmt.Fprintln(out)
		ui.Table(out, []string{"task", "zone", "state", "target", "age", "revision"}, rows...)
	}
	for i, e := range st.Events {
		if i == 0 {
			_, _ = fmt.Fprintln(out)
		}
		_, _ = fmt.Fprintf(out, "%s  %s\n", e.CreatedAt.Local().Format(time.DateTime), ui.Safe(e.Message))
	}
}
