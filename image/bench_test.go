//go:build bench

package image

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// TestBenchImage is run by e2e/bench-image, which has the engine and the registry ready. It measures, and fails where a
// promise is not kept.
func TestBenchImage(t *testing.T) {
	b := &bench{t: t, to: os.Getenv("BENCH_REGISTRY")}
	if b.to == "" {
		t.Fatal("run e2e/bench-image")
	}
	found, missing := DetectEngines(t.Context(), "docker") // before a build, not after it
	if len(found) == 0 || !found[0].here {
		t.Fatal(missing)
	}
	b.engine = found[0]
	const runs = 5
	b.base()
	b.ours("ours", b.changed())
	b.run("docker", "tag", b.changed(), b.to+"/theirs:warm")
	b.run("docker", "push", "-q", b.to+"/theirs:warm")
	var sent []int64
	bridge := b.median(runs, func(id string) { p, _ := b.ours("ours", id); sent = append(sent, p.Uploaded) })
	again := b.changed()
	b.ours("ours", again)
	nothing := b.medianOf(runs, func() { p, _ := b.ours("ours", again); sent = append(sent, -p.Uploaded) })
	docker := b.median(runs, func(id string) {
		b.run("docker", "tag", id, b.to+"/theirs:x")
		b.run("docker", "push", "-q", b.to+"/theirs:x")
	})
	layout := b.layouts(runs)
	skopeo := b.median(2, func(id string) {
		b.run("docker", "tag", id, "bench:x")
		b.run("skopeo", "copy", "-q", "--src-daemon-host", os.Getenv("DOCKER_HOST"), "--dest-tls-verify=false", "docker-daemon:bench:x", "docker://"+b.to+"/skopeo:x")
	})
	daemon := b.median(2, func(id string) {
		b.run("docker", "tag", id, "bench:x")
		b.run(os.Getenv("BENCH_DAEMON"), "bench:x", b.to+"/daemon:x")
	})
	sample := b.sample()
	t.Logf("355 MB image, one layer of 1 MB changed, from built to pushed; medians")
	row := func(name string, d time.Duration) {
		t.Logf("  %-34s %8.3f s  %6.1fx ours", name, d.Seconds(), d.Seconds()/bridge.Seconds())
	}
	row("bridge (ours)", bridge)
	row("OCI layout (ours)", layout)
	row("nothing changed (ours, bridge)", nothing)
	row("docker push", docker)
	row("skopeo copy docker-daemon:", skopeo)
	row("go-containerregistry daemon", daemon)
	t.Logf("  native build and push of a program of 6 MB %.3f s", sample.Seconds())
	slices.Sort(sent)
	t.Logf("  bytes sent with 1 MB changed: at most %d; with nothing changed: at most %d", sent[len(sent)-1], -sent[0])
	peak := b.peak()
	t.Logf("  peak memory for an image of 2 GB: %d MB", peak>>20)
	for what, ok := range map[string]bool{
		"the bridge takes at most 0.5 s":                      bridge <= 500*time.Millisecond,
		"the layout takes at most 0.2 s":                      layout <= 200*time.Millisecond,
		"never slower than 1.5x docker push":                  bridge <= docker*3/2,
		"10x faster than skopeo":                              bridge*10 <= skopeo,
		"10x faster than go-containerregistry's daemon route": bridge*10 <= daemon,
		"nothing changed: at most 0.2 s":                      nothing <= 200*time.Millisecond,
		"at most 1.05x the changed layer is sent":             sent[len(sent)-1] <= 1_050_000,
		"nothing changed: at most 4 KB are sent":              -sent[0] <= 4<<10,
		"at most 150 MB of memory":                            peak <= 150<<20,
		"native takes at most 0.3 s":                          sample <= 300*time.Millisecond,
	} {
		if !ok {
			t.Errorf("not kept: %s", what)
		}
	}
}

type bench struct {
	t      *testing.T
	to     string
	n      int
	engine *Engine
}

func (b *bench) run(argv ...string) string {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), argv[0], argv[1:]...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		b.t.Fatalf("%v: %v\n%s", argv, err, errs.String())
	}
	return strings.TrimSpace(string(out))
}

// base makes the layers that stay: 354 MB of real files, in five layers.
func (b *bench) base() {
	root := b.run("go", "env", "GOROOT")
	dir := b.t.TempDir()
	dockerfile := "FROM scratch\n"
	for _, part := range []string{"src", "pkg", "bin", "lib", "test"} {
		if _, err := os.Stat(filepath.Join(root, part)); err == nil {
			b.run("cp", "-rL", filepath.Join(root, part), filepath.Join(dir, part))
			dockerfile += "COPY " + part + " /go/" + part + "\n"
		}
	}
	size, _ := strconv.Atoi(strings.Fields(b.run("du", "-sb", dir))[0])
	write(b.t, dir, map[string]string{"rest": string(words(max(0, 354_000_000-size))), "Dockerfile": dockerfile + "COPY rest /rest\n"})
	b.run("docker", "build", "-q", "-t", "bench:base", dir)
}

// words is text as programs and their data are: it compresses to about a third.
func words(n int) []byte {
	out, r := make([]byte, 0, n+20), noise(n/3+20)
	for i := 0; len(out) < n; i++ {
		out = append(out, []byte{r[i], r[i], 'a', 'b'}...)
	}
	return out[:n]
}

// changed builds the image with another last layer, and returns its id.
func (b *bench) changed() string {
	b.n++
	dir := b.t.TempDir()
	last := noise(1_000_000)
	copy(last, fmt.Sprint(b.n, time.Now()))
	write(b.t, dir, map[string]string{"last": string(last), "Dockerfile": "FROM bench:base\nCOPY last /last\n"})
	// The name keeps it, as Spec.Build's does: an image goes with its last name.
	return b.run("docker", "build", "-q", "--network", "host", "-t", fmt.Sprint("bench:changed", b.n), dir)
}

// ours pushes by our bridge.
func (b *bench) ours(repo, id string) (*Pushed, *Built) {
	b.t.Helper()
	built := &Built{dir: b.t.TempDir()}
	built.kept = &kept{id: id, platform: v1.Platform{OS: "linux", Architecture: "amd64"}, push: func(ctx context.Context, ref string) error {
		return b.engine.pushTo(ctx, id, ref, func(string) {})
	}}
	return b.push(repo, built), built
}

func (b *bench) push(repo string, built *Built) *Pushed {
	b.t.Helper()
	p, err := built.Push(b.t.Context(), Target{Ref: b.to + "/" + repo, Tag: "x", Insecure: true}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (b *bench) median(runs int, push func(id string)) time.Duration {
	var ids []string
	for range runs {
		ids = append(ids, b.changed())
	}
	return b.medianOf(runs, func() { push(ids[0]); ids = ids[1:] })
}

func (b *bench) medianOf(runs int, work func()) time.Duration {
	var all []time.Duration
	for range runs {
		began := time.Now()
		work()
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// layouts pushes from OCI layouts, as an engine that writes them leaves them.
func (b *bench) layouts(runs int) time.Duration {
	var dirs []string
	for range runs + 1 {
		dir := filepath.Join(b.t.TempDir(), "layout")
		b.run("docker", "tag", b.changed(), "bench:x")
		b.run("skopeo", "copy", "-q", "--src-daemon-host", os.Getenv("DOCKER_HOST"), "docker-daemon:bench:x", "oci:"+dir)
		dirs = append(dirs, dir)
	}
	push := func() {
		img, err := fromLayout(dirs[0], v1.Platform{OS: "linux", Architecture: "amd64"})
		if err != nil {
			b.t.Fatal(err)
		}
		built := &Built{Image: img}
		if err := built.describe(v1.Platform{OS: "linux", Architecture: "amd64"}); err != nil {
			b.t.Fatal(err)
		}
		b.push("layout", built)
		dirs = dirs[1:]
	}
	push() // the layers that stay
	return b.medianOf(runs, push)
}

// sample builds and pushes a program of 6 MB natively.
func (b *bench) sample() time.Duration {
	dir := b.t.TempDir()
	write(b.t, dir, map[string]string{"app": string(words(6_000_000)), "Dockerfile": "FROM scratch\nCOPY app /app\nUSER 65532\nCMD [\"/app\"]\n"})
	return b.medianOf(5, func() {
		built, err := Spec{Dir: dir, Dockerfile: "Dockerfile", Builder: "native"}.Build(b.t.Context(), nil)
		if err != nil {
			b.t.Fatal(err)
		}
		b.push("sample", built)
		_ = built.Close()
	})
}

// peak is the most memory that this process has while it pushes an image of 2 GB through the bridge.
func (b *bench) peak() int64 {
	dir := b.t.TempDir()
	chunk := noise(100_000_000)
	dockerfile := "FROM scratch\n"
	for i := range 20 {
		copy(chunk, fmt.Sprint("part", i))
		name := fmt.Sprint("part", i)
		if err := os.WriteFile(filepath.Join(dir, name), chunk, 0o600); err != nil {
			b.t.Fatal(err)
		}
		dockerfile += "COPY " + name + " /\n"
	}
	chunk = nil
	write(b.t, dir, map[string]string{"Dockerfile": dockerfile})
	id := b.run("docker", "build", "-q", "-t", "bench:large", dir)
	debug.FreeOSMemory() // what the bench itself has used is not the push's
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.t.Fatal(err)
	}
	b.ours("large", id)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}
