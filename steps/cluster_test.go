package steps

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/deploy"
)

func onlyCluster(app *App) []deploy.Step { return []deploy.Step{&Cluster{App: app}} }

const clusterManifest = `
project_name: app
resources:
  - id: cluster
    type: aws_ecs_cluster
    name: NAME
    config: { container_insights: INSIGHTS }
`

func clusterYAML(name, insights string) string {
	return strings.NewReplacer("NAME", name, "INSIGHTS", insights).Replace(clusterManifest)
}

func TestCluster(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyCluster
		if got, want := w.plan(clusterYAML("c", "true")), "+ cluster: cluster c\n"; got != want {
			t.Errorf("plan %q want %q", got, want)
		}
		w.settled(clusterYAML("c", "true"))
		for _, c := range []struct{ insights, want string }{
			{"enhanced", "~ cluster: cluster c\n    container insights: enabled -> enhanced\n"},
			{"false", "~ cluster: cluster c\n    container insights: enhanced -> disabled\n"},
		} {
			if got := w.plan(clusterYAML("c", c.insights)); got != c.want {
				t.Errorf("plan %q want %q", got, c.want)
			}
			w.settled(clusterYAML("c", c.insights))
		}
		if r := w.destroy(clusterYAML("c", "false")); r.err != nil {
			t.Error(r.err)
		}
		if got := w.plan(clusterYAML("c", "false")); got != "+ cluster: cluster c\n" {
			t.Error(got)
		}
		w.settled(clusterYAML("c", "false"))
	})
}

// A cluster of ours under an older name is used on, with a note, and destroy takes it along.
func TestClusterRenamed(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyCluster
		w.settled(clusterYAML("old", "true"))
		if got, want := w.plan(clusterYAML("new", "true")), "  cluster: cluster old keeps its name, which AWS can't change; destroy and up makes new\n"; got != want {
			t.Errorf("plan %q want %q", got, want)
		}
		w.destroy(clusterYAML("new", "true"))
		if got := w.plan(clusterYAML("old", "true")); got != "+ cluster: cluster old\n" {
			t.Error(got)
		}
	})
}

func TestClusterOfOthers(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyCluster
		c := ecs.NewFromConfig(w.Config("us-east-1"))
		if _, err := c.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: new("c"), Tags: []types.Tag{{Key: new("team"), Value: new("x")}}}); err != nil {
			t.Fatal(err)
		}
		want := "error: cluster: read: cluster c exists and is not fargatectl's: it lacks the tag fargatectl:project"
		if got := w.plan(clusterYAML("c", "true")); got != want {
			t.Errorf("got %q want %q", got, want)
		}
		w.opts.Adopt = true
		w.settled(clusterYAML("c", "true"))
		w.opts.Adopt = false
		w.settled(clusterYAML("c", "true"))
	})
}

// Where the tagging API is denied the plan says that renames can't be seen.
func TestClusterBlind(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.pick = onlyCluster
		w.settled(clusterYAML("c", "true"))
		w.Inject(sandboxFault("tagging.GetResources", "AccessDeniedException"))
		if got := w.plan(clusterYAML("c", "true")); !strings.Contains(got, "can't be seen: not authorized to perform") || !onlyNotes(got) {
			t.Errorf("got %q", got)
		}
	})
}
