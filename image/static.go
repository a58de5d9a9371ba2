package image

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/fargatectl/fargatectl/image/native"
)

// fileserver is the program that serves a static folder: one file of the standard library's Go.
//
//go:embed fileserver/main.go
var fileserver string

// fileserverModule is the go.mod beside it.
const fileserverModule = "module fileserver\n\ngo 1.24\n"

// staticDockerfile is how the image of a static folder is put together.
const staticDockerfile = `FROM scratch
COPY server /server
COPY public /public
WORKDIR /public
USER ` + nonroot + `
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s CMD ["/server", "-check"]
ENTRYPOINT ["/server"]
`

// server writes the file server's source into a folder, and says how it is built.
func (s Spec) server(dir string) (Spec, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return Spec{}, &Error{
			What: "the go tool is not on PATH, and the file server for " + s.Static + " is built with it",
			Ways: "install Go (https://go.dev/dl), or add a Dockerfile with a server of your choice, or run an image that is there with --image REF",
			Err:  err,
		}
	}
	err := os.Mkdir(dir, 0o700)
	for name, text := range map[string]string{"main.go": fileserver, "go.mod": fileserverModule} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return Spec{Dir: dir, Go: ".", Platform: s.Platform, alone: true}, err
}

// hashStatic hashes the inputs of a static folder: its files, the server's source and the toolchain that builds it.
func (s Spec) hashStatic(ctx context.Context, h inputs) error {
	c, err := s.openStatic()
	if err != nil {
		return err
	}
	defer c.close() // opened for reading
	dir, err := os.MkdirTemp("", "fargatectl-static-")
	if err != nil {
		return err
	}
	server, err := s.server(filepath.Join(dir, "server"))
	var set settings
	if err == nil {
		set, err = server.goSettings(ctx)
	}
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		return err
	}
	if err := c.served(s.Static); err != nil {
		return err
	}
	h.line("static", set.GOVERSION, set.GOAMD64, set.GOARM64, set.GOEXPERIMENT, set.GOFIPS140, fileserver, fileserverModule, staticDockerfile)
	h.line(server.goFlags()...)
	return c.hash(h)
}

// openStatic opens the folder. A .dockerignore in it is heeded.
func (s Spec) openStatic() (*buildContext, error) {
	dir := filepath.Join(s.Dir, s.Static)
	const ways = "`build: {static: FOLDER}` takes a folder of files, such as ./public or ./dist; build them first"
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{What: fmt.Sprintf("there is no folder %s in %s", s.Static, s.Dir), Ways: ways}
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, &Error{What: s.Static + " is not a folder", Ways: ways}
	}
	if filepath.Clean(s.Static) != "." { // they are paths in Dir
		return openFolder(dir, nil)
	}
	return openFolder(dir, s.Exclude)
}

// served refuses a folder of which nothing would be served: the tool that fills it has yet to run, or .dockerignore lists it all.
func (c *buildContext) served(folder string) error {
	some := errors.New("something")
	err := c.walk(func(e entry) error {
		if e.info.IsDir() {
			return nil
		}
		return some
	})
	if err == nil {
		return &Error{What: folder + " has no file to serve", Ways: "build the files first, or see its .dockerignore"}
	}
	if errors.Is(err, some) {
		return nil
	}
	return err
}

// buildStatic builds the server, and puts it and the folder into an image.
func (s Spec) buildStatic(ctx context.Context, b *Built, say func(string)) error {
	c, err := s.openStatic()
	if err != nil {
		return err
	}
	defer c.close() // opened for reading
	server, err := s.server(filepath.Join(b.dir, "server"))
	if err != nil {
		return err
	}
	say("build a file server for " + s.Static + " for " + s.platform().String())
	binary := filepath.Join(b.dir, "fileserver")
	args := append([]string{"build", "-o", binary}, server.goFlags()...)
	if _, err := server.goRun(ctx, say, "go build of the file server", append(args, "--", ".")...); err != nil {
		return err
	}
	b.Tool, b.Route = nativeTool, nativeTool
	b.Image, err = native.Build(ctx, native.Options{
		Dockerfile: []byte(staticDockerfile), Name: s.Static, Platform: s.platform(), Args: s.nativeArgs(), Dir: b.dir, Context: staticContext{nativeContext{c}, binary},
	})
	return err
}

// A staticContext is the server and, in public, the folder.
type staticContext struct {
	nativeContext
	binary string
}

const public = "public"

// Walk visits the server, then the folder.
func (c staticContext) Walk(visit func(native.Entry) error) error {
	info, err := os.Stat(c.binary)
	if err != nil {
		return err
	}
	if err := visit(native.Entry{Name: "server", Mode: 0o755, Size: info.Size()}); err != nil {
		return err
	}
	if err := visit(native.Entry{Name: public, Mode: os.ModeDir | 0o755}); err != nil {
		return err
	}
	return c.nativeContext.Walk(func(e native.Entry) error {
		e.Name = public + "/" + e.Name
		return visit(e)
	})
}

// Open opens one of their files.
func (c staticContext) Open(name string) (io.ReadCloser, error) {
	if name == "server" {
		return os.Open(c.binary)
	}
	return c.nativeContext.Open(name[len(public)+1:])
}
