// Package steps is what fargatectl makes, one file a step, in the order one would take by hand. All in steps.go is the
// whole architecture; a field of a step that points to another step is the edge between them.
//
// A step finds what is live by its name and our tags (there is no state file), compares it with the manifest and
// lists the calls between the two. What has our name and not our tags is refused. Tags stand in the create call, so
// that a crash leaves nothing that the next run would not find.
package steps

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	ecs "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/image"
	"github.com/fargatectl/fargatectl/internal/manifest"
)

// App is what all steps share: what is wanted, and where.
type App struct {
	Manifest *manifest.Manifest
	AWS      *aws.Calls
	Account  string // 12 digits
	Region   string
	Options  Options
	Registry Registry
	Git      func(context.Context) string // the commit of the manifest's folder, "" without one; nil is none
	Speed    float64                      // our own waits are divided by it: 1 on AWS, more in a sandbox that is quick
	Log      func(line string)            // shows what a release command prints, and what is to say about an image; nil is nobody

	exposed int32 // the port that the image exposes, once it is read; 0: the manifest's counts

	ours      once[[]tagging.ResourceTagMapping]
	running   once[*ecs.Service]
	defined   once[definition]
	deploying once[rollout] // when the command began

	network       network // what the steps of the network read together
	liveBalancer  once[*elb.LoadBalancer]
	liveListeners once[map[int32]elb.Listener]
	liveSite      once[*site]
}

// Options are the wishes of one run, beside the manifest.
type Options struct {
	Image              string     // deploy this reference instead of a build
	Rebuild            bool       // build although the tag is there
	Builder            string     // who builds a Dockerfile; "" is whoever is best
	FailOn             string     // the severity of a scan's finding that stops a release; "" is none
	NoCache            bool       // build every step of a Dockerfile anew
	Pass               image.Pass // to the builder of a Dockerfile
	Platform           string     // "linux/amd64,linux/arm64": of a build; "" is the manifest's
	Compression        string     // of a build's layers: gzip or zstd; "" is the manifest's
	ForceNewDeployment bool
	Wait               string // "accepted", "healthy" or "steady": how far the rollout is awaited
	Adopt              bool   // take over what has our name and no tags
	Prune              bool   // drop containers and fields of the task definition that the manifest does not know
	TakeDNS            bool   // replace a DNS record that is not ours
	Offline            bool   // ask nothing outside AWS (the sandbox)

	// Of destroy.
	Force                bool // secrets without recovery window
	KeepImages, KeepLogs bool
}

// Awaited says whether the deployment is followed to its end: only then is it known to serve, and what the release before
// it needs may go.
func (o Options) Awaited() bool { return o.Wait == "" || o.Wait == "steady" }

// owner is who we are in tags.
func (a *App) owner() aws.Owner {
	return aws.Owner{Project: a.Manifest.Project, Env: a.Manifest.EnvTag()}
}

// tags are those of one resource: ours and the manifest's.
func (a *App) tags(resource string) map[string]string {
	return a.owner().Tags(resource, a.Manifest.Tags)
}

// own refuses a thing with one of our names that is not ours. With --adopt one without an owner is taken over.
func (a *App) own(kind, name string, live map[string]string) error {
	if a.owner().Owns(live) || a.Options.Adopt && live[aws.TagProject] == "" {
		return nil
	}
	return &aws.NotOursError{Kind: kind, Name: name, Tags: live}
}

// arn is one in this account and region.
func (a *App) arn(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", aws.Partition(a.Region), service, a.Region, a.Account, resource)
}

// find lists the ARNs of all that is ours in this region and has the tag fargatectl:resource, by the Resource Groups
// Tagging API: that is how a thing is found that the manifest now calls by another name. It lags and forgets, so
// every hit is to be confirmed by the service's own Describe. One request serves all steps.
func (a *App) find(ctx context.Context, resource string) ([]string, error) {
	ours, err := a.ours.get(func() ([]tagging.ResourceTagMapping, error) { return a.listOurs(ctx) })
	var arns []string
	for _, m := range ours {
		if aws.TagMap(m.Tags, func(t tagging.Tag) (*string, *string) { return t.Key, t.Value })[aws.TagResource] == resource {
			arns = append(arns, *m.ResourceARN)
		}
	}
	slices.Sort(arns)
	return arns, err
}

func (a *App) listOurs(ctx context.Context) (all []tagging.ResourceTagMapping, err error) {
	in := &resourcegroupstaggingapi.GetResourcesInput{TagFilters: []tagging.TagFilter{
		{Key: new(aws.TagProject), Values: []string{a.owner().Project}},
		{Key: new(aws.TagEnv), Values: []string{a.owner().Env}},
	}}
	for {
		page, err := a.AWS.Tagging.GetResources(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.ResourceTagMappingList...)
		if in.PaginationToken = page.PaginationToken; in.PaginationToken == nil || *in.PaginationToken == "" {
			return all, nil
		}
	}
}

// retag is the change that adds what the live tags lack, nil when they lack nothing.
func retag(what string, live, want map[string]string, do func(context.Context, map[string]string) error) []deploy.Change {
	missing := aws.Missing(live, want)
	if len(missing) == 0 {
		return nil
	}
	var diff []deploy.Field
	for _, k := range slices.Sorted(maps.Keys(missing)) {
		diff = append(diff, deploy.F("tag "+k, live[k], missing[k]))
	}
	return []deploy.Change{{Op: deploy.Update, What: what + " tags", Diff: diff, Do: func(ctx context.Context) error { return do(ctx, missing) }}}
}

// last is the name behind the last slash or colon of an ARN.
func last(arn string) string { return arn[strings.LastIndexAny(arn, "/:")+1:] }

// first points to the first element, nil without one.
func first[T any](list []T) *T {
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

// val is what p points to, the zero value for nil: AWS leaves out what has no value.
func val[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// nameOfGroup is the log group's name in its ARN, arn:aws:logs:REGION:ACCOUNT:log-group:NAME, with or without ":*".
func nameOfGroup(arn string) string {
	parts := strings.SplitN(arn, ":", 7)
	return strings.TrimSuffix(parts[len(parts)-1], ":*")
}

// A Registry is how images reach their repository.
type Registry struct {
	Transport http.RoundTripper // nil is the ordinary one
	URL       string            // push here instead of to the host in the repository's URI
}

// pause is how long to wait for something that AWS does not show, d on AWS itself.
func (a *App) pause(d time.Duration) time.Duration {
	if a.Speed == 0 {
		return d
	}
	return time.Duration(float64(d) / a.Speed)
}

// together runs independent reads at once. All of them end, and all their errors are returned.
func together(reads ...func() error) error {
	errs := make([]error, len(reads))
	var wg sync.WaitGroup
	for i, read := range reads {
		wg.Go(func() { errs[i] = read() })
	}
	wg.Wait()
	return errors.Join(errs...)
}
