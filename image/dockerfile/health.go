package dockerfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Health is what HEALTHCHECK says. What is zero is the engine's default.
type Health struct {
	Test                                          []string // NONE, CMD with words, or CMD-SHELL with a line
	Interval, Timeout, StartPeriod, StartInterval time.Duration
	Retries                                       int
}

// Health reads a HEALTHCHECK.
func (i *Instruction) Health() (h Health, err error) {
	command := i.Args[1:]
	switch word := strings.ToUpper(i.Args[0]); {
	case word == "NONE" && len(command) > 0:
		return h, errors.New("HEALTHCHECK NONE takes no argument")
	case word == "NONE":
		return Health{Test: []string{word}}, nil
	case word != "CMD":
		return h, fmt.Errorf("HEALTHCHECK %s: want CMD or NONE", i.Args[0])
	case len(command) == 0:
		return h, errors.New("HEALTHCHECK CMD needs a command")
	case i.List:
		h.Test = append([]string{word}, command...)
	default:
		h.Test = append([]string{"CMD-SHELL"}, command...)
	}
	for name, to := range map[string]*time.Duration{
		"interval": &h.Interval, "timeout": &h.Timeout, "start-period": &h.StartPeriod, "start-interval": &h.StartInterval,
	} {
		text := i.Flag(name)
		if text == "" {
			continue
		}
		if *to, err = time.ParseDuration(text); err != nil || *to != 0 && *to < time.Millisecond {
			return h, fmt.Errorf("--%s=%s: want a duration such as 10s, 1ms at least", name, text)
		}
	}
	if text := i.Flag("retries"); text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return h, fmt.Errorf("--retries=%s: want a number", text)
		}
		h.Retries = int(n)
	}
	return h, nil
}
