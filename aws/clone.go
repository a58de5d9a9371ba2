package aws

import (
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// CloneTaskDefinition is the request that registers a task definition again as it is, with all its tags: every member that both
// types have, whatever the SDK adds to them, goes over. What ECS itself writes into a definition is not in the request.
func CloneTaskDefinition(def *types.TaskDefinition, tags []types.Tag) *ecs.RegisterTaskDefinitionInput {
	in := &ecs.RegisterTaskDefinitionInput{}
	from, to := reflect.ValueOf(def).Elem(), reflect.ValueOf(in).Elem()
	for i := range to.NumField() {
		f := to.Type().Field(i)
		if v := from.FieldByName(f.Name); f.IsExported() && v.IsValid() && v.Type() == f.Type {
			to.Field(i).Set(v)
		}
	}
	in.ContainerDefinitions = slices.Clone(in.ContainerDefinitions)
	in.Tags = nil
	for _, t := range tags {
		if key := deref(t.Key); len(key) < 4 || key[:4] != "aws:" { // those can't be written
			in.Tags = append(in.Tags, t)
		}
	}
	return in
}

// SetTaskDefinitionTag sets one tag of the request.
func SetTaskDefinitionTag(in *ecs.RegisterTaskDefinitionInput, key, value string) {
	in.Tags = slices.DeleteFunc(in.Tags, func(t types.Tag) bool { return deref(t.Key) == key })
	if value != "" {
		in.Tags = append(in.Tags, types.Tag{Key: &key, Value: new(value[:min(len(value), 256)])})
	}
}

// TagImage is the tag of a task definition that keeps the image's reference as it was given, when it was.
const TagImage = "fargatectl:image"

// TagGit is the tag of a task definition that keeps the commit of the folder it was released from, "0123456789ab-dirty".
const TagGit = "fargatectl:git"

// TagHealthCheck is the tag of a task definition that says where its container's health check comes from: FromImage, or
// "none" where the manifest wants none, or Unseen, or FromNobody after that; without it the manifest, or whoever has made it, has
// set it.
const TagHealthCheck = "fargatectl:health-check"

// TagPort is the tag of a task definition that says where its container's port comes from: FromImage, FromManifest or FromNobody.
const TagPort = "fargatectl:port"

// What the two tags say.
const (
	FromImage    = "image"    // the image tells it
	FromManifest = "manifest" // it does: the image was not asked
	FromNobody   = "default"  // neither does
	Unseen       = "unseen"   // whether the image does could not be found out: it is asked again
)
