package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/internal/dotenv"
	"github.com/fargatectl/fargatectl/internal/manifest"
	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/steps"
)

func (p *process) secretsImport() *cli.Command {
	return &cli.Command{
		Name: "import", Usage: "give secrets their values from a .env file", ArgsUsage: "FILE",
		Description: "Each KEY=VALUE of FILE (- is stdin) becomes the value of the manifest's secret with that variable. Comments, export,\n" +
			"quotes and values of several lines are understood; nothing is expanded. Keys that the manifest does not know are\n" +
			"listed with the lines that make them secrets, and then nothing is imported; --partial imports the others. A key without\n" +
			"a value is refused, and left out with --partial. Variables that stand in the manifest's environment are left alone. A\n" +
			"value that a secret has already is not written again, where it may be read (secretsmanager:GetSecretValue).",
		Flags:  append([]cli.Flag{&cli.BoolFlag{Name: "partial", Usage: "import what the manifest knows, whatever else is there"}}, deployFlags()...),
		Action: p.doSecretsImport,
	}
}

// A imported secret is one key of the file.
type imported struct {
	Key    string `json:"key"`
	Secret string `json:"secret"` // id in the manifest; "" for a key that is none of its secrets
	Result string `json:"result"` // set, unchanged, skipped
	Why    string `json:"why,omitempty"`

	value    string
	manifest manifest.Secret
}

func (p *process) doSecretsImport(c *cli.Context) error {
	if c.Args().Len() != 1 {
		return usageErrorf("secrets import takes one FILE")
	}
	file := c.Args().First()
	entries, empty, err := p.readEnv(file, c.Bool("partial"))
	if err != nil {
		return err
	}
	s, err := p.open(c)
	if err != nil {
		return err
	}
	defer s.close()
	if len(empty) > 0 {
		s.tell("left out, without a value: " + strings.Join(empty, ", "))
	}
	list, unknown := s.assign(entries)
	if len(unknown) > 0 {
		lines := "the manifest has no secret for them; under resources:\n" + strings.Join(addLines(unknown), "\n")
		err := &hinted{fmt.Errorf("%s: the manifest does not know %s", file, strings.Join(unknown, ", ")), lines + "\nor --partial imports the others"}
		if !c.Bool("partial") {
			return err
		}
		s.tell(err.Error())
	}
	if err := oneValue(list); err != nil {
		return err
	}
	changed, names := 0, []string(nil)
	for i := range list {
		in := &list[i]
		if in.Result != "" {
			continue
		}
		in.Result = "unchanged"
		fresh, err := steps.ImportSecret(c.Context, s.app, in.manifest, []byte(in.value))
		switch {
		case err != nil:
			return fmt.Errorf("secret %s (%d of %d are imported): %w", in.Secret, i, len(list), err)
		case fresh:
			in.Result, changed, names = "set", changed+1, append(names, in.manifest.Name)
		}
	}
	done := fmt.Sprintf("%d secrets have new values", changed)
	if changed > 0 && c.Bool("deploy") {
		return s.deploySecrets(done, names...)
	}
	return s.result(map[string]any{"imported": list, "changed": changed}, func() {
		var rows [][]string
		for _, in := range list {
			rows = append(rows, []string{in.Key, cmp.Or(in.Secret, "-"), in.Result, in.Why})
		}
		ui.Table(s.terminal.Out, []string{"key", "secret", "result", ""}, rows...)
		if changed > 0 {
			_, _ = fmt.Fprintf(s.terminal.Out, "%s; tasks that run see them after %s\n", done, s.again("deploy"))
		}
	})
}

// readEnv reads the file. What is wrong in it is all said, with its place and without the values. Of a part of it a value
// that is empty is none: their keys are left out.
func (p *process) readEnv(file string, partial bool) (entries []dotenv.Entry, empty []string, err error) {
	in := p.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	src, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return nil, nil, err
	}
	entries, err = dotenv.Parse(file, src)
	errs := []error{err}
	for _, e := range entries {
		if e.Value == "" {
			empty = append(empty, e.Key)
			if partial {
				continue
			}
		}
		if err := checkValue([]byte(e.Value)); err != nil {
			errs = append(errs, &dotenv.Error{File: file, Line: e.Line, Column: e.Column, Message: e.Key + ": " + err.Error()})
		}
	}
	if err := errors.Join(errs...); err != nil {
		wrong := &usageError{err: err}
		if len(empty) > 0 && !partial {
			wrong.hint = "--partial leaves out keys without a value"
		}
		return nil, nil, wrong
	}
	return slices.DeleteFunc(entries, func(e dotenv.Entry) bool { return e.Value == "" }), empty, nil
}

// assign finds the secret of each key, and the keys that have none.
func (s *session) assign(entries []dotenv.Entry) (list []imported, unknown []string) {
	m := s.app.Manifest
	list = []imported{}
	for _, e := range entries {
		in := imported{Key: e.Key, value: e.Value}
		_, plain := m.Service.Environment[e.Key]
		at := slices.IndexFunc(m.Service.Secrets, func(ref manifest.SecretRef) bool { return ref.Env == e.Key })
		switch {
		case plain || e.Key == "PORT":
			in.Result, in.Why = "skipped", "it stands in the manifest's environment"
		case at < 0:
			unknown = append(unknown, e.Key)
			continue
		case m.Service.Secrets[at].ARN != "":
			in.Result, in.Why = "skipped", "it comes from a secret of others"
		case m.Service.Secrets[at].JSONKey != "":
			in.Secret, in.Result, in.Why = m.Service.Secrets[at].Secret, "skipped", "it is one key of a JSON value, which is set as a whole"
		default:
			in.Secret = m.Service.Secrets[at].Secret
			in.manifest, _ = steps.FindSecret(s.app, in.Secret)
		}
		list = append(list, in)
	}
	return list, unknown
}

// oneValue refuses two variables of one secret that have different values.
func oneValue(list []imported) error {
	first := map[string]imported{}
	for _, in := range list {
		if was, twice := first[in.Secret]; twice && in.Result == "" && was.value != in.value {
			return usageErrorf("%s and %s are both secret %s, and have two values", was.Key, in.Key, in.Secret)
		}
		if in.Result == "" {
			first[in.Secret] = in
		}
	}
	return nil
}

// addLines are the lines of a manifest that make keys secrets.
func addLines(keys []string) (lines []string) {
	for _, key := range keys {
		id := strings.ToLower(strings.ReplaceAll(strings.Trim(key, "_"), "_", "-"))
		config := ""
		if strings.ToUpper(strings.ReplaceAll(id, "-", "_")) != key {
			config = ", config: { env: " + key + " }"
		}
		lines = append(lines, "  - { id: "+id+", type: aws_secretsmanager_secret"+config+" }")
	}
	return lines
}
