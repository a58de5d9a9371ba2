package sandbox

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// The cases are those of the user guide's "Examples of lifecycle policies": an image belongs to the first rule whose
// tags it has, and a later rule counts it and leaves it.
func TestExpired(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	rule := func(priority int, selection string) string {
		return fmt.Sprintf(`{"rulePriority":%d,"selection":{%s},"action":{"type":"expire"}}`, priority, selection)
	}
	tagged := func(patterns string, n int) string {
		return fmt.Sprintf(`"tagStatus":"tagged","tagPatternList":[%s],"countType":"imageCountMoreThan","countNumber":%d`, patterns, n)
	}
	for name, c := range map[string]struct {
		rules string
		want  []string // ids of the images that go; image N is N days old
	}{
		"count":                     {rule(1, `"tagStatus":"any","countType":"imageCountMoreThan","countNumber":4`), []string{"4", "5"}},
		"age":                       {rule(1, `"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":2`), []string{"5"}},
		"patterns":                  {rule(1, tagged(`"live-*"`, 1)), []string{"4"}},
		"all patterns":              {rule(1, tagged(`"live-*","src-*"`, 1)), nil},
		"the first rule owns":       {rule(1, tagged(`"live-*"`, 9999)) + "," + rule(2, tagged(`"*"`, 1)), []string{"1", "2"}},
		"whatever order they're in": {rule(2, tagged(`"*"`, 1)) + "," + rule(1, tagged(`"live-*"`, 9999)), []string{"1", "2"}},
	} {
		r := &repository{Lifecycle: `{"rules":[` + c.rules + `]}`, Images: map[string]*ociImage{
			"0": {Tags: []string{"src-0"}}, "1": {Tags: []string{"src-1"}}, "2": {Tags: []string{"src-2", "other"}},
			"3": {Tags: []string{"src-3", "live-1"}}, "4": nil, "5": {},
			"part": {Manifest: nil},
		}}
		r.Images["4"] = &ociImage{Tags: []string{"live-2"}, Manifest: []byte(`{"manifests":[{"digest":"part"}]}`)}
		for id, img := range r.Images {
			days := 100 // part of an index
			_, _ = fmt.Sscan(id, &days)
			img.Pushed = now.Add(-time.Duration(days) * 24 * time.Hour)
		}
		got := r.expired(now, 24*time.Hour)
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v expire, want %v", name, got, c.want)
		}
	}
}
