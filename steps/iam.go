package steps

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/manifest"
)

// IAM is the two roles of a task: the execution role, with which ECS pulls the image, writes the log and reads the
// secrets, and the task role, which is the program's own. Roles are the account's, so their names hold the region.
type IAM struct {
	*App

	Execution deploy.Out[string] // ARN
	Task      deploy.Out[string] // ARN

	execution, task *role
}

// secretsPolicy is the inline policy of the execution role that the secrets step keeps.
const secretsPolicy = "secrets-access"

// propagation is how long a new role takes until ECS can assume it everywhere.
const propagation = 10 * time.Second

func (s *IAM) Name() string { return "iam" }

// Wanted is always true: a task needs its execution role to start.
func (s *IAM) Wanted() bool { return true }

// Read finds both roles by name.
func (s *IAM) Read(ctx context.Context) error {
	want := s.Manifest.Role
	trust := serviceTrust("ecs-tasks.amazonaws.com", s.Account, s.arn("ecs", "*"))
	s.execution = &role{
		App: s.App, arn: &s.Execution, name: s.executionRole(), word: "role/execution", trust: trust,
		inline:  secretsPolicy,
		managed: []string{fmt.Sprintf("arn:%s:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy", aws.Partition(s.Region))},
	}
	s.task = &role{
		App: s.App, arn: &s.Task, name: s.Manifest.Stack() + "-ecs-task-" + s.Region, word: "role/task", trust: trust,
		inline: "task", policy: s.taskPolicy(), managed: want.TaskPolicies,
	}
	return together(func() error { return s.execution.read(ctx) }, func() error { return s.task.read(ctx) })
}

// executionRole is the name of the execution role, which the secrets step gives a policy.
func (a *App) executionRole() string { return a.Manifest.Stack() + "-ecs-execution-" + a.Region }

// taskPolicy is what the manifest allows the program, and what the agent of `exec` in the container needs (ECS
// developer guide, "ECS Exec": permissions).
func (s *IAM) taskPolicy() document {
	statements := slices.Clone(s.Manifest.Role.TaskStatements)
	if s.Manifest.Service.EnableExecuteCommand {
		statements = append(statements, manifest.Statement{"Effect": "Allow", "Resource": "*", "Action": []string{
			"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
			"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
		}})
	}
	return newDocument(statements...)
}

// Check refuses another path: IAM sets it when it makes a role.
func (s *IAM) Check() error {
	for _, r := range []*role{s.execution, s.task} {
		if r.live != nil && *r.live.Path != s.Manifest.Role.Path {
			return fmt.Errorf("role %s has path %s, and IAM can't change it to %s: keep `path: %s`, or destroy and bring up anew",
				r.name, *r.live.Path, s.Manifest.Role.Path, *r.live.Path)
		}
	}
	return nil
}

// Plan makes the roles, or brings them to what the manifest says.
func (s *IAM) Plan() []deploy.Change { return append(s.execution.plan(), s.task.plan()...) }

// Ready is so ten seconds after a role was made: until then ECS can't be sure to assume it, and nothing shows when.
func (s *IAM) Ready(context.Context) (string, error) {
	for _, r := range []*role{s.execution, s.task} {
		if time.Since(r.made) < s.pause(propagation) {
			return "new roles become known to ECS", nil
		}
	}
	return "", nil
}

// Notes names what others have added to our roles.
func (s *IAM) Notes() []string { return append(s.execution.notes(), s.task.notes()...) }

// Remove deletes both roles with all that is attached to them, also by others: IAM deletes no role otherwise.
func (s *IAM) Remove() []deploy.Change { return append(s.execution.remove(), s.task.remove()...) }

var (
	_ deploy.Slow    = (*IAM)(nil)
	_ deploy.Checker = (*IAM)(nil)
	_ deploy.Noter   = (*IAM)(nil)
)
