package logs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// A Source is where a container of a task definition writes to: the options of its awslogs driver.
type Source struct {
	Container string
	Group     string
	Region    string
	Prefix    string // the option awslogs-stream-prefix; Fargate demands one
}

// Stream is the name of the container's stream of a task, by id or the beginning of one: "ecs/my-api/0123456789…"
// (developer guide, "Send Amazon ECS logs to CloudWatch": prefix/container/task). "" is the beginning of all of them.
func (s Source) Stream(task string) string { return s.Prefix + "/" + s.Container + "/" + short(task) }

// A NoLogsError is a task definition none of whose containers writes to CloudWatch Logs.
type NoLogsError struct {
	Definition string            // "my-api:7"
	Drivers    map[string]string // by container; "" is none
}

func (e *NoLogsError) Error() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(e.Drivers)) {
		driver := "no log driver"
		if d := e.Drivers[name]; d != "" {
			driver = "the log driver " + d
		}
		parts = append(parts, fmt.Sprintf("container %s has %s", name, driver))
	}
	return e.Definition + " writes no logs to CloudWatch: " + strings.Join(parts, ", ")
}

// Hint says where the lines are to be looked for.
func (e *NoLogsError) Hint() string {
	for _, d := range e.Drivers {
		if d != "" {
			return "its lines are where that log driver sends them; with the driver awslogs they can be read here"
		}
	}
	return "give the container the log driver awslogs"
}

// Sources lists where the containers of a task definition write to, in its order; a container with another log driver
// than awslogs is left out. When there is none it is a NoLogsError.
func Sources(d *types.TaskDefinition) (all []Source, err error) {
	none := &NoLogsError{fmt.Sprintf("%s:%d", val(d.Family), d.Revision), map[string]string{}}
	for _, c := range d.ContainerDefinitions {
		name, l := val(c.Name), c.LogConfiguration
		if l == nil || l.LogDriver != types.LogDriverAwslogs {
			none.Drivers[name] = ""
			if l != nil {
				none.Drivers[name] = string(l.LogDriver)
			}
			continue
		}
		all = append(all, Source{
			Container: name, Group: l.Options["awslogs-group"], Region: l.Options["awslogs-region"], Prefix: l.Options["awslogs-stream-prefix"],
		})
	}
	if len(all) == 0 {
		return nil, none
	}
	return all, nil
}

// Of is where certain tasks, by id or ARN, write to: a place a group.
func Of(sources []Source, tasks ...string) (places []Place) {
	for _, s := range sources {
		at := slices.IndexFunc(places, func(p Place) bool { return p.Group == s.Group && p.Region == s.Region })
		if at < 0 {
			at, places = len(places), append(places, Place{Group: s.Group, Region: s.Region})
		}
		for _, task := range tasks {
			places[at].Streams = append(places[at].Streams, s.Stream(task))
		}
	}
	return places
}

// All is where all tasks write to, those of other revisions, too: whatever their containers are called.
func All(sources []Source) (places []Place) {
	for _, s := range sources {
		p := Place{Group: s.Group, Region: s.Region}
		if s.Prefix != "" {
			p.Prefix = s.Prefix + "/"
		}
		if !slices.ContainsFunc(places, func(o Place) bool { return o.Group == p.Group && o.Region == p.Region && o.Prefix == p.Prefix }) {
			places = append(places, p)
		}
	}
	return places
}

func short(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// val is what p points to, the zero value for nil.
func val[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
