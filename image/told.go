package image

import (
	"context"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/fargatectl/fargatectl/image/native"
)

// filesTimeout bounds what a plan waits for the layers of somebody's image.
const filesTimeout = 30 * time.Second

// Ports are the TCP ports that an image exposes, in order.
func Ports(c v1.Config) (ports []int32) {
	for text := range c.ExposedPorts { // "8080/tcp"; without a protocol it is tcp
		number, protocol, _ := strings.Cut(text, "/")
		n, err := strconv.ParseUint(number, 10, 16)
		if err == nil && n > 0 && (protocol == "" || strings.EqualFold(protocol, "tcp")) {
			ports = append(ports, int32(n))
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// HealthCheck is the health check of an image: CMD with a program and its arguments, or CMD-SHELL with a line for /bin/sh;
// nil without one. What is zero in it is the engine's default. A line for another shell (SHELL) comes with that one.
func HealthCheck(c v1.Config) *v1.HealthConfig {
	h := c.Healthcheck
	if h == nil || len(h.Test) < 2 || h.Test[0] != "CMD" && h.Test[0] != "CMD-SHELL" {
		return nil
	}
	check := *h
	if h.Test[0] == "CMD-SHELL" && len(c.Shell) > 0 && !slices.Equal(c.Shell, []string{"/bin/sh", "-c"}) {
		check.Test = slices.Concat([]string{"CMD"}, c.Shell, h.Test[1:])
	}
	return &check
}

// missingTool is the program that the health check of an image needs and that is not in it, "" where it can work: of CMD the
// first word, of CMD-SHELL /bin/sh and the program that the line begins with, or one behind || that takes its place.
func missingTool(c v1.Config, files *native.Files) string {
	h := HealthCheck(c)
	if h == nil {
		return ""
	}
	if h.Test[0] == "CMD" {
		if program := h.Test[1]; !finds(c, files, program) {
			return program
		}
		if line := shellLine(h.Test[1:]); line != "" {
			return missingIn(c, files, line)
		}
		return ""
	}
	if !files.Has("/bin/sh") {
		return "/bin/sh"
	}
	return missingIn(c, files, strings.Join(h.Test[1:], " "))
}

// shellLine is the line of a command like ["sh", "-c", "curl …"], "" of another.
func shellLine(words []string) string {
	if len(words) == 3 && strings.HasSuffix(path.Base(words[0]), "sh") && strings.HasPrefix(words[1], "-") && strings.HasSuffix(words[1], "c") {
		return words[2]
	}
	return ""
}

// missingIn is the first program of a shell's line that is not there, unless another that may take its place is.
func missingIn(c v1.Config, files *native.Files, line string) string {
	missing := ""
	for _, program := range programs(line) {
		if finds(c, files, program) {
			return ""
		}
		if missing == "" {
			missing = program
		}
	}
	return missing
}

// searchPath is where programs are looked for in an image without a PATH.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// finds looks for a program as the container's runtime does: by its path, from the working directory on, or in PATH.
func finds(c v1.Config, files *native.Files, program string) bool {
	dir := path.Join("/", c.WorkingDir)
	if strings.Contains(program, "/") {
		if !path.IsAbs(program) {
			program = dir + "/" + program
		}
		return files.Has(program)
	}
	in := searchPath
	for _, kv := range c.Env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			in = value
		}
	}
	return slices.ContainsFunc(strings.Split(in, ":"), func(at string) bool {
		return path.IsAbs(at) && files.Has(at+"/"+program)
	})
}

// MissingTool is the program that the health check of the image needs and that is not in it, "" where it can work. An image
// that an engine keeps can't be looked into.
func (b *Built) MissingTool(ctx context.Context) (string, error) {
	files, err := native.ReadFiles(ctx, b.Image)
	if err != nil {
		return "", err
	}
	return missingTool(b.Config.Config, files), nil
}

// MissingTool is the same of the image ref, whose configuration is c. It fetches the layers, within 30 s. Errors: as Resolve.
func MissingTool(ctx context.Context, ref string, c v1.Config, o Remote) (string, error) {
	r, err := o.parse(ref)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, filesTimeout, errTooSlow)
	defer cancel()
	opts, err := o.options(ctx, r)
	if err != nil {
		return "", explain("image "+ref, err)
	}
	img, err := remote.Image(r, append(opts, remote.WithPlatform(Spec{Platform: o.Platform}.platform()))...)
	if err != nil {
		return "", explain("image "+ref, cause(ctx, err))
	}
	files, err := native.ReadFiles(ctx, img)
	if err != nil {
		return "", explain("layers of "+ref, cause(ctx, err))
	}
	return missingTool(c, files), nil
}

// Foretell is what the image will say of itself, as far as that can be known before it is built; of a Dockerfile it asks the
// registry for the base's configuration, for 3 s at most. sure is false where there may be more.
func (s Spec) Foretell(ctx context.Context) (c v1.Config, sure bool) {
	ctx, cancel := context.WithTimeoutCause(ctx, resolveTimeout, errTooSlow)
	defer cancel()
	switch {
	case s.Archive != "":
		return c, false
	case s.Static != "":
		c, sure, err := native.Foretell(ctx, native.Options{Dockerfile: []byte(staticDockerfile), Name: s.Static, Platform: s.platform()})
		return c, sure && err == nil
	case s.Go != "":
		if s.Base == "" {
			return c, true
		}
		base, err := s.pull(ctx, s.Base, s.platform())
		if err != nil {
			return c, false
		}
		cf, err := base.ConfigFile()
		if err != nil {
			return c, false
		}
		return cf.Config, true
	}
	in, err := s.openContext()
	if err != nil {
		return c, false
	}
	defer in.close() // opened for reading
	o, err := s.native(in)
	if err != nil {
		return c, false
	}
	c, sure, err = native.Foretell(ctx, o)
	return c, sure && err == nil
}
