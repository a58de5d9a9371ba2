package native

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// configure does an instruction that changes the configuration alone.
func (s *stage) configure(b *builder, c instructions.Command) error {
	x := &s.config.Config
	said := ""
	switch c := c.(type) {
	case *instructions.MaintainerCommand:
		s.config.Author = c.Maintainer
		said = "MAINTAINER " + c.Maintainer
	case *instructions.EnvCommand:
		said = s.setEnv(c)
	case *instructions.LabelCommand:
		said = s.setLabels(c)
	case *instructions.CmdCommand:
		x.Cmd, s.cmdSet = s.words(c.ShellDependantCmdLine), true
		x.ArgsEscaped = true //nolint:staticcheck // as BuildKit sets it
		said = fmt.Sprintf("CMD %q", x.Cmd)
	case *instructions.EntrypointCommand:
		x.Entrypoint = s.words(c.ShellDependantCmdLine)
		if !s.cmdSet {
			x.Cmd = nil
		}
		said = fmt.Sprintf("ENTRYPOINT %q", x.Entrypoint)
	case *instructions.HealthCheckCommand:
		h := *c.Health
		x.Healthcheck = &h
		said = fmt.Sprintf("HEALTHCHECK %+v", h)
	case *instructions.ExposeCommand:
		return s.expose(b, c)
	case *instructions.UserCommand:
		x.User = c.User
		said = "USER " + c.User
	case *instructions.VolumeCommand:
		if slices.Contains(c.Volumes, "") {
			return errors.New("a volume has an empty name")
		}
		x.Volumes = with(x.Volumes, c.Volumes)
		said = fmt.Sprintf("VOLUME %v", c.Volumes)
	case *instructions.StopSignalCommand:
		if !isSignal(c.Signal) {
			return fmt.Errorf("%q is not a signal", c.Signal)
		}
		x.StopSignal = c.Signal
		said = "STOPSIGNAL " + c.Signal
	case *instructions.ShellCommand:
		x.Shell = c.Shell
		said = fmt.Sprintf("SHELL %v", c.Shell)
	case *instructions.OnbuildCommand:
		x.OnBuild = append(x.OnBuild, c.Expression)
		return nil
	default:
		return &Refusal{File: b.Name, Line: line(c.Location()), Instruction: strings.ToUpper(c.Name()), Why: "is not known here"}
	}
	s.history(b, said, true)
	return nil
}

// with is a set with more in it.
func with(set map[string]struct{}, more []string) map[string]struct{} {
	if set == nil {
		set = map[string]struct{}{}
	}
	for _, v := range more {
		set[v] = struct{}{}
	}
	return set
}

// setLabels is LABEL.
func (s *stage) setLabels(c *instructions.LabelCommand) string {
	if s.config.Config.Labels == nil {
		s.config.Config.Labels = map[string]string{}
	}
	said := []string{"LABEL"}
	for _, l := range c.Labels {
		s.config.Config.Labels[l.Key] = l.Value
		said = append(said, l.String())
	}
	return strings.Join(said, " ")
}

// setEnv is ENV; all of its values are expanded before any of it counts.
func (s *stage) setEnv(c *instructions.EnvCommand) string {
	said := []string{"ENV"}
	list := s.config.Config.Env
	for _, e := range c.Env {
		said = append(said, e.String())
		s.env.set(e.Key, e.Value)
		i := slices.IndexFunc(list, func(kv string) bool { return kv == e.Key || strings.HasPrefix(kv, e.Key+"=") })
		if i < 0 {
			i, list = len(list), append(list, "")
		}
		list[i] = e.Key + "=" + e.Value
	}
	s.config.Config.Env = list
	return strings.Join(said, " ")
}

// words is a command line; one that is not a list is for the shell.
func (s *stage) words(c instructions.ShellDependantCmdLine) []string {
	if !c.PrependShell {
		return c.CmdLine
	}
	with := slices.Clone(s.config.Config.Shell)
	if len(with) == 0 {
		with = []string{"/bin/sh", "-c"}
	}
	return append(with, strings.Join(c.CmdLine, " "))
}

// expose is EXPOSE: ports and ranges; what stands before a last colon, for a host, is checked and dropped.
func (s *stage) expose(b *builder, c *instructions.ExposeCommand) error {
	var ports []string
	for _, text := range c.Ports {
		words, err := b.file.lex.ProcessWords(text, s.env)
		if err != nil {
			return err
		}
		for _, word := range words {
			more, err := parsePort(word)
			if err != nil {
				return fmt.Errorf("%q is not a port: %w", word, err)
			}
			ports = append(ports, more...)
		}
	}
	s.config.Config.ExposedPorts = with(s.config.Config.ExposedPorts, ports)
	s.history(b, fmt.Sprintf("EXPOSE %v", ports), true)
	return nil
}

// parsePort reads [[IP:]HOST:]PORT[-PORT][/PROTOCOL].
func parsePort(text string) (ports []string, err error) {
	host, at := "", ""
	if i := strings.LastIndex(text, ":"); i >= 0 {
		host, text = text[:i], text[i+1:]
	}
	if i := strings.LastIndex(host, ":"); i >= 0 {
		at, host = strings.Trim(host[:i], "[]"), host[i+1:]
	}
	if at != "" && net.ParseIP(at) == nil {
		return nil, fmt.Errorf("%s is not an address", at)
	}
	text, protocol, _ := strings.Cut(text, "/")
	if protocol = strings.ToLower(protocol); protocol == "" {
		protocol = "tcp"
	}
	if !slices.Contains([]string{"tcp", "udp", "sctp"}, protocol) {
		return nil, fmt.Errorf("%s is not a protocol", protocol)
	}
	first, last, err := portRange(text)
	if err != nil {
		return nil, err
	}
	if host != "" {
		from, to, err := portRange(host)
		if err != nil {
			return nil, err
		}
		if to-from != last-first && first != last {
			return nil, errors.New("the ranges differ in length")
		}
	}
	for n := first; n <= last; n++ {
		ports = append(ports, strconv.Itoa(n)+"/"+protocol)
	}
	return ports, nil
}

func portRange(text string) (first, last int, err error) {
	from, to, both := strings.Cut(text, "-")
	if !both {
		to = from
	}
	a, err := strconv.ParseUint(from, 10, 16)
	if err != nil {
		return 0, 0, errors.New("want a number from 0 to 65535")
	}
	b, err := strconv.ParseUint(to, 10, 16)
	if err != nil || b < a {
		return 0, 0, errors.New("want a number, or two from the lower to the higher")
	}
	return int(a), int(b), nil
}

// signals are Linux's, without SIG.
var signals = strings.Fields("HUP INT QUIT ILL TRAP ABRT IOT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO POLL PWR SYS UNUSED RTMIN RTMAX")

var realTime = regexp.MustCompile(`^(RTMIN\+([1-9]|1[0-5])|RTMAX-([1-9]|1[0-4]))$`)

func isSignal(text string) bool {
	if n, err := strconv.Atoi(text); err == nil {
		return n > 0 && n <= 64
	}
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	return slices.Contains(signals, name) || realTime.MatchString(name)
}
