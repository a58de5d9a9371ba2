package aws

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TagSecrets is the tag of a task definition that keeps which versions of its secrets were current when it was made:
// tasks read a secret once, when they start, so that a later version means new tasks.
const TagSecrets = "fargatectl:secrets" //nolint:gosec // the name of a tag

// SecretVersions are the ids of the current versions of secrets by the secrets' ARNs. They tell nothing of the values.
type SecretVersions map[string]string

// String is the tag's value: for every secret four digits of its ARN's hash and six of its version's. Where that is more
// than a tag holds it is one hash of all.
func (v SecretVersions) String() string {
	var words []string
	for _, arn := range slices.Sorted(maps.Keys(v)) {
		words = append(words, digest(arn, 4)+":"+ShortVersion(v[arn]))
	}
	if text := strings.Join(words, " "); len(text) <= 256 {
		return text
	}
	return "all:" + digest(strings.Join(words, " "), 12)
}

// Changed are the ARNs, sorted, of the secrets that have another version than a tag says. Secrets that the tag does not
// know are not among them; of a tag that is one hash of all it may be any of them, so it is all.
func (v SecretVersions) Changed(tag string) (arns []string) {
	was := map[string]string{}
	for word := range strings.FieldsSeq(tag) {
		k, version, _ := strings.Cut(word, ":")
		was[k] = version
	}
	all, one := was["all"]
	for _, arn := range slices.Sorted(maps.Keys(v)) {
		version, known := was[digest(arn, 4)]
		if known && version != ShortVersion(v[arn]) || one && "all:"+all != v.String() {
			arns = append(arns, arn)
		}
	}
	return arns
}

// SecretsOf are the variables that the containers of a task definition get from secrets, by the secrets' ARNs. What stands
// behind a secret's seven parts names a key in its value, a stage and a version (developer guide, "Pass Secrets Manager
// secrets").
func SecretsOf(d *types.TaskDefinition) map[string][]string {
	all := map[string][]string{}
	for _, c := range d.ContainerDefinitions {
		for _, secret := range c.Secrets {
			if parts := strings.Split(deref(secret.ValueFrom), ":"); len(parts) >= 7 && parts[2] == "secretsmanager" {
				arn := strings.Join(parts[:7], ":")
				all[arn] = append(all[arn], deref(secret.Name))
			}
		}
	}
	return all
}

// ShortVersion is a version's id as it is shown.
func ShortVersion(id string) string { return digest(id, 6) }

func digest(text string, n int) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:n] }

// CurrentVersion is the id of the version that tasks get, "" when there is none: the one with the stage AWSCURRENT.
func CurrentVersion(stages map[string][]string) string {
	for id, labels := range stages {
		if slices.Contains(labels, "AWSCURRENT") {
			return id
		}
	}
	return ""
}

// SecretName is the name in a secret's ARN, without the six characters that AWS puts behind it.
func SecretName(arn string) string {
	name := arn[strings.LastIndexByte(arn, ':')+1:]
	if n := len(name) - 7; n > 0 && name[n] == '-' {
		return name[:n]
	}
	return name
}
