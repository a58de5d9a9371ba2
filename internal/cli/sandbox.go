package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/sandbox"
)

func (p *process) sandbox() *cli.Command {
	return &cli.Command{
		Name: "sandbox", Category: "tool", Usage: "serve the simulated AWS on a port, for the AWS CLI, boto3, Terraform",
		Description: "It asks for no credentials, but the AWS SDK wants some: any will do. fargatectl itself works on it with\n" +
			"--endpoint-url and --registry-url, both the URL that is served. A session of ECS Exec in one of its tasks is a program of this machine, run as who serves\n" +
			"the sandbox (Linux and macOS): wherever it listens, the stream of a session is opened from this machine only, under\n" +
			"a name of loopback, never by a web page, and once, with the random token that ExecuteCommand answered. Whoever can\n" +
			"run programs on this machine can have such a session. A forwarded port leads to the simulated container, or to\n" +
			"this machine.\n\n" +
			"Commands of one-off tasks (run, release_command, RunTask) are played, not run: `echo`, `printenv NAME`, `sleep N`,\n" +
			"`true`, `false` and `exit N` do what they say, also in `sh -c` with ; && || and $NAME; any other command says that\n" +
			"it has run and ends with exit code 0. So each end of a run can be rehearsed: `fargatectl run -- sh -c 'exit 3'`.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:4566", Usage: "the `ADDRESS` to serve on"},
			&cli.StringFlag{Name: "speed", Value: "60x", Usage: "`HOW` much faster AWS's waits run: 60x, 1x, instant"},
		},
		Subcommands: []*cli.Command{p.sandboxFault()},
		Action:      p.doSandbox,
	}
}

func (p *process) doSandbox(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	speed, err := parseSpeed(c.String("speed"))
	if err != nil {
		return err
	}
	dir, err := sandboxDir(c)
	if err != nil {
		return err
	}
	box, err := sandbox.Open(sandbox.Options{Dir: dir, Speed: speed})
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(c.Context, "tcp", c.String("listen"))
	if errors.Is(err, syscall.EADDRINUSE) {
		return &hinted{err, "another program listens there, perhaps a sandbox: --listen 127.0.0.1:4567"}
	}
	if err != nil {
		return usageErrorf("%w", err)
	}
	_, _ = fmt.Fprintf(p.terminal.Err, "SANDBOX at http://%s, AWS's waits %s, state in %s; Ctrl-C ends it\n  aws --endpoint-url http://%[1]s sts get-caller-identity\n  fargatectl status --endpoint-url http://%[1]s --registry-url http://%[1]s\n",
		l.Addr(), c.String("speed"), dir)
	srv := &http.Server{Handler: box, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err = <-ended:
	case <-c.Done():
		patience, cancel := context.WithTimeout(context.WithoutCancel(c.Context), 2*time.Second)
		defer cancel()
		if err = srv.Shutdown(patience); err != nil {
			err = srv.Close()
		}
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// parseSpeed reads "60x", "60" or "instant".
func parseSpeed(text string) (float64, error) {
	if text == "instant" {
		return 0, nil
	}
	speed, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	if err != nil || speed <= 0 {
		return 0, usageErrorf("speed %q is neither a factor such as 60x nor instant", text)
	}
	return speed, nil
}
