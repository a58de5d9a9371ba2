package aws

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// tagValue is the pattern of ECS's TagValue (API reference, Tag).
var tagValue = regexp.MustCompile(`^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$`)

func TestNotes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 17, 5, 0, 0, time.UTC)
	who := "arn:aws:sts::123456789012:assumed-role/Deployer/" + strings.Repeat("someone@example.com", 20)
	scale := ScaleNote{By: who, At: at, Desired: 5, Min: 2, Max: 10, OfMin: 2, OfMax: 10}
	release := ReleaseNote{Verb: "deploy", By: who, At: at}
	for _, text := range []string{scale.String(), release.String()} {
		if len(text) > 256 || !tagValue.MatchString(text) {
			t.Errorf("no tag value: %q", text)
		}
	}
	scale.By, release.By = Who(who), Who(who)
	if got, ok := ParseScaleNote(scale.String()); !ok || got != scale {
		t.Error(ok, got)
	}
	if got, ok := ParseReleaseNote(release.String()); !ok || got != release {
		t.Error(ok, got)
	}
	for _, text := range []string{"", "x", "desired=a min=1 max=2 of=1:2 at=2026-11-23T17:05:00Z", "deploy to=", `{"desired":1}`} {
		if n, ok := ParseScaleNote(text); ok {
			t.Error(text, n)
		}
		if n, ok := ParseReleaseNote(text); ok {
			t.Error(text, n)
		}
	}
}
