package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/aws"
	"github.com/fargatectl/fargatectl/internal/manifest"
	"github.com/fargatectl/fargatectl/internal/oneoff"
	"github.com/fargatectl/fargatectl/internal/release"
	"github.com/fargatectl/fargatectl/internal/ui"
)

func (p *process) runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Category: "operate", Usage: "run a command once, in a task of its own beside the service", ArgsUsage: "[--] COMMAND...",
		Description: "The task has the network, the roles, the secrets and the image of what the service runs now. Its log comes as it is\n" +
			"written, and its exit code is the program's. When AWS can't start it the exit code is 125. Ctrl-C stops the task; at\n" +
			"the end of --timeout it goes on by itself. COMMAND goes to the image's entry point, if it has one; flags of the\n" +
			"command stand behind --. A task that is put on Spot for a service runs on demand here.\n\n" +
			"With --image the task definition is cloned in a family of its own (`<family>_run`, deleted at once: tasks go on), so\n" +
			"that the numbers of the releases stay theirs. Of a service that --service names nothing else is touched.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "image", Usage: "run the image `REF` instead of the live one; its own command without COMMAND"},
			&cli.IntFlag{Name: "cpu", Usage: "CPU units of the task instead of the service's"},
			&cli.IntFlag{Name: "memory", Usage: "MiB of memory of the task instead of the service's"},
			&cli.IntFlag{Name: "count", Value: 1, Usage: "how many tasks, 1 to 10; the exit code is the first that is not 0"},
			&cli.StringSliceFlag{Name: "var", Usage: "a variable `KEY=VALUE` besides the service's; not for secrets: it can be read in the task"},
			&cli.StringFlag{Name: "container", Usage: "run COMMAND in the container `NAME` instead of the service's own"},
			&cli.BoolFlag{Name: "detach", Usage: "start the task, print its ARN and leave it"},
			&cli.DurationFlag{Name: "timeout", Usage: "give up waiting after `DURATION`; the task goes on"},
		}, serviceFlags()...),
		Action: p.doRun,
	}
}

func (p *process) doRun(c *cli.Context) error {
	wish, err := parseRun(c)
	if err != nil {
		return err
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	r, err := s.startRun(wish)
	if err != nil {
		return &ourSideError{err}
	}
	if c.Bool("detach") {
		return s.detached(r)
	}
	began := time.Now()
	if err := s.attend(r); err != nil {
		return err
	}
	return s.ran(r, time.Since(began))
}

// A runWish is what the command line of run wants.
type runWish struct {
	image, container string
	command          []string
	env              map[string]string
	cpu, memory      int32
	count            int32
}

func parseRun(c *cli.Context) (*runWish, error) {
	w := &runWish{
		image: c.String("image"), container: c.String("container"), command: c.Args().Slice(), env: map[string]string{},
		cpu: int32(c.Int("cpu")), memory: int32(c.Int("memory")), count: int32(c.Int("count")),
	}
	if len(w.command) == 0 && w.image == "" || len(w.command) > 0 && w.command[0] == "" {
		return nil, &usageError{errors.New("run needs a COMMAND"), "fargatectl run -- ./migrate up"}
	}
	for _, f := range []string{"cpu", "memory"} {
		if n := c.Int(f); c.IsSet(f) && (n <= 0 || n > 1<<20) {
			return nil, usageErrorf("--%s %d is no size of a task", f, n)
		}
	}
	if n := c.Int("count"); n < 1 || n > 10 {
		return nil, usageErrorf("--count %d: AWS starts 1 to 10 tasks at a time", n)
	}
	if strings.Contains(c.String("env"), "=") {
		return nil, &usageError{errors.New("--env is the environment of the stack, whose name has no ="), "a variable of the task is --var KEY=VALUE"}
	}
	for _, kv := range c.StringSlice("var") {
		k, v, ok := strings.Cut(kv, "=")
		switch {
		case !ok || k == "":
			return nil, &usageError{errors.New("--var takes KEY=VALUE"), "the value is given here; variables of this shell are not passed on by themselves"}
		case manifest.LooksSecret(v):
			return nil, &usageError{fmt.Errorf("--var %s looks like a secret, and could be read in the task", k), "keep it with fargatectl secrets set, and name it in the manifest"}
		}
		w.env[k] = v
	}
	return w, nil
}

// startRun starts the tasks beside the live service.
func (s *session) startRun(w *runWish) (*oneoff.Run, error) {
	svc := s.service()
	if err := svc.Read(s.c.Context); err != nil {
		return nil, err
	}
	container, err := containerNamed(svc, w.container)
	if err != nil {
		return nil, err
	}
	if err := s.sizes(w, svc.Definition); err != nil {
		return nil, err
	}
	for _, secret := range container.Secrets {
		if _, both := w.env[*secret.Name]; both {
			return nil, usageErrorf("%s is a secret of container %s: a variable has one value", *secret.Name, *container.Name)
		}
	}
	r := &oneoff.Run{Calls: s.app.AWS, In: oneoff.Beside(svc.Live), Definition: svc.Definition, Container: *container, Speed: s.app.Speed}
	r.In.Count, r.In.StartedBy = &w.count, new("fargatectl/run")
	r.Command(w.command, w.env)
	r.Size(w.cpu, w.memory)
	var tags []types.Tag
	if !s.named {
		tags = s.taskTags("run")
		r.In.Tags = tags
	}
	if w.image == "" {
		return r, r.Start(s.c.Context)
	}
	clone, err := oneoff.Clone(s.c.Context, s.app.AWS, svc.Definition, *container.Name, w.image, tags)
	if err != nil {
		return nil, err
	}
	r.In.TaskDefinition = &clone
	err = r.Start(s.c.Context)
	return r, errors.Join(err, oneoff.Forget(context.WithoutCancel(s.c.Context), s.app.AWS, clone))
}

// containerNamed is the container that a command runs in, "" the one that the service is about.
func containerNamed(svc *release.Service, name string) (*types.ContainerDefinition, error) {
	if name == "" {
		return svc.Container(), nil
	}
	var known []string
	for i := range svc.Definition.ContainerDefinitions {
		c := &svc.Definition.ContainerDefinitions[i]
		if *c.Name == name {
			return c, nil
		}
		known = append(known, *c.Name)
	}
	return nil, usageErrorf("%s has no container %s (its containers: %s)", svc.Revision(), name, strings.Join(known, ", "))
}

// sizes holds CPU and memory against what Fargate has. Where only one is given, the other is the least that goes with
// it, unless the service's own does.
func (s *session) sizes(w *runWish, d *types.TaskDefinition) error {
	if w.cpu == 0 && w.memory == 0 || !slices.Contains(d.RequiresCompatibilities, types.CompatibilityFargate) {
		return nil
	}
	cpu, memory, err := manifest.FargateSize(w.cpu, w.memory, number(d.Cpu), number(d.Memory))
	if wrong := (*manifest.SizeError)(nil); errors.As(err, &wrong) {
		return &usageError{err, wrong.Hint()}
	}
	w.cpu, w.memory = cpu, memory
	return nil
}

// taskTags are those of a task that this stack runs.
func (s *session) taskTags(resource string) []types.Tag {
	m := s.app.Manifest
	owner := aws.Owner{Project: m.Project, Env: m.EnvTag()}
	return aws.Convert(owner.Tags(resource, m.Tags), func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} })
}

// attend shows what the tasks say until they have ended. Ctrl-C stops them, and waits for their last lines.
func (s *session) attend(r *oneoff.Run) error {
	r.Show = func(t *oneoff.Task, line string) {
		if len(r.Tasks) > 1 {
			line = t.Short() + "  " + line
		}
		s.spoken(line)
	}
	defer r.Close()
	err := r.Wait(s.c.Context, s.poll, s.tell)
	if errors.Is(err, errInterrupted) {
		s.tell("interrupted: the task is being stopped; Ctrl-C again leaves at once")
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.c.Context), 4*time.Minute) // the longest stop timeout is two
		defer cancel()
		if stopped := cmp.Or(r.Stop(ctx, "interrupted in fargatectl run"), r.Wait(ctx, s.poll, s.tell)); stopped != nil {
			return errors.Join(err, stopped)
		}
		s.tell("stopped")
		return err
	}
	if r.Blind != nil {
		s.tell(r.Blind.Error())
	}
	if errors.Is(err, errTimeout) {
		return &hinted{err, "the task goes on; it is stopped by aws ecs stop-task --cluster " + *r.In.Cluster + " --task " + r.Tasks[0].ID()}
	}
	if err != nil {
		return &ourSideError{err}
	}
	return nil
}

// spoken shows a line of a log: on stdout, or beside a result in JSON with the progress.
func (s *session) spoken(line string) {
	if s.json {
		s.sink.Log(line)
		return
	}
	_, _ = fmt.Fprintln(s.terminal.Out, ui.Safe(line)) // what went wrong with stdout is known at the end
}

// tell says how a run goes, on stderr.
func (s *session) tell(text string) {
	switch s.mode {
	case ui.ModeQuiet:
	case ui.ModeJSON:
		s.sink.Log(text)
	case ui.ModeAuto, ui.ModeTTY, ui.ModePlain:
		ui.Note(s.terminal.Err, text)
	}
}
