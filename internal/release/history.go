package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
)

// A History is the deployments of a service, newest first.
type History struct {
	Service  string    `json:"service"`
	Cluster  string    `json:"cluster"`
	Releases []Release `json:"releases"`
}

// A Release is one deployment: what it brought, who did it, and how it ended.
type Release struct {
	Revision       int32      `json:"revision"` // of the task definition; 0 when AWS no longer knows it
	TaskDefinition string     `json:"task_definition"`
	CreatedAt      time.Time  `json:"created_at"`
	FinishedAt     *time.Time `json:"finished_at"`
	Seconds        float64    `json:"seconds"` // it took; 0 while it goes on
	Verb           string     `json:"verb"`    // "deploy", "rollback", "up"; "restart" brought the live task definition once more; "" is not known
	By             string     `json:"by"`      // who did it, "" when that is not known
	Git            string     `json:"git"`     // commit of the folder, "" without one
	Image          string     `json:"image"`
	ImageTag       string     `json:"image_tag"`
	ImageDigest    string     `json:"image_digest"`
	Status         string     `json:"status"` // AWS's, of the service deployment
	Reason         string     `json:"reason"` // AWS's own words
	Live           bool       `json:"live"`   // the service runs it
}

// ErrNoHistory is that an endpoint keeps no record of deployments.
var ErrNoHistory = errors.New("this endpoint does not serve service deployments (ecs:ListServiceDeployments), which tell what was released")

// older is how many deployments beyond those asked for are looked at, to know what was live when the oldest began.
const older = 20

// History is the newest n deployments. What AWS no longer has of them, and what may not be read, is left out.
func (s *Service) History(ctx context.Context, n int) (*History, error) {
	if err := s.Read(ctx); err != nil {
		return nil, err
	}
	all, err := s.past(ctx, n+older)
	if err != nil {
		return nil, err
	}
	shown := all[:min(n, len(all))]
	definitions, err := s.definitions(ctx, shown)
	if err != nil {
		return nil, err
	}
	h := &History{Service: s.Name, Cluster: short(s.Cluster), Releases: make([]Release, len(shown))}
	restarts := restarted(all)
	for i, p := range shown {
		h.Releases[i] = s.told(p, definitions[p.TaskDefinition])
		if restarts[i] {
			h.Releases[i].Verb = "restart"
		}
	}
	s.credit(h.Releases, definitions)
	for i := range h.Releases {
		if r := &h.Releases[i]; r.TaskDefinition == s.Revision() && r.Status == string(types.ServiceDeploymentStatusSuccessful) {
			r.Live = true
			break
		}
	}
	return h, s.tagged(ctx, h.Releases)
}

// told is what a deployment and its task definition say of a release.
func (s *Service) told(p past, d *described) Release {
	r := Release{
		TaskDefinition: short(p.TaskDefinition), CreatedAt: p.Created, FinishedAt: moment(p.Finished), Status: string(p.Status), Reason: p.Reason,
	}
	if !p.Finished.IsZero() {
		r.Seconds = p.Finished.Sub(p.Created).Seconds()
	}
	if d == nil {
		return r
	}
	c := s.container(d.TaskDefinition)
	r.Revision, r.Git, r.Image, r.ImageDigest = d.Revision, d.tags[aws.TagGit], val(c.Image), p.digest(val(c.Name))
	if _, digest, ok := strings.Cut(r.Image, "@"); ok {
		r.ImageDigest = digest
	}
	for _, ref := range []string{r.Image, d.tags[aws.TagImage]} {
		ref, _, _ = strings.Cut(ref, "@")
		if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") {
			r.ImageTag = ref[i+1:]
		}
	}
	return r
}

// restarted says of each deployment whether it brought what was live already: nothing new is released by that.
func restarted(all []past) []bool {
	is, live := make([]bool, len(all)), ""
	for i, p := range slices.Backward(all) {
		is[i] = p.TaskDefinition != "" && p.TaskDefinition == live
		if p.good() {
			live = p.TaskDefinition
		}
	}
	return is
}

// credit says who did what. The note at a task definition is of the deployment that came next after it; who has
// registered a task definition has made the first deployment of it.
func (s *Service) credit(releases []Release, definitions map[string]*described) {
	for arn, d := range definitions {
		mine := func(r Release) bool { return r.TaskDefinition == short(arn) && r.Verb != "restart" }
		first, before, behind := -1, -1, -1
		note, noted := aws.ParseReleaseNote(d.tags[aws.TagRelease])
		for i, r := range releases {
			if !mine(r) {
				continue
			}
			first = i // the last of the list
			switch off := r.CreatedAt.Sub(note.At); {
			case !noted || off.Abs() > 10*time.Minute:
			case off >= 0:
				behind = i
			case before < 0:
				before = i
			}
		}
		nearest := behind
		if nearest < 0 { // the clock that the note is by may be fast
			nearest = before
		}
		if first >= 0 && d.RegisteredAt != nil && releases[first].CreatedAt.Sub(*d.RegisteredAt).Abs() < time.Hour {
			if releases[first].By = aws.Who(val(d.RegisteredBy)); d.tags[aws.TagProject] != "" && !noted {
				releases[first].Verb = "up"
			}
		}
		if nearest >= 0 {
			releases[nearest].Verb, releases[nearest].By = note.Verb, note.By
		}
	}
}

// described is a task definition with its tags.
type described struct {
	*types.TaskDefinition
	tags map[string]string
}

// atOnce is how many task definitions are asked for at a time: ECS lets 20 a second through.
const atOnce = 8

// definitions are the task definitions of deployments, by ARN, without those that were deleted.
func (s *Service) definitions(ctx context.Context, all []past) (map[string]*described, error) {
	of := map[string]*described{val(s.Live.TaskDefinition): {s.Definition, tagsOf(s.Tags)}}
	var arns []string
	for _, p := range all {
		if _, known := of[p.TaskDefinition]; !known && p.TaskDefinition != "" {
			of[p.TaskDefinition] = nil
			arns = append(arns, p.TaskDefinition)
		}
	}
	found, turn := make([]*described, len(arns)), make(chan struct{}, atOnce)
	var reads []func() error
	for i, arn := range arns {
		reads = append(reads, func() error {
			turn <- struct{}{}
			defer func() { <-turn }()
			d, tags, err := s.describe(ctx, arn)
			if gone(err) {
				return nil
			}
			found[i] = &described{d, tagsOf(tags)}
			return err
		})
	}
	err := together(reads...)
	for i, arn := range arns {
		if of[arn] = found[i]; found[i] == nil {
			delete(of, arn)
		}
	}
	return of, err
}

// tagged finds the tags of images that are deployed by digest, where they lie in this registry and may be listed.
func (s *Service) tagged(ctx context.Context, releases []Release) error {
	parts := strings.Split(val(s.Live.ServiceArn), ":") // arn:PARTITION:ecs:REGION:ACCOUNT:service/…
	if len(parts) < 6 {
		return nil
	}
	registry, repositories := parts[4]+".dkr.ecr."+parts[3]+".", map[string]map[string]string{}
	for i := range releases {
		r := &releases[i]
		host, rest, _ := strings.Cut(r.Image, "/")
		name, digest, _ := strings.Cut(rest, "@")
		if r.ImageTag != "" || digest == "" || !strings.HasPrefix(host, registry) {
			continue
		}
		if repositories[name] == nil {
			tags, err := s.tagsIn(ctx, name)
			if err != nil && (aws.Explain(err).Kind == aws.Denied || aws.Is(err, "RepositoryNotFoundException")) {
				err = nil
			}
			if err != nil {
				return fmt.Errorf("tags of the images in %s: %w", name, err)
			}
			repositories[name] = tags
		}
		r.ImageTag = repositories[name][digest]
	}
	return nil
}

// tagsIn is a tag of each image in a repository, by its digest: rather what it was built from than that it is live.
func (s *Service) tagsIn(ctx context.Context, repository string) (map[string]string, error) {
	of := map[string]string{}
	in := &ecr.ListImagesInput{RepositoryName: &repository, MaxResults: new(int32(1000)), Filter: &ecrtypes.ListImagesFilter{TagStatus: ecrtypes.TagStatusTagged}}
	for {
		page, err := s.Calls.ECR.ListImages(ctx, in)
		if err != nil {
			return of, err
		}
		for _, id := range page.ImageIds {
			if tag := val(id.ImageTag); of[val(id.ImageDigest)] == "" || !strings.HasPrefix(tag, "live-") {
				of[val(id.ImageDigest)] = tag
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return of, nil
		}
	}
}
