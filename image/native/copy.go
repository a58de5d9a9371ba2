package native

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/patternmatcher"
	dmode "github.com/tonistiigi/dchapes-mode"

	"github.com/fargatectl/fargatectl/image/dockerfile"
)

// A transfer is a COPY or an ADD.
type transfer struct {
	*dockerfile.Instruction
	chown, chmod, checksum string
	link, parents          bool
	exclude                []string
	unpack                 bool
	unpackURLs             bool

	paths []string
	docs  []dockerfile.Document
	dest  string
	from  source
}

// newTransfer reads an instruction whose variables are expanded, but for those in documents.
func newTransfer(i *dockerfile.Instruction, from source, in env) (transfer, error) {
	last := len(i.Args) - 1
	x := transfer{
		Instruction: i, chown: i.Flag("chown"), chmod: i.Flag("chmod"), checksum: i.Flag("checksum"), link: i.Flag("link") == "true",
		parents: i.Flag("parents") == "true", exclude: i.All("exclude"), unpack: i.Name == "ADD", unpackURLs: i.Flag("unpack") == "true",
		dest: i.Args[last], from: from,
	}
	if i.Has("unpack") {
		x.unpack = x.unpackURLs
	}
	lex := shell.NewLex('\\')
	lex.SkipProcessQuotes = true
	for _, arg := range i.Args[:last] {
		d := i.Document(arg)
		if d == nil {
			x.paths = append(x.paths, arg)
			continue
		}
		d.Text, d.Chomp = d.Content(), false
		if d.Expand {
			var err error
			if d.Text, _, err = lex.ProcessWord(d.Text, in); err != nil {
				return x, err
			}
		}
		x.docs = append(x.docs, *d)
	}
	return x, nil
}

// copy does a COPY or ADD, and writes its layer.
func (b *builder) copy(ctx context.Context, s *stage, x transfer) error {
	b.Say(x.Text)
	t, err := b.filesOf(ctx, s)
	if err != nil {
		return err
	}
	to := t
	// With --link the files do not see what is below them: not its links, not its users. (With --chmod BuildKit ignores it.)
	linked := x.link && x.chmod == ""
	if linked {
		to = newTree()
	}
	c, err := x.copier(to)
	if err != nil {
		return err
	}
	if err := b.fill(ctx, s, x, c); err != nil {
		return err
	}
	if linked {
		if err := t.lay(to); err != nil {
			return err
		}
	}
	s.history(b, x.history(), false)
	return b.commit(ctx, s, t)
}

// fill copies every source.
func (b *builder) fill(ctx context.Context, s *stage, x transfer, c copier) error {
	dest := destination(s.config.Config.WorkingDir, x.dest)
	if x.checksum != "" && (len(x.paths) != 1 || !isURL(x.paths[0])) {
		return errors.New("--checksum is for one source, which is a URL")
	}
	for _, src := range x.paths {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if isGit(src) {
			return b.file.refusal(x.Instruction, "of the Git repository "+src+" needs git")
		}
		if isURL(src) {
			if err := b.download(ctx, x, c, src, dest); err != nil {
				return err
			}
			continue
		}
		from, err := b.sourceTree(ctx, x.from)
		if err != nil {
			return err
		}
		c.from, c.contents = from, true
		if err := b.gather(x, c, src, dest); err != nil {
			return b.absent(x, src, err)
		}
	}
	c.contents = false
	for _, doc := range x.docs {
		c.from = newTree()
		err := c.from.put(path.Join("/", doc.Name), &node{kind: kindFile, mode: 0o644, size: int64(len(doc.Text)), body: inMemory(doc.Text)})
		if err != nil {
			return err
		}
		if err := c.copy(path.Join("/", doc.Name), dest); err != nil {
			return err
		}
	}
	return nil
}

// absent is the error of a source that is not there, with the reason where it is the context that lacks it.
func (b *builder) absent(x transfer, src string, err error) error {
	if !errors.Is(err, errNotFound) || x.from != (source{}) || b.Absent == nil {
		return err
	}
	return &Error{File: b.Name, Line: x.Line, Instruction: x.Name, Err: err, Ways: b.Absent(src)}
}

// copier is one that follows the flags.
func (x transfer) copier(to *tree) (c copier, err error) {
	c.to = to
	if c.by, err = to.findOwner(x.chown); err != nil {
		return c, err
	}
	if len(x.exclude) > 0 {
		if c.exclude, err = patternmatcher.New(x.exclude); err != nil {
			return c, fmt.Errorf("--exclude: %w", err)
		}
	}
	if x.chmod == "" {
		return c, nil
	}
	if mode, err := strconv.ParseUint(x.chmod, 8, 32); err == nil {
		if mode > 0o7777 {
			return c, fmt.Errorf("--chmod=%s: want at most 7777", x.chmod)
		}
		c.mode = new(int64(mode))
		return c, nil
	}
	modes, err := dmode.ParseWithUmask(x.chmod, 0)
	if err != nil {
		return c, fmt.Errorf("--chmod=%s is no mode: want octal digits (755) or letters (u=rwX,go=rX)", x.chmod)
	}
	c.modes = &modes
	return c, nil
}

// sourceTree is what COPY takes from.
func (b *builder) sourceTree(ctx context.Context, from source) (*tree, error) {
	switch {
	case from.stage != nil:
		return b.filesOf(ctx, from.stage)
	case from.image == scratch:
		return newTree(), nil
	case from.image != "":
		img, err := b.open(ctx, from.image, b.Platform)
		if err != nil {
			return nil, err
		}
		return b.filesOfImage(ctx, img)
	}
	return b.contextTree()
}

// gather copies what a source path stands for.
func (b *builder) gather(x transfer, c copier, src, dest string) (err error) {
	if x.parents {
		if src, err = c.below(src); err != nil {
			return err
		}
	}
	found, err := c.from.glob(path.Join("/", src))
	if err != nil {
		return err
	}
	for _, p := range found {
		if x.unpack {
			done, err := b.unpack(x, c, p, dest)
			if err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
			if done {
				continue
			}
		}
		if err := c.copy(p, dest); err != nil {
			return err
		}
	}
	return nil
}

// below is --parents: src is copied with the folders above it, up to a "/./" in it. It gives the folder to begin in.
func (c *copier) below(src string) (parent string, err error) {
	parent, pattern, pivot := strings.Cut(src, "/./")
	if !pivot {
		parent, pattern = "/", src
	}
	pattern = path.Join("/", pattern)
	if c.include, err = patternmatcher.New([]string{strings.TrimPrefix(pattern, "/")}); err != nil {
		return "", err
	}
	if hasWildcard(parent) || hasWildcard(pattern) {
		return parent, nil
	}
	whole := path.Join("/", parent, pattern)
	at, err := c.from.resolve(whole)
	if err == nil && c.from.lookup(at) == nil {
		err = fmt.Errorf("%q: %w", whole, errNotFound)
	}
	return parent, err
}

// destination is where files go to, with its last slash: behind it is a folder.
func destination(wd, dest string) string {
	if dest == "" || dest == "." {
		dest = "./"
	}
	p := dest
	if !path.IsAbs(p) {
		p = path.Join("/", wd, p)
	}
	p = path.Clean(p)
	if p != "/" && (strings.HasSuffix(dest, "/") || strings.HasSuffix(dest, "/.")) {
		p += "/"
	}
	return p
}

// maxDownload is the most that ADD fetches from a URL.
const maxDownload = 8 << 30

// download fetches a URL into a file and copies it; without --unpack an archive stays one. Its mode is 600, as with BuildKit.
func (b *builder) download(ctx context.Context, x transfer, c copier, src, dest string) error {
	if x.Name != "ADD" {
		return errors.New("a URL is a source for ADD, not for COPY")
	}
	name := "__unnamed__"
	if u, err := url.Parse(src); err == nil {
		if last := path.Base(u.Path); last != "." && last != "/" {
			name = last
		}
	}
	in, err := b.Fetch(ctx, src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := b.create("download")
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, sum), io.LimitReader(in, maxDownload+1))
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	if n > maxDownload {
		return fmt.Errorf("%s has more than %d bytes", src, int64(maxDownload))
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); x.checksum != "" && got != x.checksum {
		return fmt.Errorf("%s is %s, --checksum says %s", src, got, x.checksum)
	}
	c.from, c.contents = newTree(), false
	if err := c.from.put("/"+name, &node{kind: kindFile, mode: 0o600, size: n, body: onDisk(out.Name())}); err != nil {
		return err
	}
	if x.unpackURLs {
		if done, err := b.unpack(x, c, "/"+name, dest); done || err != nil {
			return err
		}
	}
	return c.copy("/"+name, dest)
}

// history is the instruction as an image's history has it.
func (x transfer) history() string {
	said := []string{x.Name}
	if x.parents {
		said = append(said, "--parents")
	}
	if x.chown != "" {
		said = append(said, "--chown="+x.chown)
	}
	if x.chmod != "" {
		said = append(said, "--chmod="+x.chmod)
	}
	said = append(said, x.paths...)
	for _, doc := range x.docs {
		said = append(said, "<<"+doc.Name)
	}
	return strings.Join(append(said, x.dest), " ")
}

// lay puts what is in another tree over this one, as a layer is put over those below it.
func (t *tree) lay(over *tree) error {
	for _, p := range over.paths() {
		n := over.lookup(p)
		there := t.lookup(p)
		if n.kind != kindDir || there == nil || there.kind != kindDir {
			if n.kind == kindDir {
				c := *n
				c.children, c.owner = map[string]*node{}, t
				n = &c
			}
			if err := t.put(p, n); err != nil {
				return err
			}
			continue
		}
		mine, err := t.folder(p)
		if err != nil {
			return err
		}
		mine.mode, mine.uid, mine.gid, mine.xattrs = n.mode, n.uid, n.gid, n.xattrs
		t.changed[p] = true
	}
	return nil
}
