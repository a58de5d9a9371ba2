package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/fargatectl/fargatectl/deploy"
	"github.com/fargatectl/fargatectl/image"
	"github.com/fargatectl/fargatectl/image/lint"
	"github.com/fargatectl/fargatectl/internal/ui"
	"github.com/fargatectl/fargatectl/steps"
)

func (p *process) build() *cli.Command {
	return &cli.Command{
		Name: "build", Category: "release", Usage: "build the image, and push it nowhere; needs neither account nor region",
		Flags: append(buildFlags(), &cli.StringFlag{Name: "archive", Usage: "write the image to `FILE`, for docker load or podman load"}),
		Action: func(c *cli.Context) error {
			err := p.doBuild(c)
			if errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled) && errors.Is(p.ended(), errInterrupted) {
				return &hinted{err, "nothing was pushed; run the same command again"}
			}
			return err
		},
	}
}

// A buildResult is an image that was built.
type buildResult struct {
	Tag      string  `json:"tag"`             // of the inputs
	Digest   string  `json:"digest"`          // of the image that the service runs
	Index    string  `json:"index,omitempty"` // of an image for several platforms
	Platform string  `json:"platform"`
	Size     int64   `json:"size"` // bytes, as a registry keeps it
	Layers   int     `json:"layers"`
	Engine   string  `json:"engine"`
	Route    string  `json:"route"`
	Seconds  float64 `json:"build_seconds"`
	Archive  string  `json:"archive,omitempty"` // file that it was written to

	Findings []lint.Finding `json:"findings"` // about the Dockerfile and the image
}

func (p *process) doBuild(c *cli.Context) error {
	if err := noWords(c); err != nil {
		return err
	}
	s, err := p.offline(c)
	if err != nil {
		return err
	}
	defer s.close()
	if c.String("archive") == "-" {
		return usageErrorf("--archive takes the name of a file: stdout has the result")
	}
	s.app.Options = steps.Options{Builder: c.String("builder"), NoCache: c.Bool("no-cache"), Pass: passed(c), Platform: c.String("platform"), Compression: c.String("compression"), Offline: c.Bool("sandbox")}
	spec, ok, err := (&steps.Image{App: s.app}).Spec(c.Context)
	switch {
	case err != nil:
		return err
	case !ok:
		return &hinted{fmt.Errorf("there is nothing to build: the manifest runs the image %s", s.app.Manifest.Service.Image), "`build:` says what to build instead of `image:`"}
	}
	tag, err := spec.Tag(c.Context)
	if err != nil {
		return err
	}
	b, err := spec.Build(c.Context, s.say)
	if failed, ok := errors.AsType[*image.BuildError](err); ok && s.shows() {
		failed.Tail = "" // it stands above
	}
	if err != nil {
		return err
	}
	defer b.Close() // of temporary files, after all has been said
	if err := b.Settle(c.Context); err != nil {
		return err
	}
	file := c.String("archive")
	if file != "" {
		if err := b.Archive(file, s.app.Manifest.Repository.Name+":"+tag); err != nil {
			return err
		}
	}
	r, err := builtAs(tag, b)
	if err != nil {
		return err
	}
	r.Archive = file
	found, err := steps.Lint(s.app, spec, b)
	if err != nil {
		return err
	}
	for _, line := range lint.Brief(found) {
		s.say(line)
	}
	r.Findings = append(r.Findings, found...)
	return s.result(r, func() { ui.Facts(p.terminal.Out, r.facts()...) })
}

func builtAs(tag string, b *image.Built) (buildResult, error) {
	layers, err := b.Image.Layers()
	r := buildResult{
		Tag: tag, Digest: b.Digest.String(), Platform: b.Config.OS + "/" + b.Config.Architecture,
		Size: b.Size, Layers: len(layers), Findings: []lint.Finding{}, Engine: b.Tool, Route: b.Route, Seconds: inSeconds(b.Took),
	}
	if err != nil || b.Index == nil {
		return r, err
	}
	index, err := b.Index.Digest()
	r.Index = index.String()
	return r, err
}

func (r buildResult) facts() []ui.Fact {
	built := r.Engine + " in " + ui.Took(time.Duration(r.Seconds*float64(time.Second)))
	layers := "layers"
	if r.Layers == 1 {
		layers = "layer"
	}
	facts := []ui.Fact{{Name: "digest", Value: r.Digest}, {Name: "tag", Value: r.Tag}, {Name: "platform", Value: r.Platform}}
	if r.Index != "" {
		facts = append(facts, ui.Fact{Name: "index", Value: r.Index})
	}
	facts = append(facts, []ui.Fact{
		{Name: "size", Value: fmt.Sprintf("%s in %d %s", ui.Bytes(r.Size), r.Layers, layers)},
		{Name: "built", Value: strings.TrimPrefix(built, " in ")},
	}...)
	if r.Archive != "" {
		facts = append(facts, ui.Fact{Name: "archive", Value: r.Archive})
	}
	return facts
}

// refused is why the steps can't be taken: what they say themselves, else that nobody here builds the image.
func (s *session) refused(stack *deploy.Stack, all []deploy.Step) error {
	if err := stack.Check(); err != nil {
		return err
	}
	return s.buildable(all)
}

// buildable says whether somebody here can build the image of these steps, where one has to be built: who is asked once NAT
// gateway and load balancer are made is asked too late.
func (s *session) buildable(all []deploy.Step) error {
	for _, st := range all {
		if img, ok := st.(*steps.Image); ok {
			if err := img.Buildable(s.c.Context); err != nil {
				return fmt.Errorf("image: %w", err)
			}
		}
	}
	return nil
}

// shows says whether the lines of a builder are shown as they come.
func (s *session) shows() bool { return s.mode != ui.ModeQuiet && s.mode != ui.ModeJSON }

// say shows a line of a builder.
func (s *session) say(line string) {
	if s.shows() {
		_, _ = fmt.Fprintln(s.terminal.Err, ui.Safe(line)) // progress: nobody's result
	}
}

// passed is what goes to the builder as it is written, but for files: those lie where the command line was typed, and builders run
// in the folder that they build.
func passed(c *cli.Context) image.Pass {
	whole := func(flag string) (all []string) {
		for _, text := range c.StringSlice(flag) {
			fields := strings.Split(text, ",")
			for i, field := range fields {
				key, file, _ := strings.Cut(field, "=")
				if path, err := filepath.Abs(file); err == nil && file != "" && slices.Contains([]string{"src", "source", "dest"}, key) {
					fields[i] = key + "=" + path
				}
			}
			all = append(all, strings.Join(fields, ","))
		}
		return all
	}
	return image.Pass{Secrets: whole("secret"), SSH: c.StringSlice("ssh"), CacheFrom: whole("cache-from"), CacheTo: whole("cache-to")}
}

// knownBuild refuses words that stand for nothing.
func knownBuild(c *cli.Context) error {
	word := c.String("builder")
	name, of, _ := strings.Cut(word, ":")
	if word != "" && (!slices.Contains(image.Builders(), name) || of != "" && name != "docker") {
		return usageErrorf("--builder %q is none of %s", word, strings.Join(image.Builders(), ", "))
	}
	seen := map[string]bool{}
	for p := range strings.SplitSeq(c.String("platform"), ",") {
		if p != "linux/amd64" && p != "linux/arm64" && c.String("platform") != "" {
			return usageErrorf("--platform %q: Fargate runs linux/amd64 and linux/arm64", c.String("platform"))
		}
		if seen[p] {
			return usageErrorf("--platform %q names %s twice", c.String("platform"), p)
		}
		seen[p] = true
	}
	if how := c.String("compression"); how != "" && how != "gzip" && how != "zstd" {
		return usageErrorf("--compression %q is neither gzip nor zstd", how)
	}
	for _, secret := range c.StringSlice("secret") {
		if err := knownSecret(secret); err != nil {
			return err
		}
	}
	for _, flag := range []string{"cache-from", "cache-to"} {
		for _, where := range c.StringSlice(flag) {
			if fields := fieldsOf(where); strings.Contains(where, "=") && (fields["type"] == "" || fields["type"] == "registry" && fields["ref"] == "") {
				return usageErrorf("--%s %s: want type=registry,ref=REPOSITORY:TAG, or another type of BuildKit's", flag, where)
			}
		}
	}
	return nil
}

// knownSecret refuses a secret that no builder could read. The words themselves are not repeated: one may be the value.
func knownSecret(word string) error {
	fields := fieldsOf(word)
	from := cmp.Or(fields["src"], fields["source"])
	switch {
	case fields["value"] != "":
		return usageErrorf("--secret takes no value, which everybody on this machine could read: id=NAME,env=VARIABLE or id=NAME,src=FILE")
	case fields["id"] == "" || (fields["env"] == "") == (from == ""):
		return usageErrorf("--secret is id=NAME,env=VARIABLE or id=NAME,src=FILE")
	case from != "":
		if _, err := os.Stat(from); err != nil {
			return usageErrorf("--secret id=%s: %w", fields["id"], err)
		}
	default:
		if _, set := os.LookupEnv(fields["env"]); !set {
			return usageErrorf("--secret id=%s: the environment has no %s", fields["id"], fields["env"])
		}
	}
	return nil
}

// fieldsOf reads "id=npm,env=NPM_TOKEN".
func fieldsOf(text string) map[string]string {
	fields := map[string]string{}
	for field := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(field, "=")
		fields[strings.TrimSpace(key)] = value
	}
	return fields
}
