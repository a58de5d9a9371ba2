package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/steps"
)

func (p *process) secretsList() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "show the secrets, who reads them and since when they have their value; never a value",
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
			states, err := s.secretStates()
			if err != nil {
				return err
			}
			return s.result(map[string]any{"secrets": states}, func() { s.secretTable(states) })
		},
	}
}

// secretStates are of the manifest's secrets, or of those that the tasks of the service read that is named.
func (s *session) secretStates() ([]steps.SecretState, error) {
	if !s.named {
		states, err := steps.SecretStates(s.c.Context, s.app)
		return append([]steps.SecretState{}, states...), err
	}
	svc := s.service()
	if err := svc.Read(s.c.Context); err != nil {
		return nil, err
	}
	return steps.SecretsRead(s.c.Context, s.app, svc.Definition)
}

func (s *session) secretTable(states []steps.SecretState) {
	if len(states) == 0 {
		_, _ = fmt.Fprintln(s.terminal.Out, "no secrets")
		return
	}
	var rows [][]string
	for _, st := range states {
		rows = append(rows, []string{
			cmp.Or(st.ID, "-"), st.Name, cmp.Or(strings.Join(st.Env, " "), "-"), cmp.Or(strings.Join(st.UsedBy, " "), "-"), stateWord(st), moment(st.SetAt), rotation(st.Rotation),
		})
	}
	ui.Table(s.terminal.Out, []string{"id", "name", "variable", "read by the tasks as", "value", "since", "rotation"}, rows...)
}

func stateWord(st steps.SecretState) string {
	switch st.State {
	case "deleted":
		return "gone on " + moment(st.Deleted)
	case "not_made":
		return "not made yet"
	case "no_value":
		return "none"
	case "not_seen":
		return "not to be seen"
	}
	return "version " + st.Version
}

func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}

func rotation(r *steps.SecretRotation) string {
	switch {
	case r == nil:
		return "-"
	case r.Next != nil:
		return "next on " + moment(r.Next)
	case r.EveryDays > 0:
		return fmt.Sprintf("every %d days", r.EveryDays)
	}
	return "on"
}

func (p *process) secretsRemove() *cli.Command {
	return &cli.Command{
		Name: "rm", Usage: "delete a secret of this stack that the manifest no longer has", ArgsUsage: "NAME",
		Description: "NAME is its name in AWS. What the manifest has or the running tasks read is refused: it goes out of the manifest\n" +
			"first, and the next up removes it. AWS keeps it for some days, in which it can be restored.",
		Flags:  []cli.Flag{&cli.Int64Flag{Name: "recovery-days", Value: 30, Usage: "how long it can be restored, 7 to 30 days"}},
		Action: p.doSecretsRemove,
	}
}

func (p *process) doSecretsRemove(c *cli.Context) error {
	name, err := oneName(c)
	if err != nil {
		return err
	}
	days := c.Int64("recovery-days")
	if days < 7 || days > 30 {
		return usageErrorf("--recovery-days %d: AWS keeps a deleted secret for 7 to 30 days", days)
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	st, err := steps.Removable(c.Context, s.app, name)
	if err != nil {
		return err
	}
	if st.State == "deleted" {
		return &hinted{errors.New("secret " + st.Name + " is deleted already, for good on " + moment(st.Deleted)), s.restores(st)}
	}
	if err := s.confirm(fmt.Sprintf("delete secret %s? It can be restored for %d days.", st.Name, days)); err != nil {
		return err
	}
	gone, err := steps.RemoveSecret(c.Context, s.app, st.ARN, days)
	if err != nil {
		return err
	}
	return s.result(map[string]any{"secret": st.Name, "deleted_at": gone.UTC()}, func() {
		_, _ = fmt.Fprintf(s.terminal.Out, "secret %s is gone for good on %s; until then %s\n", st.Name, moment(&gone), s.restores(st))
	})
}

// restores is how a deleted secret comes back.
func (s *session) restores(st *steps.SecretState) string {
	return "it is restored by aws secretsmanager restore-secret --region " + s.app.Region + " --secret-id " + st.Name + ", or by putting it back into the manifest and up"
}
