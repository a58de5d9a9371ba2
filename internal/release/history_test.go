package release_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

// A history is cut to what is asked for, in batches as AWS takes them, and knows what is a restart although what it
// restarted is not shown. A task definition that was deleted leaves a hole, and no error.
func TestHistory(t *testing.T) {
	inWorld(t, "", func(t *testing.T, w *world) {
		if _, err := w.deploy(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		for range 22 {
			if _, err := w.deploy(t.Context(), other, func(d *release.Deployment) { d.Force = true }); err != nil {
				t.Fatal(err)
			}
		}
		history := func(n int) []release.Release {
			t.Helper()
			h, err := w.service().History(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			return h.Releases
		}
		before := len(w.Calls())
		all := history(30)
		var verbs []string
		for _, r := range all {
			verbs = append(verbs, r.Verb)
		}
		if want := append(slices.Repeat([]string{"restart"}, 22), "deploy", "up"); !slices.Equal(verbs, want) {
			t.Errorf("%q", verbs)
		}
		asked := map[string]int{}
		for _, c := range w.Calls()[before:] {
			asked[c.Op]++
		}
		if asked["DescribeServiceRevisions"] != 2 || asked["DescribeTaskDefinition"] != 2 {
			t.Errorf("calls %v", asked)
		}
		if r := all[0]; !r.Live || r.Revision != 2 || r.Seconds < 30 || r.By != "" || r.Image != other || r.ImageTag != "1.27" || r.CreatedAt.Before(*all[1].FinishedAt) {
			t.Errorf("%+v", r)
		}
		if some := history(3); len(some) != 3 || some[2].Verb != "restart" {
			t.Errorf("%+v", some)
		}
		must[*ecs.DeregisterTaskDefinitionOutput](t)(w.ecs().DeregisterTaskDefinition(t.Context(), &ecs.DeregisterTaskDefinitionInput{TaskDefinition: new("app:1")}))
		must[*ecs.DeleteTaskDefinitionsOutput](t)(w.ecs().DeleteTaskDefinitions(t.Context(), &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: []string{"app:1"}}))
		time.Sleep(2 * time.Hour)
		if r := history(30)[23]; r.Revision != 0 || r.TaskDefinition != "app:1" || r.Status != "SUCCESSFUL" {
			t.Errorf("%+v", r)
		}
		w.Inject(sandbox.Fault{Service: "ecs", Op: "ListServiceDeployments", Code: "UnknownOperationException", Message: "no"})
		if _, err := w.service().History(t.Context(), 1); !errors.Is(err, release.ErrNoHistory) {
			t.Error(err)
		}
	})
}
