package steps

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
)

func scalingYAML(config string) string {
	return "project_name: app\nresources:\n" + api + "image: " + nginx + ", " + config + " }\n"
}

func TestScaling(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.opts.Offline, w.poll = true, 15*time.Second
		r := w.settled(scalingYAML("max_capacity: 10"))
		if got := r.plan.String(); !strings.Contains(got, "+ scaling: scalable target 2 to 10 tasks\n+ scaling: scaling policy app-cpu\n") {
			t.Error(got)
		}
		for _, c := range []struct{ config, want string }{
			{"max_capacity: 6", "~ scaling: scalable target 2 to 6 tasks\n    maximum: 10 -> 6\n"},
			{"max_capacity: 6, cpu_target: 50", "~ scaling: scaling policy app-cpu\n    target: 70 -> 50\n"},
			{"max_capacity: 6, cpu_target: 50, memory_target: 80", "+ scaling: scaling policy app-memory\n"},
			{"max_capacity: 6, cpu_target: 50, scale_in_cooldown: 120", "~ scaling: scaling policy app-cpu\n    scale-in cooldown: 300 -> 120\n- scaling: scaling policy app-memory\n"},
			{"max_capacity: 6, cpu_target: 50, scale_in_cooldown: 120, requests_per_target: 500", "+ scaling: scaling policy app-requests\n"},
			{
				`max_capacity: 6, cpu_target: 50, scale_in_cooldown: 120, schedules: [{ name: night, schedule: "cron(0 22 * * ? *)", min_capacity: 1, max_capacity: 2 }]`,
				"+ scaling: scheduled action app-night\n- scaling: scaling policy app-requests\n",
			},
			{
				`max_capacity: 6, cpu_target: 50, scale_in_cooldown: 120, schedules: [{ name: night, schedule: "cron(0 23 * * ? *)", min_capacity: 1, max_capacity: 2 }]`,
				"~ scaling: scheduled action app-night\n    schedule: cron(0 22 * * ? *) -> cron(0 23 * * ? *)\n",
			},
			{"max_capacity: 6, cpu_target: 50, scale_in_cooldown: 120", "- scaling: scheduled action app-night\n"},
		} {
			if got := withoutNotes(w.plan(scalingYAML(c.config))); got != c.want {
				t.Errorf("%s\n got %q\nwant %q", c.config, got, c.want)
			}
			w.settled(scalingYAML(c.config))
		}
		if r := w.destroy(scalingYAML("max_capacity: 6")); r.err != nil {
			t.Error(r.err)
		}
	})
}

// withoutNotes are the lines of a plan without its notes.
func withoutNotes(plan string) string {
	var b strings.Builder
	for line := range strings.Lines(plan) {
		if !strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "    ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// What scale has set holds while the manifest's range is what it was; suspended scaling is nobody's drift; what others
// have added stays.
func TestScalingByHand(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.opts.Offline, w.poll = true, 15*time.Second
		w.settled(scalingYAML("max_capacity: 10"))
		c := applicationautoscaling.NewFromConfig(w.Config("us-east-1"))
		id := new("service/app-cluster/app")
		_, err := c.RegisterScalableTarget(t.Context(), &applicationautoscaling.RegisterScalableTargetInput{
			ServiceNamespace: types.ServiceNamespaceEcs, ScalableDimension: types.ScalableDimensionECSServiceDesiredCount, ResourceId: id,
			MinCapacity: new(int32(2)), MaxCapacity: new(int32(12)), SuspendedState: &types.SuspendedState{DynamicScalingInSuspended: new(true)},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := withoutNotes(w.plan(scalingYAML("max_capacity: 10"))); got != "~ scaling: scalable target 2 to 10 tasks\n    maximum: 12 -> 10\n" {
			t.Error("without a note it is drift:", got)
		}
		note := aws.ScaleNote{At: time.Now(), Desired: 12, Min: 2, Max: 12, OfMin: 2, OfMax: 10}
		sv := ecs.NewFromConfig(w.Config("us-east-1"))
		if _, err := sv.TagResource(t.Context(), &ecs.TagResourceInput{
			ResourceArn: new("arn:aws:ecs:us-east-1:123456789012:service/app-cluster/app"), Tags: []ecstypes.Tag{{Key: new(aws.TagScale), Value: new(note.String())}},
		}); err != nil {
			t.Fatal(err)
		}
		if got := withoutNotes(w.plan(scalingYAML("max_capacity: 10"))); got != "" {
			t.Error("scale's setting is to be kept:", got)
		}
		if got := withoutNotes(w.plan(scalingYAML("max_capacity: 8"))); got != "~ scaling: scalable target 2 to 8 tasks\n    maximum: 12 -> 8\n" {
			t.Error("a changed manifest wins:", got)
		}
		w.settled(scalingYAML("max_capacity: 10"))
	})
}

// The range that a schedule has set is wanted until the next one's; a tag that is gone comes back.
func TestScalingScheduled(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.opts.Offline, w.poll = true, 15*time.Second
		yaml := scalingYAML(`max_capacity: 10, schedules: [{ name: morning, schedule: "cron(0 8 * * ? *)", min_capacity: 4, max_capacity: 12 }]`)
		w.settled(yaml)
		if got := w.plan(yaml); strings.Contains(got, "schedule morning") {
			t.Error("before its time:", got)
		}
		time.Sleep(24 * time.Hour)
		if got := w.plan(yaml); withoutNotes(got) != "" || !strings.Contains(got, "the range 4 to 12 is kept: schedule morning has set it") {
			t.Error("after its time:", got)
		}
		if got := withoutNotes(w.plan(scalingYAML("max_capacity: 10"))); !strings.Contains(got, "minimum: 4 -> 2") || !strings.Contains(got, "- scaling: scheduled action app-morning") {
			t.Error("without the schedule its range is drift:", got)
		}
		c := applicationautoscaling.NewFromConfig(w.Config("us-east-1"))
		target, err := c.DescribeScalableTargets(t.Context(), &applicationautoscaling.DescribeScalableTargetsInput{ServiceNamespace: types.ServiceNamespaceEcs})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.UntagResource(t.Context(), &applicationautoscaling.UntagResourceInput{
			ResourceARN: target.ScalableTargets[0].ScalableTargetARN, TagKeys: []string{aws.TagProject},
		}); err != nil {
			t.Fatal(err)
		}
		if got := withoutNotes(w.plan(yaml)); got != "~ scaling: scalable target tags\n    tag fargatectl:project: none -> app\n" {
			t.Error(got)
		}
		w.settled(yaml)
	})
}
