package release

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type result struct {
	Before, Desired int32
	Range           *Range
	Moved           bool
}

func TestScaleRule(t *testing.T) {
	t.Parallel()
	n := func(i int32) *int32 { return &i }
	for name, c := range map[string]struct {
		wish Scaling
		live *Range
		want result
		err  string
	}{
		"inside":       {Scaling{Count: n(5)}, &Range{2, 10}, result{2, 5, &Range{2, 10}, false}, ""},
		"above":        {Scaling{Count: n(12)}, &Range{2, 10}, result{2, 12, &Range{2, 12}, true}, ""},
		"below":        {Scaling{Count: n(1)}, &Range{2, 10}, result{2, 1, &Range{1, 10}, true}, ""},
		"more":         {Scaling{Count: n(3), Relative: true}, &Range{2, 10}, result{2, 5, &Range{2, 10}, false}, ""},
		"fewer":        {Scaling{Count: n(-1), Relative: true}, &Range{2, 10}, result{2, 1, &Range{1, 10}, true}, ""},
		"too few":      {Scaling{Count: n(-3), Relative: true}, &Range{2, 10}, result{}, "there are 2 tasks to take from, and 3 are to go"},
		"the range":    {Scaling{Min: n(4), Max: n(6)}, &Range{2, 10}, result{2, 4, &Range{4, 6}, true}, ""},
		"no range":     {Scaling{Min: n(7), Max: n(6)}, &Range{2, 10}, result{}, "the range 7 to 6 is none"},
		"contradicted": {Scaling{Count: n(9), Max: n(6)}, &Range{2, 10}, result{}, "9 tasks: that is outside the range that is set with it"},
		"one task":     {Scaling{Count: n(1), Min: n(2)}, &Range{2, 10}, result{}, "1 task: that is outside the range that is set with it"},
		"unscaled":     {Scaling{Count: n(3)}, nil, result{2, 3, nil, false}, ""},
		"unscaled min": {Scaling{Min: n(3)}, nil, result{}, "nothing scales this service: it has no range"},
	} {
		var live *ScalingStatus
		if c.live != nil {
			live = &ScalingStatus{MinCapacity: c.live.Min, MaxCapacity: c.live.Max}
		}
		got, err := c.wish.resolve(2, live)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if d := cmp.Diff(c.want, result{got.Before, got.Desired, got.Range, got.Moved}); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// Suspending is all three kinds of scaling together; resuming what somebody has suspended in part resumes all.
func TestSuspendRule(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		had               []string
		wish              bool
		suspended, turned bool
	}{
		"suspend":           {nil, true, true, true},
		"suspended already": {kinds, true, true, false},
		"suspended in part": {kinds[:1], true, true, true},
		"resume":            {kinds, false, false, true},
		"resume a part":     {kinds[1:2], false, false, true},
		"nothing to resume": {nil, false, false, false},
	} {
		got, err := Scaling{Suspend: &c.wish}.resolve(3, &ScalingStatus{MinCapacity: 2, MaxCapacity: 10, Suspended: c.had})
		if err != nil || got.Suspended != c.suspended || got.Turned != c.turned || got.Moved || got.Desired != 3 {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// What moves the count next, by the alarms' states.
func TestOutlook(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 22, 0, 0, 0, time.UTC)
	st := ScalingStatus{
		MinCapacity: 2, MaxCapacity: 10,
		Policies:  []PolicyStatus{{Name: "app-cpu", Metric: "ECSServiceAverageCPUUtilization", Target: 70, Alarms: []string{"x-AlarmHigh-1", "x-AlarmLow-1"}}, {Name: "own", Type: "StepScaling"}},
		Schedules: []ScheduleStatus{{Name: "night", MinCapacity: new(int32(1)), MaxCapacity: new(int32(1)), Next: &at}, {Name: "once", Schedule: "at(2020-01-01T00:00:00)"}},
	}
	for _, c := range []struct {
		high, low string
		desired   int32
		suspended []string
		want      string
	}{
		{"", "", 5, nil, "app-cpu keeps CPU at 70 %"},
		{"OK", "OK", 5, nil, "app-cpu keeps CPU at 70 %: nothing to do now"},
		{"ALARM", "OK", 5, nil, "app-cpu keeps CPU at 70 %: above it now, so tasks are added, up to 10"},
		{"ALARM", "OK", 10, nil, "app-cpu keeps CPU at 70 %: above it now, and there are as many tasks as there may be (10)"},
		{"ALARM", "OK", 5, kinds[1:2], "app-cpu keeps CPU at 70 %: above it now, but adding tasks is suspended"},
		{"OK", "ALARM", 5, nil, "app-cpu keeps CPU at 70 %: well below it now, so tasks are taken away, down to 2"},
		{"OK", "ALARM", 2, nil, "app-cpu keeps CPU at 70 %: well below it now, with as few tasks as there may be (2)"},
		{"OK", "ALARM", 5, kinds[:1], "app-cpu keeps CPU at 70 %: well below it now, but taking tasks away is suspended"},
		{"OK", "ALARM", 5, kinds, "app-cpu keeps CPU at 70 %, but is suspended"},
		{"INSUFFICIENT_DATA", "INSUFFICIENT_DATA", 5, nil, "app-cpu keeps CPU at 70 %"},
	} {
		st.Suspended = c.suspended
		got := st.Outlook(c.desired, []AlarmStatus{{Name: "x-AlarmHigh-1", State: c.high}, {Name: "x-AlarmLow-1", State: c.low}})
		if got[0] != c.want {
			t.Errorf("%+v: %s", c, got[0])
		}
		if c.suspended == nil && strings.Join(got[1:], "|") != "own moves the count by its alarms (StepScaling)|night sets 1 task at 2026-11-24 22:00 UTC: 1 task then|once (at(2020-01-01T00:00:00)) does not come again" {
			t.Errorf("%q", got[1:])
		}
	}
}
