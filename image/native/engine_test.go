//go:build engine || buildkit

package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// These tests build the corpus with real engines, started here and stopped by their process: nothing that runs on the
// machine is touched, and no network is changed. They need root, dockerd, docker (20.10, with BuildKit in the engine),
// buildah and busybox: e2e/engines installs them from Debian. What is missing is a failure, never a skip.

// An engine builds a case.
type engine interface {
	build(t *testing.T, c *testCase) (v1.Image, error)
}

// need finds a program.
func need(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed: e2e/engines installs what these tests need", names[0])
	return ""
}

// mirror serves the corpus's images on loopback, as a mirror of Docker Hub. Unlike ours, its shell image can run things.
func mirror(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0))), ReadHeaderTimeout: time.Minute}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	all := maps.Clone(bases())
	all["shell"] = made(t, types.OCIManifestSchema1, `{"config": {"Cmd": ["/bin/sh"]}}`, "d 755 0:0 bin\nf 755 0:0 bin/busybox @"+need(t, "busybox")+"\nl 777 0:0 bin/sh busybox\nl 777 0:0 bin/cat busybox\nl 777 0:0 bin/true busybox\nd 1777 0:0 tmp")
	index := v1.ImageIndex(empty.Index)
	for _, arch := range []string{"amd64", "arm64"} {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: all["multi "+arch], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
		delete(all, "multi "+arch)
	}
	put := func(n string, what remote.Taggable) {
		ref, err := name.ParseReference(l.Addr().String() + "/corpus/" + n + ":1")
		if err == nil {
			err = remote.Push(ref, what)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("multi", index)
	for n, img := range all {
		put(n, img)
	}
	return l.Addr().String()
}

// start runs a daemon until the test ends: it is interrupted, then killed, by its process.
func start(t *testing.T, ready func() error, argv ...string) {
	t.Helper()
	said := &bytes.Buffer{}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", argv[0], said)
		}
	})
	for until := time.Now().Add(60 * time.Second); ; {
		err := ready()
		if err == nil {
			return
		}
		select {
		case end := <-ended:
			ended <- end
			t.Fatalf("%s ended: %v\n%s", argv[0], end, said)
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(until) {
			t.Fatalf("%s does not answer: %v", argv[0], err)
		}
	}
}

// run runs a command to its end.
func run(ctx context.Context, env []string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, out)
	}
	return nil
}

// short is a folder with a short path, for sockets.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "engine") //nolint:usetesting // a socket's path has at most 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 50 { // what was mounted there goes with the daemon, a moment later
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	return dir
}

// buildArgs are the arguments of a case as a command line has them.
func (c *testCase) buildArgs(flag string) (argv []string) {
	for _, k := range slices.Sorted(maps.Keys(c.args)) {
		argv = append(argv, flag, k+"="+c.args[k])
	}
	return argv
}

// docker is a dockerd of our own, with BuildKit in it.
type docker struct{ bin, host, hub string }

func startDocker(t *testing.T) docker {
	t.Helper()
	dir, hub := short(t), mirror(t)
	d := docker{bin: need(t, "/usr/bin/docker", "docker"), host: "unix://" + dir + "/s", hub: hub}
	start(t, func() error {
		return run(t.Context(), nil, d.bin, "-H", d.host, "version")
	}, need(t, "dockerd"), "--data-root", dir+"/data", "--exec-root", dir+"/exec", "-H", d.host, "-p", dir+"/pid",
		"--iptables=false", "--ip6tables=false", "--ip-forward=false", "--bridge=none", "--registry-mirror", "http://"+hub)
	return d
}

func (d docker) build(t *testing.T, c *testCase) (v1.Image, error) {
	tag, env := d.hub+"/case:"+c.name, []string{"DOCKER_BUILDKIT=1", "DOCKER_HOST=" + d.host}
	argv := append([]string{d.bin, "build", "--network", "host", "--platform", c.platform.String(), "-f", filepath.Join(c.dir, c.dockerfile), "-t", tag}, c.buildArgs("--build-arg")...)
	if c.target != "" {
		argv = append(argv, "--target", c.target)
	}
	if err := run(t.Context(), env, append(argv, c.dir)...); err != nil {
		return nil, err
	}
	if err := run(t.Context(), env, d.bin, "push", tag); err != nil { // docker save refuses what has no layers
		t.Fatal(err)
	}
	return pulled(t, tag), nil
}

func pulled(t *testing.T, ref string) v1.Image {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(r)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestDocker holds native builds against those of Debian's docker, which knows an older language.
func TestDocker(t *testing.T) {
	compare(t, startDocker(t), func(c *testCase) string { return c.older }, coarse)
}

// buildah builds without a daemon; its steps run in a chroot.
type buildah struct {
	bin  string
	flag []string
	env  []string
}

func startBuildah(t *testing.T) buildah {
	t.Helper()
	dir, hub := short(t), mirror(t)
	config := fmt.Sprintf("unqualified-search-registries = [\"docker.io\"]\n[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = %q\ninsecure = true\n", hub)
	err := errors.Join(os.WriteFile(dir+"/registries.conf", []byte(config), 0o600), os.WriteFile(dir+"/policy.json", []byte(`{"default": [{"type": "insecureAcceptAnything"}]}`), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	b := buildah{
		bin: need(t, "buildah"), flag: []string{"--root", dir + "/root", "--runroot", dir + "/run", "--storage-driver", "vfs"},
		env: []string{"CONTAINERS_REGISTRIES_CONF=" + dir + "/registries.conf", "BUILDAH_ISOLATION=chroot"},
	}
	t.Cleanup(func() {
		_ = run(context.Background(), b.env, append(append([]string{b.bin}, b.flag...), "rm", "--all")...)
	})
	return b
}

func (b buildah) build(t *testing.T, c *testCase) (v1.Image, error) {
	dir, tag := t.TempDir(), "localhost/case:"+c.name
	argv := append(append([]string{b.bin}, b.flag...), "bud", "--format", "oci", "--platform", c.platform.String(), "-f", filepath.Join(c.dir, c.dockerfile), "-t", tag)
	if own := filepath.Join(c.dir, c.dockerfile+".dockerignore"); exists(own) { // it looks for .dockerignore alone
		argv = append(argv, "--ignorefile", own)
	}
	if c.target != "" {
		argv = append(argv, "--target", c.target)
	}
	argv = append(argv, c.buildArgs("--build-arg")...)
	if err := run(t.Context(), b.env, append(argv, c.dir)...); err != nil {
		return nil, err
	}
	if err := run(t.Context(), b.env, append(append([]string{b.bin}, b.flag...), "push", "-q", tag, "oci:"+dir)...); err != nil {
		t.Fatal(err)
	}
	return onlyImage(t, dir), nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// TestBuildah holds the files of native builds against buildah's: a third opinion. Its configuration is another one (a
// label of its own, no health check), as is its history.
func TestBuildah(t *testing.T) {
	compare(t, startBuildah(t), func(c *testCase) string { return c.older + c.buildah }, func(text string) string {
		return regexp.MustCompile(`(?m)^(platform|author|config|history) .*\n`).ReplaceAllString(text, "")
	})
}

// onlyImage is the image of an OCI layout.
func onlyImage(t *testing.T, dir string) v1.Image {
	t.Helper()
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil || len(m.Manifests) != 1 {
		t.Fatal(err, m)
	}
	img, err := index.Image(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// coarse leaves of the history what other versions write, too: the instruction, and whether it made a layer.
func coarse(text string) string {
	return regexp.MustCompile(`(?m)^(history (?:layer|empty) [A-Z]+) .*$`).ReplaceAllString(text, "$1")
}

// compare builds every case with an engine and here; of both is compared what see leaves.
func compare(t *testing.T, e engine, unable func(*testCase) string, see func(string) string) {
	t.Helper()
	same, left := 0, 0
	for _, c := range corpusCases(t) {
		t.Run(c.name, func(t *testing.T) {
			if why := unable(c); why != "" {
				left++
				t.Logf("left to the recorded BuildKit: this engine %s", why)
				return
			}
			theirs, err := e.build(t, c)
			if c.fails != (err != nil) {
				t.Fatalf("the engine: %v", err)
			}
			ours, err := Build(t.Context(), c.options(t))
			if c.fails || c.refused != "" {
				if err == nil {
					t.Error("built here")
				}
				same++
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(see(described(t, theirs)), "\n"), strings.Split(see(described(t, ours)), "\n")); diff != "" {
				t.Errorf("the engine's (-) and ours (+):\n%s", diff)
				return
			}
			same++
		})
	}
	t.Logf("%d cases are the same, %d were left", same, left)
	if same < 60 {
		t.Errorf("%d cases are the same, want 60 at least", same)
	}
}
