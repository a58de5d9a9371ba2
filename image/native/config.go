package native

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/fargatectl/fargatectl/image/dockerfile"
)

// configure does an instruction that changes the configuration alone.
func (s *stage) configure(b *builder, i *dockerfile.Instruction) error {
	x := &s.config.Config
	said := ""
	switch i.Name {
	case "MAINTAINER":
		s.config.Author = i.Args[0]
		said = "MAINTAINER " + i.Args[0]
	case "ENV":
		said = s.setEnv(i.Pairs)
	case "LABEL":
		said = s.setLabels(i.Pairs)
	case "CMD":
		x.Cmd, s.cmdSet = s.words(i), true
		x.ArgsEscaped = true //nolint:staticcheck // as BuildKit sets it
		said = fmt.Sprintf("CMD %q", x.Cmd)
	case "ENTRYPOINT":
		x.Entrypoint = s.words(i)
		if !s.cmdSet {
			x.Cmd = nil
		}
		said = fmt.Sprintf("ENTRYPOINT %q", x.Entrypoint)
	case "HEALTHCHECK":
		h, err := i.Health()
		if err != nil {
			return err
		}
		check := dockerspec.HealthcheckConfig(h)
		x.Healthcheck = &check
		said = fmt.Sprintf("HEALTHCHECK %+v", check)
	case "EXPOSE":
		return s.expose(b, i)
	case "USER":
		x.User = i.Args[0]
		said = "USER " + x.User
	case "VOLUME":
		if slices.Contains(i.Args, "") {
			return errors.New("a volume has an empty name")
		}
		x.Volumes = with(x.Volumes, i.Args)
		said = fmt.Sprintf("VOLUME %v", i.Args)
	case "STOPSIGNAL":
		if !isSignal(i.Args[0]) {
			return fmt.Errorf("%q is not a signal", i.Args[0])
		}
		x.StopSignal = i.Args[0]
		said = "STOPSIGNAL " + x.StopSignal
	case "SHELL":
		x.Shell = i.Args
		said = fmt.Sprintf("SHELL %v", i.Args)
	case "ONBUILD":
		x.OnBuild = append(x.OnBuild, i.Args[1])
		return nil
	default:
		return b.file.refusal(i, "is not known here")
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
func (s *stage) setLabels(labels []dockerfile.Pair) string {
	if s.config.Config.Labels == nil {
		s.config.Config.Labels = map[string]string{}
	}
	said := []string{"LABEL"}
	for _, l := range labels {
		s.config.Config.Labels[l.Name] = l.Value
		said = append(said, l.Name+"="+l.Value)
	}
	return strings.Join(said, " ")
}

// setEnv is ENV; all of its values are expanded before any of it counts.
func (s *stage) setEnv(pairs []dockerfile.Pair) string {
	said := []string{"ENV"}
	list := s.config.Config.Env
	for _, e := range pairs {
		said = append(said, e.Name+"="+e.Value)
		s.env.set(e.Name, e.Value)
		i := slices.IndexFunc(list, func(kv string) bool { return kv == e.Name || strings.HasPrefix(kv, e.Name+"=") })
		if i < 0 {
			i, list = len(list), append(list, "")
		}
		list[i] = e.Name + "=" + e.Value
	}
	s.config.Config.Env = list
	return strings.Join(said, " ")
}

// words is a command line; one that is not a list is for the shell.
func (s *stage) words(i *dockerfile.Instruction) []string {
	if i.List {
		return i.Args
	}
	with := slices.Clone(s.config.Config.Shell)
	if len(with) == 0 {
		with = []string{"/bin/sh", "-c"}
	}
	return append(with, strings.Join(i.Args, " "))
}

// expose is EXPOSE: ports and ranges; what stands before a last colon, for a host, is checked and dropped.
func (s *stage) expose(b *builder, i *dockerfile.Instruction) error {
	var ports []string
	for _, text := range i.Args {
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
