package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/fargatectl/fargatectl/internal/logs"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
)

// tailed is whose lines are shown.
type tailed struct {
	s          *session
	service    *release.Service
	places     []logs.Place
	containers []string   // that write there
	since      *time.Time // where the flags name no moment: nil is theirs
	hint       string     // when the group is not there
}

// tailed finds out where the service's containers write to: by its live task definition, before the first up by the
// manifest.
func (s *session) tailed() (*tailed, error) {
	t := &tailed{s: s, service: s.service()}
	sources, err := t.sources()
	if err != nil {
		return nil, err
	}
	chosen, err := t.choose(sources)
	if err != nil {
		return nil, err
	}
	for _, src := range chosen {
		t.containers = append(t.containers, src.Container)
	}
	switch {
	case s.c.Bool("previous"):
		return t, t.previous(chosen)
	case s.c.String("task") != "":
		for _, src := range chosen {
			t.places = append(t.places, logs.Place{Group: src.Group, Region: src.Region, Prefix: src.Stream(s.c.String("task"))})
		}
	case s.c.String("container") != "":
		for _, src := range chosen {
			t.places = append(t.places, logs.Place{Group: src.Group, Region: src.Region, Prefix: src.Stream("")})
		}
	default:
		t.places = logs.All(chosen)
	}
	return t, nil
}

// sources are those of the live task definition.
func (t *tailed) sources() ([]logs.Source, error) {
	gone := &release.MissingError{}
	err := t.service.Read(t.s.c.Context)
	switch {
	case err == nil:
		t.hint = "the task definition " + t.service.Revision() + " names it; who has deleted it?"
		if !t.s.named {
			t.hint = "fargatectl up makes it"
		}
		return logs.Sources(t.service.Definition)
	case t.s.named || !errors.As(err, &gone):
		return nil, err
	}
	m := t.s.app.Manifest
	t.service, t.hint = nil, "fargatectl up makes it"
	return []logs.Source{{Container: m.Service.Name, Group: m.LogGroup.Name, Prefix: "ecs"}}, nil
}

// choose picks the container that is asked for: one of the live task definition's, or of an older one's that has written
// to the same places.
func (t *tailed) choose(sources []logs.Source) (chosen []logs.Source, err error) {
	name := t.s.c.String("container")
	if name == "" {
		return sources, nil
	}
	var names []string
	for _, src := range sources {
		if names = append(names, src.Container); src.Container == name {
			chosen = append(chosen, src)
		}
	}
	if len(chosen) > 0 {
		return chosen, nil
	}
	for _, src := range sources {
		src.Container = name
		written, err := logs.Written(t.s.c.Context, &t.s.app.AWS.Logs, []logs.Place{{Group: src.Group, Region: src.Region, Prefix: src.Stream("")}})
		if err != nil {
			return nil, err
		}
		if written {
			return []logs.Source{src}, nil
		}
	}
	return nil, &usageError{fmt.Errorf("no container %s writes logs", name), "there is " + strings.Join(names, ", ")}
}

// previous are the lines of the task that has stopped last.
func (t *tailed) previous(sources []logs.Source) error {
	if t.service == nil {
		return &release.MissingError{Cluster: t.s.app.Manifest.Cluster.Name, Service: t.s.app.Manifest.Service.Name}
	}
	last, err := logs.Previous(t.s.c.Context, t.s.app.AWS, t.service.Cluster, t.service.Name, sources)
	if err != nil {
		return err
	}
	if last == nil {
		return &hinted{fmt.Errorf("no task of %s has stopped", t.service.Name), "without --previous there are the lines of those that run"}
	}
	text := "task " + last.Task
	if last.Why != "" {
		text += " stopped " + ui.Took(time.Since(last.At)) + " ago: " + last.Why
	} else {
		text += " wrote last " + ui.Took(time.Since(last.At)) + " ago; ECS does not know any more why it stopped"
	}
	t.s.tell(text)
	t.places = logs.Of(sources, last.Task)
	return nil
}

// events are the service's own, since a moment. ECS keeps the last hundred.
func (t *tailed) events(ctx context.Context, since time.Time) (all []logs.Event, err error) {
	if t.service == nil {
		return nil, nil
	}
	out, err := t.s.app.AWS.ECS.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &t.service.Cluster, Services: []string{t.service.Name}})
	if err != nil {
		return nil, err
	}
	for _, svc := range out.Services {
		for _, e := range svc.Events {
			if e.CreatedAt != nil && e.Id != nil && e.Message != nil && !e.CreatedAt.Before(since) {
				all = append(all, logs.Event{Time: *e.CreatedAt, ID: *e.Id, Message: *e.Message})
			}
		}
	}
	return all, nil
}
