package release_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/release"
)

// says is a release whose image says something of itself.
func says(check *types.HealthCheck, ports []int32, notes ...string) func(*release.Deployment) {
	return func(d *release.Deployment) {
		g := d.Image.(*given)
		g.check, g.ports, g.notes = check, ports, notes
	}
}

func calls(program string) *types.HealthCheck {
	return &types.HealthCheck{Command: []string{"CMD", program}, Interval: new(int32(10)), Timeout: new(int32(5)), Retries: new(int32(3))}
}

// checked is the health check of a revision and the tags that say where it and the port are from.
func (w *world) checked(id string) string {
	w.t.Helper()
	d := w.definition(id)
	text := ""
	if h := d.TaskDefinition.ContainerDefinitions[0].HealthCheck; h != nil {
		text = strings.Join(h.Command, " ")
	}
	tags := aws.TagMap(d.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
	return text + " of " + tags[aws.TagHealthCheck] + ", port of " + tags[aws.TagPort]
}

// A health check that is the image's follows it into the next release; so does where the port is from.
func TestDeployFollowsImage(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		image := func(n string) string { return other + "-" + n }
		if _, err := w.deploy(t.Context(), image("a"), says(calls("/a"), []int32{9})); err != nil || w.checked("app:2") != "CMD /a of image, port of default" {
			t.Error(err, w.checked("app:2"))
		}
		if _, err := w.ecs().TagResource(t.Context(), &ecs.TagResourceInput{
			ResourceArn: w.definition("app:2").TaskDefinition.TaskDefinitionArn, Tags: []types.Tag{{Key: new(aws.TagPort), Value: new("image")}},
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.deploy(t.Context(), image("b"), says(calls("/b"), []int32{8080, 9})); err != nil || w.checked("app:3") != "CMD /b of image, port of image" {
			t.Error(err, w.checked("app:3"))
		}
		_, err := w.deploy(t.Context(), image("c"), says(nil, []int32{9}, "curl is not in the image"))
		if err != nil || w.checked("app:4") != " of , port of " || !w.heard("curl is not in the image") {
			t.Error(err, w.checked("app:4"), w.said)
		}
		if _, err := w.rollback(t.Context()); err != nil || w.runs() != "app:3" || w.checked("app:3") != "CMD /b of image, port of image" {
			t.Error(err, w.runs(), w.checked("app:3"))
		}
	})
}

// Where nobody can be asked what the new image says, the check of the one before goes, and that is said; the next release asks again.
func TestDeployUnseen(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		image := func(n string) string { return other + "-" + n }
		unseen := func(d *release.Deployment) { d.Image.(*given).unseen = true }
		if _, err := w.deploy(t.Context(), image("a"), says(calls("/a"), []int32{8080})); err != nil {
			t.Fatal(err)
		}
		if _, err := w.deploy(t.Context(), image("b"), unseen); err != nil || w.checked("app:3") != " of unseen, port of default" || !w.heard("the health check of the image before is left out: nobody was asked") {
			t.Error(err, w.checked("app:3"), w.said)
		}
		if _, err := w.deploy(t.Context(), image("c"), unseen); err != nil || w.checked("app:4") != " of unseen, port of default" || w.heard("left out") {
			t.Error(err, w.checked("app:4"), w.said)
		}
		if _, err := w.deploy(t.Context(), image("d"), says(calls("/d"), []int32{8080})); err != nil || w.checked("app:5") != "CMD /d of image, port of default" {
			t.Error(err, w.checked("app:5"))
		}
	})
}

// The manifest's health check stays, and so does that of a service that is somebody else's.
func TestDeployKeepsCheck(t *testing.T) {
	inWorld(t, ", health_check: { command: [CMD, /own] }", func(t *testing.T, w *world) {
		if _, err := w.deploy(t.Context(), other, says(calls("/a"), nil)); err != nil || w.checked("app:2") != "CMD /own of , port of default" {
			t.Error(err, w.checked("app:2"))
		}
		for to, check := range map[string]*types.HealthCheck{other + "-a": calls("/theirs"), other + "-b": nil} {
			in := aws.CloneTaskDefinition(w.definition("app").TaskDefinition, nil)
			in.ContainerDefinitions[0].HealthCheck = check
			out, err := w.ecs().RegisterTaskDefinition(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.ecs().UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: new("app-cluster"), Service: new("app"), TaskDefinition: out.TaskDefinition.TaskDefinitionArn}); err != nil {
				t.Fatal(err)
			}
			before := w.checked("app")
			_, err = w.deploy(t.Context(), to, says(calls("/a"), nil), func(d *release.Deployment) { d.Foreign, d.Queue = true, true })
			if is := *w.definition("app").TaskDefinition.ContainerDefinitions[0].Image; err != nil || is != to || w.checked("app") != before {
				t.Error(err, is, w.checked("app"), before)
			}
		}
	})
}

// Who wants no check gets none from another image.
func TestDeployKeepsNoCheck(t *testing.T) {
	inWorld(t, ", health_check: { command: [NONE] }", func(t *testing.T, w *world) {
		if _, err := w.deploy(t.Context(), other, says(calls("/a"), nil)); err != nil || w.checked("app:2") != " of none, port of default" {
			t.Error(err, w.checked("app:2"))
		}
	})
}
