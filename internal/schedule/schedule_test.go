package schedule_test

import (
	"testing"
	"time"

	"github.com/fargatectl/fargatectl/internal/schedule"
)

func TestNext(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 20, 30, 15, 0, time.UTC) // a Monday
	for _, c := range []struct{ expression, zone, want string }{
		{"at(2026-11-23T21:00:00)", "", "2026-11-23T21:00:00Z"},
		{"at(2026-11-23T21:00:00)", "Asia/Tokyo", "never"}, // 12:00 UTC
		{"at(2026-11-23T20:30:15)", "", "never"},
		{"rate(1 hour)", "", "2026-11-23T21:10:00Z"},
		{"rate(45 minutes)", "", "2026-11-23T20:55:00Z"},
		{"rate(2 days)", "", "2026-11-25T20:10:00Z"},
		{"cron(0 8 ? * MON-FRI *)", "", "2026-11-24T08:00:00Z"},
		{"cron(0 8 ? * MON-FRI *)", "Europe/Berlin", "2026-11-24T07:00:00Z"},
		{"cron(0 22 * * ? *)", "", "2026-11-23T22:00:00Z"},
		{"cron(*/15 * * * ? *)", "", "2026-11-23T20:45:00Z"},
		{"cron(10/20 20-22 * * ? *)", "", "2026-11-23T20:50:00Z"},
		{"cron(30 20 * * ? *)", "", "2026-11-24T20:30:00Z"},
		{"cron(0 0 1 jan,apr ? *)", "", "2027-01-01T00:00:00Z"},
		{"cron(0 0 L * ? *)", "", "2026-11-30T00:00:00Z"},
		{"cron(0 9 29 2 ? *)", "", "2028-02-29T09:00:00Z"},
		{"cron(0 9 28W * ? *)", "", "2026-11-27T09:00:00Z"},  // Saturday: the Friday before
		{"cron(0 9 1W AUG ? *)", "", "2027-08-02T09:00:00Z"}, // a Sunday
		{"cron(0 9 1W MAY ? *)", "", "2027-05-03T09:00:00Z"}, // a Saturday: not in April
		{"cron(0 9 ? * 6L *)", "", "2026-11-27T09:00:00Z"},
		{"cron(0 9 ? * TUE#2 *)", "", "2026-12-08T09:00:00Z"},
		{"cron(0 9 ? * SAT-MON *)", "", "2026-11-28T09:00:00Z"},
		{"cron(0 9 ? * L *)", "", "2026-11-28T09:00:00Z"},
		{"cron(0 9 * * ? 2025)", "", "never"},
	} {
		got, err := schedule.Next(c.expression, c.zone, now.Add(-20*time.Minute-15*time.Second), now)
		text := "never"
		if !got.IsZero() {
			text = got.UTC().Format(time.RFC3339)
		}
		if err != nil || text != c.want {
			t.Errorf("%s %s: %s %v, want %s", c.expression, c.zone, text, err, c.want)
		}
	}
}

// The hour that a change to summer time leaves out is not there.
func TestSummerTime(t *testing.T) {
	t.Parallel()
	before := time.Date(2027, 3, 27, 12, 0, 0, 0, time.UTC) // the change is on the 28th at 2:00
	got, err := schedule.Next("cron(30 2 * * ? *)", "Europe/Berlin", before, before)
	if want := time.Date(2027, 3, 29, 0, 30, 0, 0, time.UTC); err != nil || !got.Equal(want) {
		t.Errorf("%s %v, want %s", got.UTC(), err, want)
	}
}

func TestNoSchedule(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"every day", ""},
		{"rate(5 weeks)", ""},
		{"rate(0 days)", ""},
		{"at(tomorrow)", ""},
		{"cron(0 8 * *)", ""},
		{"cron(0 8 * * * *)", ""},
		{"cron(0 8 ? * ? *)", ""},
		{"cron(60 8 * * ? *)", ""},
		{"cron(x 8 * * ? *)", ""},
		{"cron(*/0 8 * * ? *)", ""},
		{"cron(0 8 40W * ? *)", ""},
		{"cron(0 8 ? * FUN *)", ""},
		{"rate(1 hour)", "Mars/Base"},
	} {
		if at, err := schedule.Next(c[0], c[1], time.Now(), time.Now()); err == nil {
			t.Errorf("%v: %s", c, at)
		}
	}
}
