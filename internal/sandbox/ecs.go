package sandbox

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ecsState is what ECS holds in one region.
type ecsState struct {
	Clusters    map[string]*cluster // by name; deleted ones stay as INACTIVE
	Definitions map[string]*family  // task definitions by family
	Settings    map[string]string   // of the account
	Broken      map[string]Failure  // by family: what its next revisions will have
}

type ecsService struct{ *Sandbox }

func newECS(s *Sandbox) *ecsService {
	e := &ecsService{s}
	s.on["ecs schedule"] = e.schedule
	s.on["ecs task"] = e.proceed
	s.on["ecs forget"] = e.forgetTask
	s.on["ecs halfway"] = e.interrupted
	s.on["ecs agent"] = e.agentStarts
	return e
}

// ecsName is what ECS calls "up to 255 letters, numbers, underscores, and hyphens".
var ecsName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,255}$`)

// tagsOf finds the tags of anything that ECS can tag, by its ARN; nil when there is no such thing.
func (s *ecsService) tagsOf(ctx context.Context, arn string) *[]types.Tag {
	r := s.region(ctx)
	_, resource, _ := strings.Cut(arn, ":ecs:"+r.Name+":"+Account+":")
	kind, rest, _ := strings.Cut(resource, "/")
	first, second, _ := strings.Cut(rest, "/")
	c := r.ECS.Clusters[first]
	switch kind {
	case "cluster":
		if c != nil && *c.Status == "ACTIVE" {
			return &c.Tags
		}
	case "service":
		if c != nil && c.Services[second] != nil && *c.Services[second].Status != "INACTIVE" {
			return &c.Services[second].Tags
		}
	case "task":
		if c != nil && c.Tasks[second] != nil {
			return &c.Tasks[second].Tags
		}
	case "task-definition":
		if d := r.ECS.definition(rest); d != nil && d.Status == types.TaskDefinitionStatusActive {
			return &d.Tags
		}
	}
	return nil
}

func (s *ecsService) ListTagsForResource(ctx context.Context, in *ecs.ListTagsForResourceInput) (*ecs.ListTagsForResourceOutput, error) {
	tags := s.tagsOf(ctx, val(in.ResourceArn))
	if tags == nil {
		return nil, noSuchARN(in.ResourceArn)
	}
	return &ecs.ListTagsForResourceOutput{Tags: *tags}, nil
}

func (s *ecsService) TagResource(ctx context.Context, in *ecs.TagResourceInput) (*ecs.TagResourceOutput, error) {
	tags := s.tagsOf(ctx, val(in.ResourceArn))
	if tags == nil {
		return nil, noSuchARN(in.ResourceArn)
	}
	if err := checkECSTags(in.Tags); err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		*tags = append(slices.DeleteFunc(*tags, func(o types.Tag) bool { return *o.Key == *t.Key }), t)
	}
	return &ecs.TagResourceOutput{}, nil
}

func (s *ecsService) UntagResource(ctx context.Context, in *ecs.UntagResourceInput) (*ecs.UntagResourceOutput, error) {
	tags := s.tagsOf(ctx, val(in.ResourceArn))
	if tags == nil {
		return nil, noSuchARN(in.ResourceArn)
	}
	*tags = slices.DeleteFunc(*tags, func(t types.Tag) bool { return slices.Contains(in.TagKeys, *t.Key) })
	return &ecs.UntagResourceOutput{}, nil
}

func noSuchARN(arn *string) error {
	return fail("InvalidParameterException", "The specified resource %s was not found.", val(arn))
}

// checkECSTags holds the limits in the documentation of types.Tag.
func checkECSTags(tags []types.Tag) error {
	if len(tags) > 50 {
		return fail("InvalidParameterException", "The number of tags exceeds the limit of 50.")
	}
	for _, t := range tags {
		if k := val(t.Key); k == "" || len(k) > 128 || len(val(t.Value)) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return fail("InvalidParameterException", "Invalid tag: %s", k)
		}
	}
	return nil
}

// The account's settings that ECS knows, with what new accounts have.
var accountSettings = map[string]string{
	"awsvpcTrunking": "disabled", "containerInsights": "disabled", "containerInstanceLongArnFormat": "enabled",
	"defaultLogDriverMode": "non-blocking", "fargateTaskRetirementWaitPeriod": "7", "guardDutyActivate": "off",
	"serviceLongArnFormat": "enabled", "tagResourceAuthorization": "on", "taskLongArnFormat": "enabled",
}

func (s *ecsService) ListAccountSettings(ctx context.Context, in *ecs.ListAccountSettingsInput) (*ecs.ListAccountSettingsOutput, error) {
	own, out := s.region(ctx).ECS.Settings, &ecs.ListAccountSettingsOutput{}
	for name, v := range sorted(accountSettings) {
		set, ok := own[name]
		if in.Name != "" && string(in.Name) != name || !ok && !in.EffectiveSettings {
			continue
		}
		if ok {
			v = set
		}
		out.Settings = append(out.Settings, types.Setting{Name: types.SettingName(name), Value: &v, PrincipalArn: new(s.arn("iam", "", "root"))})
	}
	return out, nil
}

func (s *ecsService) PutAccountSetting(ctx context.Context, in *ecs.PutAccountSettingInput) (*ecs.PutAccountSettingOutput, error) {
	set, err := s.putSetting(ctx, in.Name, in.Value)
	return &ecs.PutAccountSettingOutput{Setting: set}, err
}

func (s *ecsService) PutAccountSettingDefault(ctx context.Context, in *ecs.PutAccountSettingDefaultInput) (*ecs.PutAccountSettingDefaultOutput, error) {
	set, err := s.putSetting(ctx, in.Name, in.Value)
	return &ecs.PutAccountSettingDefaultOutput{Setting: set}, err
}

func (s *ecsService) putSetting(ctx context.Context, name types.SettingName, value *string) (*types.Setting, error) {
	if accountSettings[string(name)] == "" {
		return nil, fail("InvalidParameterException", "%s is not a valid setting name.", name)
	}
	put(&s.region(ctx).ECS.Settings, string(name), val(value))
	return &types.Setting{Name: name, Value: value, PrincipalArn: new(s.arn("iam", "", "root"))}, nil
}

// missing is how ECS's Describe operations answer what is not there.
func missing(r *Region, kind, id string) types.Failure {
	if !strings.HasPrefix(id, "arn:") {
		id = fmt.Sprintf("arn:aws:ecs:%s:%s:%s/%s", r.Name, Account, kind, id)
	}
	return types.Failure{Arn: &id, Reason: new("MISSING")}
}
