package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/steps"
)

// A panics is a step with a bug.
type panics struct{ steps.Rollout }

func (*panics) Name() string                          { return "vpc" }
func (*panics) Read(context.Context) error            { panic("index out of range [3] with length 2") }
func (*panics) Ready(context.Context) (string, error) { return "", nil }

// What a user sees of an error, and the exit code.
func TestReport(t *testing.T) {
	t.Parallel()
	failed := &aws.Deployment{Status: types.ServiceDeploymentStatusRollbackSuccessful, Reason: "tasks failed to start.", Tasks: "exit code 3"}
	denied := func(action string) error {
		return &smithy.OperationError{ServiceID: "ECS", OperationName: "X", Err: &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User: me is not authorized to perform: " + action + " on resource: r"}}
	}
	stack, err := deploy.New(func(deploy.Event) {}, &panics{})
	if err != nil {
		t.Fatal(err)
	}
	bug := stack.Read(t.Context())
	for name, c := range map[string]struct {
		err  error
		code int
		text string
	}{
		"bug": {bug, 1, "error: vpc: read: internal error: index out of range [3] with length 2\n" +
			"hint: this is a mistake in fargatectl, not yours; what was begun at AWS goes on there, and the same command again continues\n" +
			"  please report the line above with internal/cli/exit_test.go:N: https://github.com/fargatectl/fargatectl/issues\n"},
		"denied": {
			errors.Join(fmt.Errorf("vpc: read: %w", denied("ec2:DescribeVpcs")), fmt.Errorf("alb: read: %w", denied("ecs:B")), fmt.Errorf("x: read: %w", denied("ecs:B"))), 7,
			"error: vpc: read: not authorized to perform ec2:DescribeVpcs on r\nerror: alb: read: not authorized to perform ecs:B on r\nerror: x: read: not authorized to perform ecs:B on r\n" +
				"hint: allow to who runs this: ec2:DescribeVpcs, ecs:B\n",
		},
		"rolled back": {
			errors.Join(fmt.Errorf("rollout: %w", &aws.RolledBackError{Deployment: failed})), 4,
			"error: rollout: the deployment failed and was rolled back: tasks failed to start; its tasks: exit code 3\n" +
				"hint: the release before it serves; fargatectl logs tail --since 30m and fargatectl status show why the new one did not\n",
		},
		"the gravest": {errors.Join(errors.New("x"), &aws.RolledBackError{Deployment: failed}, &aws.NotRestoredError{Deployment: failed}, denied("a:B")), 5, ""},
		"interrupted": {errors.Join(errInterrupted, errors.New("x")), 130, ""},
		"timed out":   {fmt.Errorf("%w after 20m0s", errTimeout), 6, "error: timed out after 20m0s\nhint: AWS may still finish; run the same command again to wait on, or see fargatectl status\n"},
		"busy":        {&aws.InProgressError{Service: "app", TaskDefinition: "a/app:2"}, 8, "error: a deployment of app:2 to service app is in progress\nhint: wait for its end (fargatectl status), and run the command again; fargatectl deploy --wait-for-turn waits by itself\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var said bytes.Buffer
			p := &process{terminal: ui.Terminal{Err: ui.Stream{Writer: &said}}}
			if code := p.report(c.err); code != c.code {
				t.Errorf("exit code %d", code)
			}
			got := regexp.MustCompile(`_test\.go:\d+`).ReplaceAllString(said.String(), "_test.go:N")
			if c.text != "" && got != c.text {
				t.Errorf("got  %q\nwant %q", got, c.text)
			}
		})
	}
}

// A panic outside the steps is one line, too.
func TestPanic(t *testing.T) {
	t.Parallel()
	var bug *deploy.Bug
	if err := new(process).run(t.Context(), nil, nil); !errors.As(err, &bug) || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}
