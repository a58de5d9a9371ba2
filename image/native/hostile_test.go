package native

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// A memory is a context of files, folders and links in memory.
type memory []remembered

type remembered struct {
	Entry
	content func() io.Reader
}

func (m memory) Walk(visit func(Entry) error) error {
	for _, e := range m {
		if err := visit(e.Entry); err != nil {
			return err
		}
	}
	return nil
}

func (m memory) Open(name string) (io.ReadCloser, error) {
	for _, e := range m {
		if e.Name == name {
			return io.NopCloser(e.content()), nil
		}
	}
	return nil, fs.ErrNotExist
}

// text is a file of a context.
func text(name, content string) remembered {
	return remembered{Entry{Name: name, Mode: 0o644, Size: int64(len(content))}, func() io.Reader { return strings.NewReader(content) }}
}

// built builds a Dockerfile on a context. What it has written to disk is returned, too, in bytes.
func built(t *testing.T, dockerfile string, files ...remembered) (v1.Image, int64, error) {
	t.Helper()
	dir := t.TempDir()
	img, err := Build(t.Context(), Options{
		Dockerfile: []byte(dockerfile), Name: "Dockerfile", Platform: v1.Platform{OS: "linux", Architecture: "amd64"},
		Context: memory(files), Dir: dir, Base: baseOf, Fetch: func(context.Context, string) (io.ReadCloser, error) {
			return nil, errors.New("nothing outside is asked")
		},
	})
	written := int64(0)
	found, globErr := filepath.Glob(filepath.Join(dir, "*"))
	if globErr != nil {
		t.Fatal(globErr)
	}
	for _, f := range found {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		written += info.Size()
	}
	return img, written, err
}

// noise are n bytes that can't be compressed much.
func noise(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%x", sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
	}
	return b.String()[:n]
}

// octal writes a number into a header.
func octal(field []byte, n int64) { copy(field, fmt.Sprintf("%0*o", len(field)-1, n)) }

// block is a raw header of a tar: what archive/tar would not write. edit changes it before it is summed up.
func block(name string, kind byte, size int64, edit func([]byte)) []byte {
	b := make([]byte, 512)
	copy(b, name)
	octal(b[100:108], 0o644)
	octal(b[108:116], 0)
	octal(b[116:124], 0)
	octal(b[124:136], size)
	octal(b[136:148], 0)
	b[156] = kind
	copy(b[257:], "ustar\x0000")
	if edit != nil {
		edit(b)
	}
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

// padded fills up to a whole block.
func padded(s string) []byte { return append([]byte(s), make([]byte, (512-len(s)%512)%512)...) }

// pax is an extended header.
func pax(pairs ...string) []byte {
	var records strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		rest := fmt.Sprintf(" %s=%s\n", pairs[i], pairs[i+1])
		n := len(rest)
		for len(fmt.Sprint(n))+len(rest) != n {
			n = len(fmt.Sprint(n)) + len(rest)
		}
		records.WriteString(fmt.Sprint(n) + rest)
	}
	return append(block("pax", tar.TypeXHeader, int64(records.Len()), nil), padded(records.String())...)
}

// sparse are a file of size bytes, of which the last four are "end\n" and the others were never written, in GNU tar's two ways
// (GNU tar manual, "Storing Sparse Files": old GNU format and PAX 1.0).
func sparseOld(name string, size int64) []byte {
	b := block(name, tar.TypeGNUSparse, 4, func(b []byte) {
		copy(b[257:], "ustar  \x00")
		octal(b[386:398], size-4)
		octal(b[398:410], 4)
		octal(b[483:495], size)
	})
	return append(b, padded("end\n")...)
}

func sparsePAX(name string, size int64) []byte {
	b := pax("GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.name", name, "GNU.sparse.realsize", fmt.Sprint(size))
	b = append(b, block("GNUSparseFile.0/"+name, tar.TypeReg, 512+4, nil)...)
	b = append(b, padded(fmt.Sprintf("1\n%d\n4\n", size-4))...)
	return append(b, padded("end\n")...)
}

var end = make([]byte, 1024)

// joined is an archive of these parts, as a file of a context.
func joined(parts ...[]byte) remembered {
	return text("t.tar", string(append(bytes.Join(parts, nil), end...)))
}

// Holes are zeros in the layer; there are no sparse files in images (image-spec, "Image Layer Filesystem Changeset").
func TestAddSparse(t *testing.T) {
	t.Parallel()
	img, _, err := built(t, "FROM scratch\nADD t.tar /\n", joined(sparseOld("old", 100_000), sparsePAX("new", 100_001), items(t, "f 644 0:0 after x")))
	if err != nil {
		t.Fatal(err)
	}
	r := mutate.Extract(img)
	defer r.Close()
	_, contents := entriesOf(t, r)
	for name, want := range map[string]string{"old": strings.Repeat("\x00", 100_000-4) + "end\n", "new": strings.Repeat("\x00", 100_001-4) + "end\n", "after": "x"} {
		if contents[name] != want {
			t.Errorf("%s has %d bytes, want %d with an end", name, len(contents[name]), len(want))
		}
	}
}

// entriesOf are the headers and contents of a tar.
func entriesOf(t *testing.T, r io.Reader) (headers map[string]*tar.Header, contents map[string]string) {
	t.Helper()
	headers, contents = map[string]*tar.Header{}, map[string]string{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return headers, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		headers[h.Name], contents[h.Name] = h, string(b)
	}
}

// bomb is an archive of a few megabytes with a file of ten gigabytes of zeros: a gzip stream may have several members, and
// all but the first are the same 8 MB.
func bomb(t *testing.T) []byte {
	t.Helper()
	const size = 10 << 30
	zeros := gzipped(t, make([]byte, 8<<20))
	return append(gzipped(t, block("zeros", tar.TypeReg, size, nil)), bytes.Repeat(zeros, size/(8<<20))...)
}

// What an archive says is refused before it has cost anything: no disk, and, as the bomb's gigabytes show, no time.
func TestAddRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 256)
	deep := strings.Repeat("d/", 400_000)
	empty := func(name string) []byte { return append(pax("path", name), block("x", tar.TypeReg, 0, nil)...) }
	var gigabytes [][]byte
	for i := range 9 {
		gigabytes = append(gigabytes, sparsePAX(fmt.Sprint("hole", i), 1<<30))
	}
	for name, c := range map[string]struct {
		archive remembered
		want    string
	}{
		"a bomb":                {text("t.tar", string(bomb(t))), "/t.tar: the archive unpacks to more than 8 GiB"},
		"a hole":                {joined(sparseOld("hole", 7<<30), sparsePAX("hole", 7<<30)), "/t.tar: the archive unpacks to more than 8 GiB"},
		"many holes":            {joined(gigabytes...), "/t.tar: the archive unpacks to more than 8 GiB"},
		"a whiteout":            {joined(items(t, "f 644 0:0 etc/.wh.passwd")), "/t.tar: etc/.wh.passwd: /in/etc/.wh.passwd: a name that begins with .wh. deletes files in a layer"},
		"an opaque whiteout":    {joined(items(t, "f 644 0:0 etc/.wh..wh..opq")), "a name that begins with .wh. deletes"},
		"a folder of whiteouts": {joined(items(t, "f 644 0:0 .wh.etc/passwd x")), "a name that begins with .wh. deletes"},
		"a hard link outside":   {joined(items(t, "h 644 0:0 shadow ../../../etc/shadow")), "shadow: is a hard link to ../../../etc/shadow, which is no file"},
		"a hard link to none":   {joined(items(t, "h 644 0:0 a b")), "a: is a hard link to b, which is no file"},
		"a hard link to itself": {joined(items(t, "h 644 0:0 a a")), "a: is a hard link to a, which is no file"},
		"links in a circle":     {joined(items(t, "l 777 0:0 a b\nl 777 0:0 b a\nf 644 0:0 a/x y")), "a/x: /a: too many symbolic links"},
		"a long name":           {joined(empty(long)), ": a name of 256 bytes, and Linux takes 255"},
		"a long path":           {joined(empty(strings.Repeat("abcdefghi/", 410))), ": a path of 4100 bytes, and Linux takes 4095"},
		"a deep path":           {joined(empty(deep)), ": a path of 800000 bytes, and Linux takes 4095"},
		"a long link":           {joined(append(pax("linkpath", deep), block("l", tar.TypeSymlink, 0, nil)...)), "l: a link to 800000 bytes, and Linux takes 4095"},
		"a strange kind":        {joined(block("volume", 'V', 0, nil)), `volume: is of a kind ('V') that is not known here`},
		"cut off":               {text("t.tar", string(append(block("a", tar.TypeReg, 10_000, nil), make([]byte, 5000)...))), "unexpected EOF"},
		"cut off when packed":   {text("t.tar", string(gzipped(t, items(t, "f 644 0:0 a "+noise(9000)))[:2500])), "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, written, err := built(t, "FROM scratch\nADD t.tar /in/\n", c.archive)
			var at *Error
			switch {
			case err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &at) || !strings.HasPrefix(err.Error(), "Dockerfile:2 ADD: "):
				t.Errorf("error %.300v\nwant %s", err, c.want)
			case len(err.Error()) > 400:
				t.Errorf("an error of %d bytes", len(err.Error()))
			case written > 100_000:
				t.Errorf("%d bytes are left on the disk", written)
			}
		})
	}
}

// Devices and pipes are entries of the layer, as with BuildKit, which runs as root; nothing of that kind is made here. Names
// that differ in their case alone are two files.
func TestAddContains(t *testing.T) {
	t.Parallel()
	img, _, err := built(t, "FROM scratch\nADD t.tar /in/\n", joined(
		block("null", tar.TypeChar, 0, func(b []byte) { octal(b[329:337], 1); octal(b[337:345], 3) }), block("pipe", tar.TypeFifo, 0, nil),
		pax("path", "caf\xe9"), block("x", tar.TypeReg, 0, nil),
		items(t, "f 644 0:0 readme lower\nf 644 0:0 README upper\nd 755 0:0 Docs\nf 644 0:0 docs/a a\nf 644 0:0 README again"),
	))
	if err != nil {
		t.Fatal(err)
	}
	r := mutate.Extract(img)
	defer r.Close()
	headers, contents := entriesOf(t, r)
	if h := headers["in/null"]; h == nil || h.Typeflag != tar.TypeChar || h.Devmajor != 1 || h.Devminor != 3 {
		t.Errorf("null is %+v", h)
	}
	if h := headers["in/pipe"]; h == nil || h.Typeflag != tar.TypeFifo {
		t.Errorf("pipe is %+v", h)
	}
	for name, want := range map[string]string{"in/readme": "lower", "in/README": "again", "in/Docs": "", "in/docs/a": "a", "in/caf\xe9": ""} {
		if got, ok := contents[name]; !ok || got != want {
			t.Errorf("%q holds %q (%v), want %q", name, got, ok, want)
		}
	}
}

// A name that would be a whiteout is refused wherever it comes from.
func TestWhiteoutNames(t *testing.T) {
	t.Parallel()
	for _, dockerfile := range []string{
		"FROM scratch\nCOPY . /\n", "FROM scratch\nCOPY a /.wh.b\n", "FROM scratch\nWORKDIR /.wh.x\n", "FROM scratch\nCOPY a /.wh.d/\n",
		"FROM scratch\nCOPY <<.wh.e /\nx\n.wh.e\n",
	} {
		files := []remembered{text("a", "a")}
		if strings.Contains(dockerfile, "COPY . ") {
			files = append(files, text(".wh.c", ""))
		}
		if _, _, err := built(t, dockerfile, files...); err == nil || !strings.Contains(err.Error(), "begins with .wh.") {
			t.Errorf("%q: error %v", dockerfile, err)
		}
	}
}

// A file that is not what the walk saw is an error, and never half a file.
func TestChangedFiles(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 3, 5, 1 << 40} {
		f := text("a", "four")
		f.Size = size
		if _, _, err := built(t, "FROM scratch\nCOPY a /\n", f); err == nil || err.Error() != "Dockerfile:2 COPY: /a: changed while it was read" {
			t.Errorf("size %d: error %v", size, err)
		}
	}
	gone := remembered{Entry{Name: "gone", Size: 1}, nil}
	broken := remembered{Entry{Name: "broken", Size: 1}, func() io.Reader { return brokenReader{} }}
	if _, _, err := built(t, "FROM scratch\nCOPY broken /\n", gone, broken); !errors.Is(err, errBroken) || !strings.HasPrefix(err.Error(), "Dockerfile:2 COPY: /broken: ") {
		t.Errorf("error %v", err)
	}
}

var errBroken = errors.New("input/output error")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

// What a tree holds in memory is bounded, and long names never get into one, whichever way they come.
func TestTreeIsBounded(t *testing.T) {
	t.Parallel()
	file := func() *node { return &node{kind: kindFile} }
	for name, c := range map[string]struct {
		do   func(*tree) error
		want string
	}{
		"files": {func(t *tree) error {
			t.nodes = maxNodes - 1
			return errors.Join(t.put("/a", file()), t.put("/b", file()))
		}, "more than 1000000 files"},
		"paths": {func(t *tree) error {
			t.text = maxText - 3
			return errors.Join(t.put("/a", file()), t.put("/b", file()))
		}, "more than 256 MB"},
		"links": {func(t *tree) error {
			t.text = maxText - 100
			return t.put("/a", &node{kind: kindLink, link: strings.Repeat("x", 100)})
		}, "more than 256 MB"},
		"attributes": {func(t *tree) error {
			t.text = maxText - 100
			return t.weigh(&tar.Header{Name: "a", PAXRecords: map[string]string{xattrPrefix + "user.x": strings.Repeat("x", 100)}})
		}, "more than 256 MB"},
		"a name": {func(t *tree) error { return t.put("/"+strings.Repeat("x", 256), file()) }, "a name of 256 bytes"},
		"a path": {func(t *tree) error { return t.mkdirAll(strings.Repeat("/abcdefg", 600), 0o755, nil) }, "a path of 4096 bytes"},
	} {
		if err := c.do(newTree()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %.200v, want %s", name, err, c.want)
		}
	}
	tr := newTree()
	if err := errors.Join(tr.put("/"+strings.Repeat("x", 255), file()), tr.put("/ä", file())); err != nil {
		t.Error(err)
	}
}

// A layer of a base image stays in its tree, too, whatever it names, and is bounded.
func TestHostileLayers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		layer []byte
		paths string // what there is
		want  string // error
	}{
		"outside":              {items(t, "f 644 0:0 ../../etc/passwd x\nf 644 0:0 /abs/a x\nl 777 0:0 up ../../..\nf 644 0:0 up/caught x\nh 644 0:0 hard ../../../caught"), "/abs /abs/a /caught /etc /etc/passwd /hard /up", ""},
		"whiteouts outside":    {items(t, "f 644 0:0 a x\nd 755 0:0 d\nf 644 0:0 ../../.wh.a\nl 777 0:0 out ../../..\nf 644 0:0 out/.wh.d"), "/out", ""},
		"whiteout of all":      {items(t, "f 644 0:0 ../.wh..wh..opq\nf 644 0:0 .wh..wh..opq"), "", ""},
		"whiteout of nothing":  {items(t, "f 644 0:0 .wh.none\nf 644 0:0 .wh."), "", ""},
		"a hard link to none":  {items(t, "h 644 0:0 a ../../../etc/shadow"), "", "a: a hard link to ../../../etc/shadow, which is no file"},
		"in a file":            {items(t, "f 644 0:0 a x\nf 644 0:0 a/b x"), "", "a/b: /a: not a directory"},
		"links in a circle":    {items(t, "l 777 0:0 a b\nl 777 0:0 b a\nf 644 0:0 a/x y"), "", "too many symbolic links"},
		"a path without end":   {append(pax("path", strings.Repeat("d/", 400_000)), block("x", tar.TypeReg, 0, nil)...), "", "a path of 800000 bytes, and Linux takes 4095"},
		"more than any disk":   {sparsePAX("hole", 201<<30), "", "unpacks to more than 200 GiB"},
		"a sparse file of GNU": {append(sparseOld("s", 1000), end...), "/s", ""},
	} {
		file := filepath.Join(t.TempDir(), "layer")
		if err := os.WriteFile(file, gzipped(t, c.layer), 0o600); err != nil {
			t.Fatal(err)
		}
		tr := newTree()
		err := tr.apply(&blob{file: file}, 1)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 400 {
				t.Errorf("%s: error %.300v, want %s", name, err, c.want)
			}
			continue
		}
		if got := strings.Join(tr.paths(), " "); err != nil || got != c.paths {
			t.Errorf("%s: %q, %v\nwant %q", name, got, err, c.paths)
		}
	}
}
