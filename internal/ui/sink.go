package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/fargatectl/fargatectl/deploy"
)

// A Mode is how progress is shown.
type Mode string

// The modes.
const (
	ModeAuto  Mode = "auto"  // tty on a terminal that is not a CI's, else plain
	ModeTTY   Mode = "tty"   // what is under way as rows that are repainted, what is done above them
	ModePlain Mode = "plain" // append only
	ModeJSON  Mode = "json"  // one object a line
	ModeQuiet Mode = "quiet" // nothing
)

// ParseMode returns the mode of that name.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case ModeAuto, ModeTTY, ModePlain, ModeJSON, ModeQuiet:
		return m, nil
	}
	return "", fmt.Errorf("progress %q is none of auto, tty, plain, json, quiet", s)
}

// A Run is what a sink is told at its start.
type Run struct {
	Version string // of the tool
	Command string // "up"
	Stack   string // "my-api-staging"
	Account string
	Region  string
	Note    string // "SANDBOX: nothing here touches AWS; waits run 60 times faster"
}

// where is the run in a line: "up my-api in 123456789012/us-east-1".
func (r Run) where() string {
	place := strings.Trim(r.Account+"/"+r.Region, "/")
	if place != "" {
		place = "in " + place
	}
	return line(r.Command + " " + r.Stack + " " + place)
}

// A Sink shows one run as it goes. Its methods can be called at the same time. Between the first Event and Stop
// nothing else may write to stderr: what has to be said goes through Log.
type Sink interface {
	Start(Run)
	Plan(deploy.Plan) // what will be done, before it is asked for
	Event(deploy.Event)
	Log(line string) // what a build or another program printed
	// Aside takes what is repainted off the screen while f talks to somebody on stderr. Events may come meanwhile; they
	// are shown afterwards.
	Aside(f func())
	// Stop ends the run, well or with err. The JSON sink reports err and the hints, so that nobody else does; the
	// others leave that to [Error].
	Stop(err error, hints ...string)
}

// NewSink returns the sink of a mode. Usual is how long what a step makes takes to be ready, by the step's name.
func NewSink(mode Mode, t Terminal, usual map[string]time.Duration) Sink {
	if mode == ModeAuto && t.Err.TTY && !t.CI {
		mode = ModeTTY
	}
	switch mode {
	case ModeTTY:
		return &live{s: t.Err, usual: usual, region: region{cuts: t.Err.Cuts}}
	case ModeJSON:
		return &lines{w: t.Err}
	case ModeQuiet:
		return quiet{}
	case ModeAuto, ModePlain:
	}
	return &plain{s: t.Err}
}

type quiet struct{}

func (quiet) Start(Run)             {}
func (quiet) Plan(deploy.Plan)      {}
func (quiet) Event(deploy.Event)    {}
func (quiet) Log(string)            {}
func (quiet) Aside(f func())        { f() }
func (quiet) Stop(error, ...string) {}
