package cli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/near"
	"github.com/fargatectl/fargatectl/internal/sandbox"
)

func (p *process) sandboxFault() *cli.Command {
	return &cli.Command{
		Name: "fault", Usage: "have the next deployment in the sandbox fail for a cause, as AWS would", ArgsUsage: "[CODE]",
		Description: "The tasks of that one deployment fail; those of the rollback and of later deployments are well.\n" +
			"It works on the sandbox beside the manifest, for --sandbox as for a sandbox that is served.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "list", Usage: "show the causes that there are, and which is armed"},
			&cli.BoolFlag{Name: "clear", Usage: "disarm: the next deployment is well"},
			&cli.StringFlag{Name: "service", Usage: "wait for the next deployment of the service `NAME`; without it of any"},
		},
		Action: p.doSandboxFault,
	}
}

func (p *process) doSandboxFault(c *cli.Context) error {
	list, disarm, words := c.Bool("list"), c.Bool("clear"), c.Args()
	switch {
	case words.Len() > 1:
		return usageErrorf("sandbox fault takes one CODE, and got %q, too", words.Get(1))
	case list && disarm, (list || disarm) && (words.Present() || c.IsSet("service")):
		return usageErrorf("sandbox fault takes one of CODE, --list and --clear")
	case !list && !disarm && !words.Present():
		return &usageError{fmt.Errorf("sandbox fault needs a CODE"), "fargatectl sandbox fault --list shows them all"}
	case words.Present() && !knownFault(words.First()):
		return unknownFault(words.First())
	}
	dir, err := sandboxDir(c)
	if err != nil {
		return err
	}
	box, err := sandbox.Open(sandbox.Options{Dir: dir, Speed: sandboxSpeed})
	if err != nil {
		return err
	}
	s := &session{process: p, c: c}
	switch {
	case list:
		return s.listFaults(box)
	case disarm:
		return s.disarm(box)
	}
	return s.arm(box, words.First(), c.String("service"))
}

// sandboxDir is the folder that the sandbox is kept in, beside the manifest.
func sandboxDir(c *cli.Context) (string, error) {
	dir := filepath.Join(filepath.Dir(c.String("file")), ".fargatectl")
	return filepath.Join(dir, "sandbox"), hidden(dir)
}

func knownFault(code string) bool {
	for _, f := range sandbox.Faults() {
		if f.Code == code {
			return true
		}
	}
	return false
}

// unknownFault suggests the code that is nearest, or one that the word is a part of.
func unknownFault(code string) error {
	var known []string
	part := ""
	for _, f := range sandbox.Faults() {
		if known = append(known, f.Code); part == "" && len(code) > 3 && strings.Contains(strings.ToLower(f.Code), strings.ToLower(code)) {
			part = f.Code
		}
	}
	hint := "fargatectl sandbox fault --list shows them all"
	if meant := cmp.Or(near.Word(code, known), part); meant != "" {
		hint = fmt.Sprintf("did you mean %q?", meant)
	}
	return &usageError{fmt.Errorf("there is no fault %q", code), hint}
}

type armedFault struct {
	Code    string `json:"code"`
	Service string `json:"service,omitempty"`
}

func (a armedFault) String() string {
	if a.Service != "" {
		return a.Code + " for service " + a.Service
	}
	return a.Code
}

func armedFaults(arms []sandbox.Arm) []armedFault {
	out := []armedFault{}
	for _, a := range arms {
		out = append(out, armedFault(a))
	}
	return out
}

func (s *session) listFaults(box *sandbox.Sandbox) error {
	arms, err := box.Armed()
	if err != nil {
		return err
	}
	type fault struct {
		Code        string `json:"code"`
		Description string `json:"description"`
	}
	var faults []fault
	for _, f := range sandbox.Faults() {
		faults = append(faults, fault{f.Code, f.Description})
	}
	armed := armedFaults(arms)
	return s.result(map[string]any{"faults": faults, "armed": armed}, func() {
		for _, f := range faults {
			_, _ = fmt.Fprintf(s.terminal.Out, "%-24s %s\n", f.Code, f.Description)
		}
		for _, a := range armed {
			_, _ = fmt.Fprintf(s.terminal.Out, "\narmed: %s\n", a)
		}
	})
}

func (s *session) disarm(box *sandbox.Sandbox) error {
	arms, err := box.Disarm()
	if err != nil {
		return err
	}
	was := armedFaults(arms)
	return s.result(map[string]any{"disarmed": was}, func() {
		if len(was) == 0 {
			_, _ = fmt.Fprintln(s.terminal.Out, "nothing was armed")
		}
		for _, a := range was {
			_, _ = fmt.Fprintf(s.terminal.Out, "disarmed %s\n", a)
		}
	})
}

func (s *session) arm(box *sandbox.Sandbox, code, service string) error {
	if err := box.Arm(code, service); err != nil {
		return err
	}
	services, err := box.Services()
	if err != nil {
		return err
	}
	next := []string{"fargatectl", "deploy", "--force-new-deployment"}
	if len(services) == 0 {
		next = []string{"fargatectl", "up"}
	}
	if s.c.IsSet("file") && s.typed("file") {
		next = append(next, "--file", s.c.String("file"))
	}
	if _, set := s.getenv("FARGATECTL_SANDBOX"); !set {
		next = append(next, "--sandbox")
	}
	then := strings.Join(next, " ")
	whose := "the next deployment"
	if service != "" {
		whose += " of service " + service
	}
	return s.result(map[string]any{"armed": armedFault{code, service}, "next": then}, func() {
		_, _ = fmt.Fprintf(s.terminal.Out, "%s in the sandbox will fail: %s\n  see it with: %s\n", whose, code, then)
	})
}
