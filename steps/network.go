package steps

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
)

// network is what several steps read of EC2, each of it once.
type network struct {
	vpcs      once[[]types.Vpc]
	zones     once[[]types.AvailabilityZone]
	subnets   once[[]types.Subnet]
	nats      once[[]types.NatGateway]
	endpoints once[[]types.VpcEndpoint]
}

// pages reads a list to its end.
func pages[T any](read func(token *string) ([]T, *string, error)) (all []T, err error) {
	for token := (*string)(nil); ; {
		page, next, err := read(token)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if val(next) == "" {
			return all, nil
		}
		token = next
	}
}

// our are EC2's filters for what is ours.
func (a *App) our() []types.Filter {
	return []types.Filter{
		{Name: new("tag:" + aws.TagProject), Values: []string{a.owner().Project}},
		{Name: new("tag:" + aws.TagEnv), Values: []string{a.owner().Env}},
	}
}

// named are the tags of something that has no name but the one in its tags.
func (a *App) named(word, name string) map[string]string {
	tags := a.tags(word)
	tags["Name"] = name
	return tags
}

// tagSpec puts tags into a create call.
func tagSpec(kind types.ResourceType, tags map[string]string) []types.TagSpecification {
	return []types.TagSpecification{{ResourceType: kind, Tags: aws.Convert(tags, func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} })}}
}

func tagMap(tags []types.Tag) map[string]string {
	return aws.TagMap(tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
}

// word is the tag fargatectl:resource.
func word(tags []types.Tag) string { return tagMap(tags)[aws.TagResource] }

// byWord finds the one thing of each word; two of one are an error that names both.
func byWord[T any](kind string, list []T, id func(*T) string, tags func(*T) []types.Tag) (map[string]*T, error) {
	found := map[string]*T{}
	for i := range list {
		v := &list[i]
		w := word(tags(v))
		if old := found[w]; old != nil {
			return nil, fmt.Errorf("%s and %s are both tagged as our %s: delete the %s that is not in use, or its tag %s", id(old), id(v), w, kind, aws.TagResource)
		}
		found[w] = v
	}
	return found, nil
}

// retagEC2 adds the tags that something of EC2 lacks.
func (a *App) retagEC2(what, id string, live []types.Tag, want map[string]string) []deploy.Change {
	return retag(what, tagMap(live), want, func(ctx context.Context, tags map[string]string) error {
		_, err := a.AWS.EC2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: tagSpec("", tags)[0].Tags})
		return err
	})
}

// unrepeated is for creates with neither token nor name.
func unrepeated(o *ec2.Options) { o.Retryer = aws.Once() }

// patient is for calls that may be repeated.
func patient(o *ec2.Options) { o.Retryer = aws.Patient() }

// notFound says whether EC2 does not know an id.
func notFound(err error) bool {
	c := aws.Code(err)
	return strings.HasSuffix(c, ".NotFound") || c == "NatGatewayNotFound"
}

// soon repeats a call while EC2 does not know what it has made a moment ago: its answers can be some seconds behind.
func (a *App) soon(ctx context.Context, call func() error) error {
	end := time.Now().Add(a.pause(2 * time.Minute))
	return deploy.Until(ctx, func(context.Context) (string, error) {
		err := call()
		if notFound(err) && time.Now().Before(end) {
			return "until EC2 knows what was made", nil
		}
		return "", err
	})
}

// An OtherRunError is that somebody else is making the same stack at this moment.
type OtherRunError struct{ What, ID string }

func (e *OtherRunError) Error() string {
	return fmt.Sprintf("another fargatectl is making this stack at this moment: it has %s %s; the second one, made here, was taken back", e.What, e.ID)
}

// Hint says what to do meanwhile.
func (*OtherRunError) Hint() string { return "wait until it has ended, and run the command again" }

// alone is called by who has just made what has neither a name nor a token that only one can have. Where another of it
// is ours, too, somebody else was as quick: what was made here is taken back, and the run ends.
func alone(what, id string, all func() ([]string, error), takeBack func() error) error {
	ids, err := all()
	if err != nil {
		return err
	}
	for _, other := range ids {
		if other != id {
			return errors.Join(&OtherRunError{what, other}, takeBack())
		}
	}
	return nil
}

// idsOf are the ids of a list.
func idsOf[T any](list []T, id func(*T) string) (all []string) {
	for i := range list {
		all = append(all, id(&list[i]))
	}
	return all
}

// wordIs finds ours of one word.
func (a *App) wordIs(word string) []types.Filter {
	return append(a.our(), types.Filter{Name: new("tag:" + aws.TagResource), Values: []string{word}})
}
