package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/ui"
)

// stamp is the version that is set by the linker when a release is built.
var stamp string

// A build is which fargatectl this is.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func version() build {
	b := build{Version: stamp, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if ok && b.Version == "" {
		b.Version = info.Main.Version
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "dev"
	}
	if ok {
		for _, kv := range info.Settings {
			switch kv.Key {
			case "vcs.revision":
				b.Commit = kv.Value
			case "vcs.time":
				b.Date = kv.Value
			case "vcs.modified":
				b.Modified = kv.Value == "true"
			}
		}
	}
	return b
}

func (p *process) version() *cli.Command {
	return &cli.Command{
		Name: "version", Category: "tool", Usage: "show which fargatectl this is",
		Action: func(c *cli.Context) error {
			b := version()
			if c.String("output") == "json" {
				return ui.JSON(p.terminal.Out, b)
			}
			text := "fargatectl " + b.Version
			if b.Commit != "" {
				text += " (" + b.Commit[:min(12, len(b.Commit))] + ", " + b.Date + ")"
			}
			_, err := fmt.Fprintf(p.terminal.Out, "%s %s %s\n", text, b.Go, b.Platform)
			return err
		},
	}
}
