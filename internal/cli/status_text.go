package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
)

// statusText shows a status: facts, tasks with their targets, events.
func statusText(out ui.Stream, st *release.Status, now time.Time) {
	v := st.Service
	facts := []ui.Fact{
		{Name: "service", Value: fmt.Sprintf("%s  %s  %d of %s running, %d pending", v.Name, strings.ToLower(v.Status), v.RunningCount, tasks(v.DesiredCount), v.PendingCount)},
		{Name: "revision", Value: v.TaskDefinition},
		{Name: "image", Value: v.Image},
		{Name: "released", Value: v.Release},
		{Name: "deployment", Value: deploymentText(st.Deployment, now)},
		{Name: "cause"},
		{Name: "hint"},
		{Name: "scaling", Value: scalingText(st, now)},
		{Name: "alarms", Value: alarmsText(st)},
	}
	if c := st.Cause; c != nil {
		facts[5].Value, facts[6].Value = c.Code+": "+c.Summary, c.Hint
	}
	ui.Facts(out, append(facts, uses(out, st.Metrics)...)...)
	for _, n := range st.Notes {
		ui.Note(out, n)
	}
	if head, rows := taskRows(st, now); len(rows) > 0 {
		_, _ = fmt.Fprintln(out)
		ui.Table(out, head, rows...)
	}
	for i, e := range st.Events {
		if i == 0 {
			_, _ = fmt.Fprintln(out)
		}
		_, _ = fmt.Fprintf(out, "%s  %s\n", e.CreatedAt.Local().Format(time.DateTime), ui.Safe(e.Message))
	}
}

// watchHead is the first line of a status that is watched.
func watchHead(out ui.Stream, subject string, now time.Time, failed error) {
	_, _ = fmt.Fprintf(out, "%s  %s\n", ui.Safe(subject), now.Local().Format(time.DateTime))
	if failed != nil {
		ui.Note(out, "not refreshed: "+failed.Error())
	}
}

func deploymentText(d *release.DeploymentStatus, now time.Time) string {
	if d == nil {
		return ""
	}
	text := release.Outcome(d.Status)
	if d.Stage != "" {
		text += " (" + strings.ToLower(strings.ReplaceAll(d.Stage, "_", " ")) + ")"
	}
	text += " " + d.TaskDefinition
	switch {
	case d.CreatedAt != nil && d.FinishedAt != nil:
		text += ", " + ago(now, *d.FinishedAt) + ", took " + ui.Took(d.FinishedAt.Sub(*d.CreatedAt))
	case d.CreatedAt != nil && d.Progress != "":
		text += ", for " + age(now, *d.CreatedAt)
	}
	if d.Reason != "" {
		text += ": " + d.Reason
	}
	return lines(text, d.Progress, d.LastFailure)
}

func scalingText(st *release.Status, now time.Time) string {
	r := st.Scaling
	if r == nil {
		return ""
	}
	text := []string{fmt.Sprintf("%d to %s", r.MinCapacity, tasks(r.MaxCapacity))}
	if r.MinCapacity == r.MaxCapacity {
		text[0] = "always " + tasks(r.MaxCapacity)
	}
	if r.Note != "" {
		text[0] += " (" + r.Note + ")"
	}
	switch len(r.Suspended) {
	case 0:
	case 3:
		text[0] += "; suspended"
	default:
		text[0] += "; suspended: " + strings.ReplaceAll(strings.Join(r.Suspended, ", "), "_", " ")
	}
	text = append(text, r.Outlook(st.Service.DesiredCount, st.Alarms)...)
	for _, a := range r.Activities {
		what := fmt.Sprintf("%s: %s (%s)", ago(now, a.StartedAt), strings.TrimSuffix(a.Description, "."), a.Cause)
		if a.Message != "" {
			what += ": " + strings.ToLower(a.Status) + ": " + a.Message
		}
		text = append(text, what)
	}
	return lines(text...)
}

// alarmsText is a line for each alarm of a deployment, and one for those of each policy.
func alarmsText(st *release.Status) string {
	var text []string
	of := map[string]int{} // of a policy, its line
	for _, a := range st.Alarms {
		name := a.Name
		for _, side := range []string{"AlarmHigh", "AlarmLow"} {
			if strings.Contains(a.Name, "-"+side+"-") {
				name = strings.ToLower(strings.TrimPrefix(side, "Alarm"))
			}
		}
		says := name + " " + strings.ToLower(strings.ReplaceAll(a.State, "_", " "))
		if a.Condition != "" {
			says += " (" + a.Condition + ")"
		}
		i, ok := of[a.Of]
		switch {
		case a.Of == "deployment":
			text = append(text, says+", watched by deployments")
		case ok:
			text[i] += "; " + says
		default:
			of[a.Of] = len(text)
			text = append(text, a.Of+": "+says)
		}
	}
	return lines(text...)
}

// taskRows are the tasks, and the targets that are none of theirs: those of tasks that leave. Columns in which no task
// has anything are left out.
func taskRows(st *release.Status, now time.Time) (head []string, rows [][]string) {
	head = []string{"task", "zone", "state", "health", "target", "age", "revision", "exec"}
	targets := map[string][]string{}
	for _, t := range st.Targets {
		targets[t.ID] = append(targets[t.ID], targetText(t))
	}
	for _, t := range st.Tasks {
		began := cmp.Or(t.StartedAt, t.CreatedAt)
		lasts := ""
		if began != nil {
			lasts = age(now, *began)
		}
		health := strings.ToLower(t.HealthStatus)
		if health == "unknown" {
			health = ""
		}
		rows = append(rows, []string{
			t.ID[:min(8, len(t.ID))], t.AvailabilityZone, strings.ToLower(t.LastStatus), health, strings.Join(targets[t.PrivateIP], ", "),
			lasts, t.TaskDefinition, strings.ToLower(t.ExecAgent),
		})
		delete(targets, t.PrivateIP)
	}
	for _, t := range st.Targets {
		if texts, ok := targets[t.ID]; ok {
			rows = append(rows, []string{"-", "", "", "", strings.Join(texts, ", ") + " " + t.ID, "", "", ""})
			delete(targets, t.ID)
		}
	}
	for i := len(head) - 1; i > 0; i-- {
		if slices.ContainsFunc(rows, func(r []string) bool { return r[i] != "" }) {
			continue
		}
		head = slices.Delete(head, i, i+1)
		for j := range rows {
			rows[j] = slices.Delete(rows[j], i, i+1)
		}
	}
	return head, rows
}

// targetText is a target's state, with AWS's reason where it has one: "unhealthy Target.Timeout (Request timed out)".
func targetText(t release.TargetStatus) string {
	if t.State == "draining" { // there is one reason for it: Target.DeregistrationInProgress
		return t.State
	}
	text := strings.TrimSpace(t.State + " " + t.Reason)
	if t.State == "unhealthy" && t.Description != "" {
		text += " (" + t.Description + ")"
	}
	return text
}

// uses is what the service uses and answers, as sparklines of the minutes that there is room for.
func uses(out ui.Stream, m *release.Metrics) []ui.Fact {
	if m == nil {
		return nil
	}
	n := max(8, min(release.Minutes, (out.Width()-14)/3-17))
	spark := func(name string, values []*float64, top float64, text func(float64) string) string {
		if values == nil {
			return ""
		}
		values = values[len(values)-n:]
		last := "-"
		for i := len(values) - 1; i >= max(0, len(values)-3) && last == "-"; i-- { // the newest minute may be late
			if values[i] != nil {
				last = text(*values[i])
			}
		}
		return fmt.Sprintf("%-6s%s %-8s", name, ui.Spark(out, values, top), last)
	}
	percent := func(v float64) string { return fmt.Sprintf("%.0f %%", v) }
	count := func(v float64) string { return fmt.Sprintf("%.0f", v) }
	rows := lines(
		strings.TrimRight(spark("cpu", m.CPU, 100, percent)+"  "+spark("mem", m.Memory, 100, percent), " "),
		strings.TrimRight(spark("req", m.Requests, 0, func(v float64) string { return count(v) + "/min" })+"  "+spark("p95", m.P95, 0, milliseconds)+"  "+spark("5xx", m.Errors, 0, count), " "))
	return []ui.Fact{{Name: fmt.Sprintf("last %d min", n), Value: rows}}
}

func milliseconds(seconds float64) string {
	if seconds >= 10 {
		return fmt.Sprintf("%.0f s", seconds)
	}
	return fmt.Sprintf("%.0f ms", seconds*1000)
}

// lines are those texts that say something, one below the other.
func lines(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(t string) bool { return t == "" }), "\n")
}

func age(now, since time.Time) string { return ui.Age(now.Sub(since)) }

// ago is how long a moment is over: "3h02m ago".
func ago(now, at time.Time) string { return age(now, at) + " ago" }
