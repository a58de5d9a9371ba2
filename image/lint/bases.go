package lint

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/fargatectl/fargatectl/image/dockerfile"
)

const scratch = "scratch"

// bases is for the images that a stage names.
func (l *linter) bases(s *stage) {
	if s.base == nil && s.ref != "" && s.ref != scratch {
		l.pinned(s.ref, s.Base, s.From)
	}
	for _, o := range s.outside {
		if o.ref != scratch {
			l.pinned(o.ref, o.ref, o.at)
		}
	}
	if platform := s.From.Flag("platform"); l.Built == nil && s.ships && s.base == nil && platform != "" && l.Platform != "" {
		if p, ok := l.expand(platform, &l.global, ofBuilder); ok {
			l.architecture(p, s.From)
		}
	}
}

// pinned looks at a reference; written is how it stands in the Dockerfile.
func (l *linter) pinned(ref, written string, at *dockerfile.Instruction) {
	if strings.Contains(ref, "@") || strings.ContainsAny(ref, "${}") {
		return
	}
	name := shown(written)
	switch tag := tagOf(ref); {
	case tag == "" && strings.Contains(written, "$"):
		l.add("pinned-base", at, "%s comes out without a tag, which is latest", name)
	case tag == "":
		l.add("pinned-base", at, "%s has no tag, which is latest", name)
	case tag == "latest":
		l.add("pinned-base", at, "%s is another image whenever it is published", name)
	default:
		l.doubt("pinned-digest", at, "%s is a tag, which can move", name)
	}
}

var reference = regexp.MustCompile(`^[\w./:${}-]{1,100}$`)

// shown is a reference fit to be shown: as it is written, its variables without their values.
func shown(ref string) string {
	if !reference.MatchString(ref) || secretIn(ref) != "" {
		return "the image"
	}
	return ref
}

// tagOf is the tag of a reference, "" without one.
func tagOf(ref string) string {
	_, tag, _ := strings.Cut(path.Base(ref), ":")
	return tag
}

// nameOf is the last part of a repository's name.
func nameOf(ref string) string {
	name, _, _ := strings.Cut(path.Base(ref), "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// architecture compares a platform such as linux/arm64/v8 with the service's.
func (l *linter) architecture(platform string, at *dockerfile.Instruction) {
	_, want, _ := strings.Cut(l.Platform, "/")
	os, got, ok := strings.Cut(strings.ToLower(platform), "/")
	if !ok {
		os, got = "linux", os
	}
	got, _, _ = strings.Cut(got, "/")
	if other := map[string]string{"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}[got]; other != "" {
		got = other
	}
	if os != "linux" || got != want && slices.Contains([]string{"amd64", "arm64", "386", "arm", "riscv64", "s390x", "ppc64le"}, got) {
		l.add("architecture", at, "the image is for another platform than the service, which runs on %s", l.Platform)
	}
}

// compilers are images that are there to build with.
var compilers = strings.Fields("golang rust maven gradle gcc haskell sdk") // dotnet/sdk

var compiles = regexp.MustCompile(`\b(go (build|install)|cargo (build|install)|mvnw? .*(package|install|verify)|gradlew? .*([bB]uild|bootJar)|dotnet (publish|build)|(npm|pnpm|yarn|bun) (run )?build)\b`)

// contents is for what lies in the image and need not.
func (l *linter) contents() {
	chain := l.chain()
	if root := chain[0]; root.base == nil && slices.Contains(compilers, nameOf(root.ref)) {
		l.add("multi-stage", root.From, "%s ships with the program", shown(root.Base))
	} else {
		l.compiled(chain)
	}
	for _, s := range l.stages {
		if !s.reached {
			continue
		}
		for _, i := range s.Instructions {
			if i.Name == "RUN" && s.ships && installs(i) {
				l.add("apt-recommends", i, "RUN installs what the packages only recommend, too")
			}
			if (i.Name == "COPY" || i.Name == "ADD") && !i.Has("from") {
				l.copied(s, i)
			}
		}
	}
}

// compiled is for a program that is built in a stage that ships.
func (l *linter) compiled(chain []*stage) {
	for _, s := range chain {
		for _, i := range s.Instructions {
			if i.Name == "RUN" && compiles.MatchString(command(i)) {
				l.add("multi-stage", i, "RUN builds in a stage that ships: sources and tools stay in the image")
				return
			}
		}
	}
}

var aptInstall = regexp.MustCompile(`\bapt(-get)?\s+([^;&|\n]*\s)?install\s+[^;&|\n]`)

func installs(i *dockerfile.Instruction) bool {
	text := command(i)
	return aptInstall.MatchString(text) && !strings.Contains(strings.ToLower(text), "install-recommends")
}

// command is what RUN runs, with its documents.
func command(i *dockerfile.Instruction) string {
	return whole(i, strings.Join(i.Args, " "))
}

// whole is a text of an instruction with its documents.
func whole(i *dockerfile.Instruction, text string) string {
	lines := []string{text}
	for _, d := range i.Docs {
		lines = append(lines, d.Text)
	}
	return strings.Join(lines, "\n")
}

// copied is for what COPY and ADD take along.
func (l *linter) copied(s *stage, i *dockerfile.Instruction) {
	if len(i.Args) == 0 || i.Has("exclude") {
		return
	}
	for _, src := range i.Args[:len(i.Args)-1] {
		if i.Document(src) != nil || strings.ContainsAny(src, "$") || strings.Contains(src, "://") {
			continue
		}
		clean := path.Clean("/" + src)[1:] // of the context itself: ""
		if s.ships {
			l.private(i, clean)
		}
		if c := l.Context; c != nil && !c.Ignores && (clean == "" || clean == "*") {
			l.add("no-dockerignore", i, "%s takes the whole folder", i.Name)
		}
	}
}
