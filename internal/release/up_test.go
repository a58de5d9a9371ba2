package release_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/release"
)

// moves is what a plan shows when up would put first in the place of what a verb has released.
func moves(t *testing.T, plan, from, why string) {
	t.Helper()
	lines := strings.SplitAfter(plan, "\n")
	if len(lines) < 2 || !strings.HasPrefix(lines[0], "~ service: service app (REPLACES the image set by "+why) || !strings.HasSuffix(lines[0], ", with "+first+")\n") {
		t.Errorf("plan\n%s", plan)
		return
	}
	want := "    image: " + from + " -> " + first + "\n    task definition: "
	if got := strings.Join(lines[1:], ""); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 2 || strings.Count(plan, "REPLACES") != 1 {
		t.Errorf("plan\n%s", plan)
	}
}

// What deploy has released is what up --image of the same wants; up without it says loudly what it would replace, and
// nothing else.
func TestUpAfterDeploy(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		if _, err := w.deploy(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if p := w.plan(other); p != "" {
			t.Errorf("plan --image:\n%s", p)
		}
		ops := w.changing(func() {
			if err := w.up(other); err != nil {
				t.Error(err)
			}
		})
		if len(ops) > 0 {
			t.Errorf("up --image: %v", ops)
		}
		moves(t, w.plan(first), other, "deploy --image "+other+", by user/me at ")
		w.break_() // a release that fails leaves that one in force, and what is said of it
		if _, err := w.deploy(t.Context(), "public.ecr.aws/x/broken:1"); !as[*aws.RolledBackError](err) {
			t.Fatal(err)
		}
		w.mend()
		moves(t, w.plan(first), other, "deploy --image "+other+", by user/me at ")
		if err := w.up(first); err != nil || w.runs() != "app:4" {
			t.Error(err, w.runs())
		}
		if p := w.plan(first); p != "" {
			t.Errorf("plan after up:\n%s", p)
		}
	})
}

func TestUpAfterRollback(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		if err := w.up(other); err != nil {
			t.Fatal(err)
		}
		if err := w.up(first); err != nil {
			t.Fatal(err)
		}
		if _, err := w.rollback(t.Context()); err != nil || w.runs() != "app:2" {
			t.Fatal(err, w.runs())
		}
		if p := w.plan(other); p != "" {
			t.Errorf("plan of what it went back to:\n%s", p)
		}
		moves(t, w.plan(first), other, "rollback, by user/me at ")
	})
}

// The number of tasks is scale's and autoscaling's: neither up nor deploy moves it.
func TestUpAfterScale(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		s := w.service()
		if err := s.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Scale(t.Context(), release.Scaling{Count: new(int32(12)), By: me, Of: release.Range{Min: 2, Max: 10}}); err != nil {
			t.Fatal(err)
		}
		if p := w.plan(first); p != "" {
			t.Errorf("plan after scale:\n%s", p)
		}
		if _, err := w.ecs().UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: new("app-cluster"), Service: new("app"), DesiredCount: new(int32(7))}); err != nil {
			t.Fatal(err) // as autoscaling does
		}
		time.Sleep(5 * time.Minute)
		if _, err := w.deploy(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		if err := w.up(first); err != nil {
			t.Fatal(err)
		}
		if sv := w.live(); sv.DesiredCount != 7 || sv.RunningCount != 7 {
			t.Errorf("%d of %d tasks", sv.RunningCount, sv.DesiredCount)
		}
	})
}

// The daily verbs find a service that the manifest now calls otherwise, and ask no more than before for one that it
// does not.
func TestRenamed(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		found := func() *release.Service {
			app := w.app("")
			return &release.Service{Calls: app.AWS, Cluster: app.Manifest.Cluster.Name, Name: app.Manifest.Service.Name, Find: app.LiveService}
		}
		before := len(w.Calls())
		if err := found().Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(w.Calls()) - before; n != 2 {
			t.Errorf("%d calls", n)
		}
		w.yaml = strings.Replace(w.yaml, "type: aws_ecs_service,", "type: aws_ecs_service, name: other,", 1) + "  - { id: c, type: aws_ecs_cluster, name: others }\n"
		d, err := w.deploy(t.Context(), other, func(d *release.Deployment) { d.Service = found() })
		if err != nil || d.Service.Name != "app" || w.runs() != "app:2" {
			t.Error(err, w.runs())
		}
		if _, err := w.ecs().TagResource(t.Context(), &ecs.TagResourceInput{ResourceArn: w.live().ServiceArn, Tags: []types.Tag{{Key: new(aws.TagProject), Value: new("theirs")}}}); err != nil {
			t.Fatal(err)
		}
		if err := found().Read(t.Context()); !as[*release.MissingError](err) {
			t.Errorf("under another name: %v", err)
		}
		w.yaml = strings.Replace(strings.Replace(w.yaml, "name: other,", "", 1), "name: others ", "name: app-cluster ", 1)
		if err := found().Read(t.Context()); !as[*aws.NotOursError](err) {
			t.Errorf("of the same name: %v", err)
		}
	})
}

// Scale moves the range before the count, says who has set it, and works where nothing scales.
func TestScale(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		scale := func(s release.Scaling) (*release.Scaled, []string) {
			t.Helper()
			svc := w.service()
			if err := svc.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.By, s.Of = me, release.Range{Min: 2, Max: 10}
			var out *release.Scaled
			ops := w.changing(func() {
				var err error
				if out, err = svc.Scale(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			})
			time.Sleep(3 * time.Minute)
			return out, ops
		}
		n := func(i int32) *int32 { return &i }
		target, update, tag := "application-autoscaling.RegisterScalableTarget", "ecs.UpdateService", "ecs.TagResource"
		for _, c := range []struct {
			wish release.Scaling
			text string
			ops  []string
			note aws.ScaleNote
		}{
			{release.Scaling{Count: n(5)}, "desired count 2 -> 5\nthe range stays 2 to 10; autoscaling may move the count again within it", []string{update, tag}, aws.ScaleNote{Desired: 5, Min: 2, Max: 10}},
			{release.Scaling{Count: n(12)}, "desired count 5 -> 12\nthe range is now 2 to 12 (its maximum was 10); autoscaling may move the count again within it", []string{target, update, tag}, aws.ScaleNote{Desired: 12, Min: 2, Max: 12}},
			{release.Scaling{Min: n(1), Max: n(4)}, "desired count 12 -> 4\nthe range is now 1 to 4 (its minimum was 2, its maximum was 12); autoscaling may move the count again within it", []string{target, update, tag}, aws.ScaleNote{Min: 1, Max: 4}},
			{release.Scaling{Count: n(-4), Relative: true}, "desired count 4 -> 0\nthe range is now 0 to 4 (its minimum was 1); autoscaling may move the count again within it", []string{target, update, tag}, aws.ScaleNote{Max: 4}},
			{release.Scaling{Count: n(0)}, "desired count stays 0\nthe range stays 0 to 4; autoscaling may move the count again within it", []string{tag}, aws.ScaleNote{Max: 4}},
		} {
			out, ops := scale(c.wish)
			if text := strings.Join(out.Lines()[:2], "\n"); text != c.text || !slices.Equal(ops, c.ops) {
				t.Errorf("%q %v\nwant %q %v", text, ops, c.text, c.ops)
			}
			sv := w.live()
			note, ok := aws.ParseScaleNote(aws.TagMap(sv.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })[aws.TagScale])
			c.note.By, c.note.At, c.note.OfMin, c.note.OfMax = "user/me", note.At, 2, 10
			if !ok || note != c.note || sv.DesiredCount != out.Desired || sv.RunningCount != out.Desired {
				t.Errorf("note %+v, %d of %d tasks", note, sv.RunningCount, sv.DesiredCount)
			}
		}
	})
}
