// Package schedule knows when AWS's schedule expressions come due: at(2026-12-31T23:00:00), rate(5 minutes) and
// cron(0 8 ? * MON-FRI *), as Application Auto Scaling reads them (user guide, "Schedule recurring scaling actions using
// cron expressions").
package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Next is the first moment after t at which an expression is due; zero when there is none any more. Zone is a name of
// the time zone database, "" for UTC. A rate counts from start.
func Next(expression, zone string, start, t time.Time) (time.Time, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return time.Time{}, err
	}
	kind, args, _ := strings.Cut(strings.TrimSuffix(expression, ")"), "(")
	switch kind {
	case "at":
		at, err := time.ParseInLocation("2006-01-02T15:04:05", args, loc)
		if err != nil || !at.After(t) {
			return time.Time{}, err
		}
		return at, nil
	case "rate":
		every, err := rate(args)
		if err != nil {
			return time.Time{}, err
		}
		if start.After(t) {
			return start, nil
		}
		return start.Add((t.Sub(start)/every + 1) * every), nil
	case "cron":
		c, err := parse(args)
		if err != nil {
			return time.Time{}, err
		}
		return c.next(t.In(loc)), nil
	}
	return time.Time{}, fmt.Errorf("%q is no schedule: at(…), rate(…), cron(…)", expression)
}

func rate(args string) (time.Duration, error) {
	number, unit, _ := strings.Cut(args, " ")
	n, err := strconv.Atoi(number)
	each := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[strings.TrimSuffix(unit, "s")]
	if err != nil || n < 1 || each == 0 {
		return 0, fmt.Errorf("%q is no rate: 5 minutes, 1 hour, 2 days", args)
	}
	return time.Duration(n) * each, nil
}

// A cron is the six fields of an expression. Days are matched by one of their two fields: the other one is a ?.
type cron struct {
	minutes, hours, months, years numbers
	day                           func(time.Time) bool
}

// numbers are those that a field names, nil for all.
type numbers map[int]bool

func (n numbers) has(v int) bool { return n == nil || n[v] }

var (
	monthNames = []string{"", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"", "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

func parse(args string) (*cron, error) {
	f := strings.Fields(strings.ToUpper(args))
	if len(f) != 6 {
		return nil, fmt.Errorf("cron has six fields: minutes, hours, day of the month, month, day of the week, year; %q has %d", args, len(f))
	}
	if (f[2] == "?") == (f[4] == "?") {
		return nil, fmt.Errorf("exactly one of the day of the month and the day of the week is a ?, in %q", args)
	}
	c, errs := &cron{}, make([]error, 5)
	c.minutes, errs[0] = field(f[0], 0, 59, nil)
	c.hours, errs[1] = field(f[1], 0, 23, nil)
	c.months, errs[2] = field(f[3], 1, 12, monthNames)
	c.years, errs[3] = field(f[5], 1970, 2199, nil)
	if f[4] == "?" {
		c.day, errs[4] = monthDay(f[2])
	} else {
		c.day, errs[4] = weekDay(f[4])
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// field reads 5, 1,2, 1-5, */15, 10/5 and names.
func field(text string, least, most int, names []string) (numbers, error) {
	if text == "*" {
		return nil, nil
	}
	n := numbers{}
	for part := range strings.SplitSeq(text, ",") {
		from, to, by, err := span(part, least, most, names)
		if err != nil {
			return nil, err
		}
		if from < least || to > most {
			return nil, fmt.Errorf("%q is not within %d to %d", part, least, most)
		}
		if to < from { // FRI-MON goes round
			to += most - least + 1
		}
		for v := from; v <= to; v += by {
			n[least+(v-least)%(most-least+1)] = true
		}
	}
	return n, nil
}

// span is one part of a field: from, to and the step between.
func span(part string, least, most int, names []string) (from, to, by int, err error) {
	text, step, stepped := strings.Cut(part, "/")
	first, last, ranged := strings.Cut(text, "-")
	from, to, by = least, most, 1
	if text != "*" {
		if from, err = number(first, names); err != nil {
			return 0, 0, 0, err
		}
	}
	switch {
	case ranged:
		to, err = number(last, names)
	case text != "*" && !stepped:
		to = from
	}
	if stepped && err == nil {
		if by, err = strconv.Atoi(step); err != nil || by < 1 {
			err = fmt.Errorf("%q is no step", part)
		}
	}
	return from, to, by, err
}

func number(text string, names []string) (int, error) {
	for i, name := range names {
		if name == text && name != "" {
			return i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return n, nil
}

// monthDay reads the field of days of the month, which also knows L, the last, and 15W, the weekday nearest to the 15th.
func monthDay(text string) (func(time.Time) bool, error) {
	if text == "L" {
		return func(t time.Time) bool { return t.AddDate(0, 0, 1).Day() == 1 }, nil
	}
	if day, ok := strings.CutSuffix(text, "W"); ok {
		n, err := strconv.Atoi(day)
		if err != nil || n < 1 || n > 31 {
			return nil, fmt.Errorf("%q is no day", text)
		}
		return func(t time.Time) bool { return t.Day() == nearest(t, n) }, nil
	}
	n, err := field(text, 1, 31, nil)
	return func(t time.Time) bool { return n.has(t.Day()) }, err
}

// nearest is the weekday nearest to the n-th, within its month.
func nearest(t time.Time, n int) int {
	last := time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	n = min(n, last)
	switch time.Date(t.Year(), t.Month(), n, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if n == 1 {
			return 3
		}
		return n - 1
	case time.Sunday:
		if n == last {
			return n - 2
		}
		return n + 1
	}
	return n
}

// weekDay reads the field of days of the week, 1 for Sunday, which also knows 6L, the last Friday, and 3#2, the second
// Tuesday.
func weekDay(text string) (func(time.Time) bool, error) {
	weekday := func(t time.Time) int { return int(t.Weekday()) + 1 }
	if text == "L" {
		text = "SAT"
	}
	if day, ok := strings.CutSuffix(text, "L"); ok {
		n, err := number(day, dayNames)
		return func(t time.Time) bool { return weekday(t) == n && t.AddDate(0, 0, 7).Month() != t.Month() }, err
	}
	if day, which, ok := strings.Cut(text, "#"); ok {
		n, err := number(day, dayNames)
		if err != nil {
			return nil, err
		}
		nth, err := strconv.Atoi(which)
		return func(t time.Time) bool { return weekday(t) == n && (t.Day()-1)/7+1 == nth }, err
	}
	n, err := field(text, 1, 7, dayNames)
	return func(t time.Time) bool { return n.has(weekday(t)) }, err
}

// horizon is how far ahead a moment is looked for: every 29th of February is nearer.
const horizon = 10 * 366

// next is the first moment after t, in its zone. An hour that a change to summer time leaves out is not there.
func (c *cron) next(t time.Time) time.Time {
	day := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
	for range horizon {
		if c.years.has(day.Year()) && c.months.has(int(day.Month())) && c.day(day) {
			if at := c.within(day, t); !at.IsZero() {
				return at
			}
		}
		day = time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, t.Location())
	}
	return time.Time{}
}

func (c *cron) within(day, t time.Time) time.Time {
	for h := range 24 {
		for m := range 60 {
			if !c.hours.has(h) || !c.minutes.has(m) {
				continue
			}
			at := time.Date(day.Year(), day.Month(), day.Day(), h, m, 0, 0, day.Location())
			if at.After(t) && at.Hour() == h {
				return at
			}
		}
	}
	return time.Time{}
}
