package cli

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"
)

func (p *process) openURL() *cli.Command {
	return &cli.Command{
		Name: "open", Category: "observe", Usage: "print the URL, and open it in the browser",
		Description: "Without a terminal or a display it is only printed.",
		Flags:       append([]cli.Flag{&cli.BoolFlag{Name: "print", Usage: "only print it"}}, serviceFlags()...),
		Action:      p.doOpen,
	}
}

func (p *process) doOpen(c *cli.Context) error {
	s, o, err := p.resources(c)
	if err != nil {
		return err
	}
	defer s.close()
	switch {
	case o.URL == "" && s.named:
		return &hinted{fmt.Errorf("%s answers at no URL: it is behind no load balancer that speaks HTTP", s.subject()), "fargatectl status shows its tasks"}
	case o.URL == "":
		return &hinted{fmt.Errorf("%s has no service that answers at a URL", s.app.Manifest.Stack()), "fargatectl up makes it; fargatectl status shows how it is"}
	}
	opened := false
	if command := p.browser(o.URL); command != nil && !c.Bool("print") {
		ctx, cancel := context.WithTimeout(c.Context, 10*time.Second)
		defer cancel()
		if err := exec.CommandContext(ctx, command[0], command[1:]...).Run(); err != nil {
			s.tell("no browser could be opened: " + err.Error())
		} else {
			opened = true
		}
	}
	return s.result(map[string]any{"url": o.URL, "opened": opened}, func() { _, _ = fmt.Fprintln(s.terminal.Out, o.URL) })
}

// browser is the program that opens a URL here, nil where nobody would see it: there is no terminal, or no display.
func (p *process) browser(url string) []string {
	if !p.terminal.Out.TTY {
		return nil
	}
	switch runtime.GOOS {
	case "darwin":
		return []string{"open", url}
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler", url}
	}
	for _, display := range []string{"DISPLAY", "WAYLAND_DISPLAY"} {
		if v, set := p.getenv(display); set && v != "" {
			return []string{"xdg-open", url}
		}
	}
	return nil
}
