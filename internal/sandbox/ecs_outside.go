package sandbox

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// What a task meets outside ECS on its way: the roles, the log groups, the secrets and the images.

// withheld says why a task can't have its secrets or its log stream, "" if it can.
func (s *ecsService) withheld(r *Region, d *definition) string {
	for _, c := range d.ContainerDefinitions {
		for _, secret := range c.Secrets {
			if reason := s.secretWithheld(r, val(d.ExecutionRoleArn), *secret.ValueFrom); reason != "" {
				return "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): " + reason
			}
		}
		if l := c.LogConfiguration; l != nil && l.LogDriver == types.LogDriverAwslogs {
			if reason := s.logWithheld(r, val(d.ExecutionRoleArn), l.Options); reason != "" {
				return "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: " + reason + " : exit status 1"
			}
		}
	}
	return ""
}

func (s *ecsService) denied(role, action, resource string) string {
	if s.roleAllows(role, action, resource) {
		return ""
	}
	return fmt.Sprintf("AccessDeniedException: User: arn:aws:sts::%s:assumed-role/%s/task is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
		Account, role[strings.LastIndex(role, "/")+1:], action, resource, action)
}

func (s *ecsService) logWithheld(r *Region, role string, options map[string]string) string {
	group := options["awslogs-group"]
	arn := s.arn("logs", r.Name, "log-group:"+group)
	if options["awslogs-create-group"] == "true" && r.Logs.Groups[group] == nil {
		if reason := s.denied(role, "logs:CreateLogGroup", arn); reason != "" {
			return reason
		}
		s.makeGroup(r, group, nil)
	}
	if reason := s.denied(role, "logs:CreateLogStream", arn+":log-stream:"); reason != "" {
		return reason
	}
	if r.Logs.Groups[group] == nil {
		return "ResourceNotFoundException: The specified log group does not exist."
	}
	return ""
}

// secretWithheld knows secrets by ARN, with ":key:stage:version" behind it or without (developer guide, "Pass Secrets
// Manager secrets through Amazon ECS environment variables"). A parameter of Systems Manager is taken to be there.
func (s *ecsService) secretWithheld(r *Region, role, from string) string {
	parts := strings.Split(from, ":")
	if len(parts) < 7 || parts[2] != "secretsmanager" {
		return ""
	}
	arn, key := strings.Join(parts[:7], ":"), ""
	if len(parts) > 7 {
		key = parts[7]
	}
	what := "failed to fetch secret " + arn + " from secrets manager: "
	if reason := s.denied(role, "secretsmanager:GetSecretValue", arn); reason != "" {
		return what + reason
	}
	for _, sec := range r.Secrets.Secrets {
		if val(sec.ARN) != arn || sec.Gone || sec.DeletedDate != nil {
			continue
		}
		for _, v := range sec.Versions {
			if !slices.Contains(v.Stages, current) {
				continue
			}
			var object map[string]any
			if key != "" && (json.Unmarshal([]byte(val(v.String)), &object) != nil || object[key] == nil) {
				return "retrieved secret from Secrets Manager did not contain json key " + key
			}
			return ""
		}
		return what + "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
	}
	return what + "ResourceNotFoundException: Secrets Manager can't find the specified secret."
}

// ownImage is a reference to an image in this account's ECR: region, repository, and what names the image.
var ownImage = regexp.MustCompile(`^` + Account + `\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)(?::([^@]+))?(?:@(sha256:[0-9a-f]{64}))?$`)

// unpullable says why an image can't be pulled, "" if it can. Those of other registries are taken to be there.
func (s *ecsService) unpullable(d *definition) string {
	for _, c := range d.ContainerDefinitions {
		m := ownImage.FindStringSubmatch(*c.Image)
		if m == nil {
			continue
		}
		if reason := s.denied(val(d.ExecutionRoleArn), "ecr:BatchGetImage", s.arn("ecr", m[1], "repository/"+m[2])); reason != "" {
			return "CannotPullContainerError: pull image manifest has been retried 1 time(s): " + reason
		}
		if !s.imageExists(*c.Image) {
			return fmt.Sprintf("CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref %s: %[1]s: not found", *c.Image)
		}
	}
	return ""
}

// digest is what an image's reference points to, nil when this account's ECR does not have it.
func (s *ecsService) digest(image string) *string {
	if m := ownImage.FindStringSubmatch(image); m != nil {
		if m[4] != "" {
			return &m[4]
		}
		if repo := s.regionNamed(m[1]).ECR.Repositories[m[2]]; repo != nil {
			if d := repo.tagged(cmp.Or(m[3], "latest")); d != "" {
				return &d
			}
		}
		return nil
	}
	if _, d, ok := strings.Cut(image, "@"); ok {
		return &d
	}
	return new(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(image))))
}
