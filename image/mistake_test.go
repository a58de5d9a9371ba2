package image

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A mistake in a Dockerfile is an error with the line, and says what to do about it.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"FORM scratch":                                     {"Dockerfile:1: unknown instruction: FORM (did you mean FROM?)", ""},
		"FROM scratch\nHELLO":                              {"Dockerfile:2: unknown instruction: HELLO", ""},
		"FROM $BASE":                                       {"Dockerfile:1 FROM: $BASE is empty", "give it a value before the first FROM"},
		"FROM scratch\nCOPY none /":                        {`Dockerfile:2 COPY: "/none": not found`, "COPY and ADD take from the context's folder DIR"},
		"FROM scratch\nCOPY --parents none /":              {`Dockerfile:2 COPY: "/none": not found`, "COPY and ADD take from the context's folder DIR"},
		"FROM scratch\nCOPY ../none /":                     {`Dockerfile:2 COPY: "/none": not found`, "`..` ends at the context's folder DIR: widen it by `context:`"},
		"FROM scratch\nCOPY a ./b/secret /":                {`Dockerfile:2 COPY: "/b/secret": not found`, ".dockerignore leaves it out"},
		"FROM scratch\nCOPY fargatectl.yaml /":             {`Dockerfile:2 COPY: "/fargatectl.yaml": not found`, "fargatectl.yaml never belongs to the context"},
		"FROM scratch\nCOPY out /":                         {`Dockerfile:2 COPY: "/out": not found`, "out is a link to /etc/passwd, which is not in the context"},
		"FROM scratch\nCOPY --chmod=999 a /":               {"Dockerfile:2 COPY: --chmod=999 is no mode", ""},
		"FROM scratch AS a\nCOPY --from=a b /":             {"Dockerfile:2 COPY: --from=a: that stage does not come before this one", ""},
		"FROM scratch AS x\nFROM x\nCOPY --from=x /none /": {`Dockerfile:3 COPY: "/none": not found`, ""}, // no folder of ours lacks it
	} {
		dir := folder(t, map[string]string{"Dockerfile": text + "\n", "a": "", "b/secret": "", "fargatectl.yaml": "", ".dockerignore": "b/s*\n"})
		if err := os.Symlink("/etc/passwd", filepath.Join(dir, "out")); err != nil {
			t.Fatal(err)
		}
		mistaken(t, Spec{Dir: dir, Dockerfile: "Dockerfile", Builder: "native", Exclude: []string{"fargatectl.yaml"}}, want[0], strings.ReplaceAll(want[1], "DIR", dir))
	}
	dir := folder(t, map[string]string{"Dockerfile": "FROM scratch AS one\nFROM scratch\nFROM scratch AS two\n"})
	mistaken(t, Spec{Dir: dir, Dockerfile: "Dockerfile", Target: "three"}, `Dockerfile: there is no stage "three"`, "its stages are one, two")
	dir = folder(t, map[string]string{"Dockerfile": "FROM scratch\n"})
	mistaken(t, Spec{Dir: dir, Dockerfile: "Dockerfile", Target: "three"}, `Dockerfile: there is no stage "three"`, "no stage has a name")
}

func mistaken(t *testing.T, s Spec, want, way string) {
	t.Helper()
	_, err := s.Build(t.Context(), nil)
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
		return
	}
	hinter, _ := errors.AsType[interface {
		error
		Hint() string
	}](err)
	if hint := hinter.Hint(); !strings.HasPrefix(hint, way) || way == "" && hint != "" {
		t.Errorf("%s: hint %q, want %q", want, hint, way)
	}
}
