package steps

import (
	"testing"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

func onlyLogs(app *App) []deploy.Step { return []deploy.Step{&Logs{App: app}} }

const logsManifest = `
project_name: app
resources:
  - id: logs
    type: aws_cloudwatch_log_group
    config: { retention_in_days: `

func TestLogs(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyLogs
		if got, want := w.plan(logsManifest+"14 }"), "+ logs: log group /ecs/app\n"; got != want {
			t.Errorf("plan %q want %q", got, want)
		}
		w.settled(logsManifest + "14 }")
		if got, want := w.plan(logsManifest+"30 }"), "~ logs: log group /ecs/app\n    retention: 14 days -> 30 days\n"; got != want {
			t.Errorf("plan %q want %q", got, want)
		}
		w.settled(logsManifest + "30 }")
		w.destroy(logsManifest + "30 }")
		if err := w.Do(func(st *sandbox.State) {
			if n := len(st.Regions["us-east-1"].Logs.Groups); n != 0 {
				t.Errorf("%d groups left", n)
			}
		}); err != nil {
			t.Error(err)
		}
	})
}
