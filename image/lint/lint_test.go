package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/fargatectl/fargatectl/image/dockerfile"
)

// about is what a rule says: "3 warning", in the order of the lines.
func about(t *testing.T, rule, text string, o Options) (said []string) {
	t.Helper()
	f, err := dockerfile.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range Dockerfile(f, o) {
		if x.Rule == rule {
			said = append(said, fmt.Sprint(x.Line, " ", x.Severity))
		}
	}
	return said
}

// has is a context with files; ".dockerignore" is the one that ignores something.
func has(files ...string) *Context {
	return &Context{Ignores: slices.Contains(files, ".dockerignore"), Has: func(p string) bool { return slices.Contains(files, p) }}
}

// image is a built one.
func image(c v1.Config, layers ...int64) *Built {
	return &Built{Config: &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: c}, Layers: layers}
}

const token = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"

// Each rule has what it fires at, with its line, and neighbours that it leaves alone.
var cases = []struct {
	rule string
	text string
	o    Options
	want []string
}{
	{"secret-value", "FROM a:1\nENV X=AKIA" + "ABCDEFGHIJKLMNOP\n", Options{}, []string{"2 error"}},
	{"secret-value", "FROM a:1\nENV X=AKIA" + "IOSFODNN7EXAMPLE Y=AKIASHORT\n", Options{}, nil}, // of AWS's documentation
	{"secret-value", "ARG X=" + token + "\nFROM a:1 AS b\nRUN \\\n git clone https://me:hunter2@github.com/x\nFROM a:1\nCOPY --from=b x y\nCOPY <<E /key\n-----BEGIN RSA " + "PRIVATE KEY-----\nE\n", Options{}, []string{"1 error", "3 error", "7 error"}},
	{"secret-value", "FROM a:1\nRUN git clone https://me:${TOKEN}@github.com/x\nENV DATABASE_URL=postgres://app:app@db/app\nENV U=postgres://u:p4ss@localhost:5432/x V=postgres://u:changeme@db W=http://h:80/a@b\nCOPY <<E /c\n-----BEGIN CERTIFICATE-----\nE\n", Options{}, nil},
	{"secret-value", "FROM a:1 AS unused\nENV X=" + token + "\nFROM a:1\n", Options{}, nil},

	{"secret-in-env", "FROM a:1\nENV A=b \\\n  DB_PASSWORD=hunter2\nENV API_KEY \"k1\"\n", Options{}, []string{"2 error", "4 error"}},
	{"secret-in-env", "FROM a:1\nARG NPM_TOKEN\nENV NPM_TOKEN=$NPM_TOKEN\n", Options{}, []string{"3 error"}},
	{"secret-in-env", "FROM a:1 AS b\nENV TOKEN=t0\nFROM a:1\nCOPY --from=b x y\nENV SECRET_KEY_BASE=dummy\n", Options{}, []string{"2 note", "5 note"}},
	{"secret-in-env", "FROM a:1\nENV DB_PASSWORD_FILE=/run/x TOKEN_TTL=5m MAX_TOKEN=4096 USE_TOKEN=true NEXT_PUBLIC_API_KEY=k KEYBOARD=de PASSWORD= CA_SECRET=/run/s PWD=/x MONKEY=b GOOGLE_APPLICATION_CREDENTIALS=key.json\n", Options{}, nil},

	{"stop-signal", "FROM a:1\nSTOPSIGNAL SIGTERM\nSTOPSIGNAL SIGKILL\n", Options{}, []string{"3 error"}},
	{"stop-signal", "FROM a:1\nENV S=9\nSTOPSIGNAL $S\n", Options{}, []string{"3 error"}},
	{"stop-signal", "FROM a:1\nSTOPSIGNAL SIGKILL\nSTOPSIGNAL SIGQUIT\n", Options{}, nil},
	{"stop-signal", "FROM a:1\n", Options{Built: image(v1.Config{StopSignal: "KILL"})}, []string{"1 error"}},

	{"architecture", "FROM --platform=linux/amd64 a:1\nRUN x\n", Options{Platform: "linux/arm64"}, []string{"1 error"}},
	{"architecture", "ARG P=x86_64\nFROM --platform=$P a:1 AS b\nFROM b\n", Options{Platform: "linux/arm64"}, []string{"2 error"}},
	{"architecture", "FROM --platform=linux/amd64 a:1 AS b\nFROM --platform=linux/arm64/v8 a:1\nCOPY --from=b x y\n", Options{Platform: "linux/arm64"}, nil},
	{"architecture", "FROM --platform=$BUILDPLATFORM a:1\n", Options{Platform: "linux/arm64"}, nil},
	{"architecture", "FROM --platform=$TARGETPLATFORM a:1\n", Options{Platform: "linux/arm64"}, nil},
	{"architecture", "FROM a:1\n", Options{Platform: "linux/arm64", Built: image(v1.Config{})}, []string{"1 error"}},
	{"architecture", "FROM a:1\n", Options{Platform: "linux/amd64", Built: image(v1.Config{})}, nil},

	{"secret-in-arg", "FROM a:1\nARG V=1\nARG NPM_TOKEN\nARG DB_PASSWORD=hunter2\n", Options{}, []string{"3 warning", "4 warning"}},
	{"secret-in-arg", "ARG NPM_TOKEN\nARG API_KEY=k0\nFROM a:1 AS b\nARG NPM_TOKEN\nFROM a:1\nCOPY --from=b x y\nARG SECRET_KEY_BASE=dummy\n", Options{}, []string{"2 warning", "4 note", "7 note"}},
	{"secret-in-arg", "FROM a:1\nARG TOKEN_URL\nARG TOKEN=/run/secrets/token\nARG PUBLIC_KEY\nRUN --mount=type=secret,id=npm x\n", Options{}, nil},

	{"secret-in-copy", "FROM a:1\nCOPY a .env /app/\nADD conf/id_rsa /keys/\nCOPY x/.aws/credentials /y\nCOPY .npmrc tls/server.key ./\nCOPY .env.production .\n", Options{}, []string{"2 warning", "3 warning", "4 warning", "5 note", "6 note"}},
	{"secret-in-copy", "FROM a:1\nWORKDIR /a\nCOPY . .\nCOPY api ./\n", Options{Context: has(".env", "api/.netrc")}, []string{"3 warning", "4 warning"}},
	{"secret-in-copy", "FROM a:1 AS b\nCOPY .env .\nFROM a:1\nCOPY . .\nCOPY .env.example ca.pem id_rsa.pub server-pub.key src/credentials.go /x/\nCOPY --from=b /x/.env /y\n", Options{Context: has("main.go")}, nil},

	{"non-root", "FROM a:1\nUSER app\nUSER root\n", Options{}, []string{"3 warning"}},
	{"non-root", "FROM a:1 AS b\nUSER 0:0\nFROM b\nCMD [\"x\"]\n", Options{}, []string{"2 warning"}},
	{"non-root", "FROM scratch\nCOPY x /\n", Options{}, []string{"1 warning"}},
	{"non-root", "FROM node:24\n", Options{}, []string{"1 note"}},
	{"non-root", "FROM node:24\n", Options{Built: image(v1.Config{})}, []string{"1 warning"}},
	{"non-root", "FROM node:24\n", Options{Built: image(v1.Config{User: "node"})}, nil},
	{"non-root", "FROM a:1\nRUN apt-get install -y gosu\nUSER root\n", Options{}, []string{"3 note"}},
	{"non-root", "FROM a:1 AS b\nUSER 1000\nFROM b\n", Options{}, nil},
	{"non-root", "FROM a:1\nUSER $WHO\n", Options{}, nil},
	{"non-root", "FROM gcr.io/distroless/static:nonroot\n", Options{}, nil},
	{"non-root", "FROM a:1\nUSER root\nRUN x\nUSER app:root\n", Options{}, nil},

	{"unknown-user", "FROM scratch\nCOPY a /\nUSER nobody\n", Options{Context: has("a")}, []string{"3 error"}},
	{"unknown-user", "FROM scratch\nCOPY --from=x /app /app\nUSER app:app\n", Options{}, []string{"3 error"}},
	{"unknown-user", "FROM scratch AS a\nCOPY --from=x / /\nFROM a\nUSER app\n", Options{}, []string{"4 note"}},
	{"unknown-user", "FROM scratch\nADD rootfs.tar /\nUSER app\n", Options{}, []string{"3 note"}},
	{"unknown-user", "FROM scratch\nCOPY . /\nUSER app\n", Options{Context: has("a")}, []string{"3 note"}},
	{"unknown-user", "FROM scratch\nCOPY --from=x /etc/passwd /etc/\nUSER app\n", Options{}, nil},
	{"unknown-user", "FROM scratch\nUSER 65532:app\n", Options{}, nil},
	{"unknown-user", "FROM scratch\nUSER app\nUSER 1\n", Options{}, nil},
	{"unknown-user", "FROM scratch\nUSER root\n", Options{}, nil},
	{"unknown-user", "FROM scratch\nARG U\nUSER $U\n", Options{}, nil},
	{"unknown-user", "FROM node:24\nUSER node\n", Options{}, nil},
	{"no-index", "FROM a:1\n", Options{NoIndex: "dist"}, []string{"0 warning"}},
	{"no-index", "FROM a:1\n", Options{}, nil},
	{"unused-arg", "ARG A\nFROM a:1\nARG B=1\nENV C=1\n", Options{Args: map[string]string{"A": "1", "B": "2"}}, nil},
	{"unused-arg", "FROM a:1\nENV C=1\n", Options{Args: map[string]string{"C": "1", "http_proxy": "1", "BUILDKIT_INLINE_CACHE": "1", "SOURCE_DATE_EPOCH": "0"}}, []string{"0 warning"}},
	{"exec-form", "FROM a:1\nCMD npm start\n", Options{}, []string{"2 warning"}},
	{"exec-form", "FROM a:1\nCMD ['npm', 'start']\n", Options{}, []string{"2 warning"}},
	{"exec-form", "FROM a:1\nENTRYPOINT /run.sh\nCMD x\n", Options{Command: true}, []string{"2 warning"}},
	{"exec-form", "FROM a:1\nCMD npm start\n", Options{Command: true}, nil},
	{"exec-form", "FROM a:1\nCMD old\nCMD exec java $OPTS -jar x\n", Options{}, nil},
	{"exec-form", "FROM a:1\nCMD cd /srv && exec gunicorn -b :$PORT\n", Options{}, nil},
	{"exec-form", "FROM a:1\nCMD gunicorn -b :$PORT --exec x\n", Options{}, []string{"2 warning"}},
	{"exec-form", "FROM a:1 AS b\nCMD old\nFROM b\nENTRYPOINT [\"x\"]\n", Options{}, nil},
	{"exec-form", "FROM a:1 AS b\nCMD of another stage\nFROM a:1\nCMD [\"x\"]\nRUN a shell\n", Options{}, nil},

	{"pinned-base", "FROM a\nRUN x\nFROM r:5000/b:latest\nCOPY --from=0 x y\nCOPY --from=c x y\nRUN --mount=type=bind,from=d:latest,target=/d x\n", Options{}, []string{"1 warning", "3 warning", "5 warning", "6 warning"}},
	{"pinned-base", "ARG V=latest\nFROM a:${V}\n", Options{}, []string{"2 warning"}},
	{"pinned-base", "ARG V=latest\nFROM a:${V} AS b\nFROM b\n", Options{Args: map[string]string{"V": "3"}}, nil},
	{"pinned-base", "ARG V\nFROM $V\nFROM a:$BUILDARCH\nFROM scratch\nFROM unused AS u\nFROM a:1 AS b\nFROM b AS c\nFROM a@sha256:00\nCOPY --from=c x y\n", Options{}, nil},

	{"expose-port", "FROM a:1\nEXPOSE 9000\nEXPOSE 3000/tcp 8080/udp\n", Options{Port: 8080}, []string{"3 warning"}},
	{"expose-port", "FROM a:1\nEXPOSE 3000 8000-8100\n", Options{Port: 8080}, nil},
	{"expose-port", "FROM a:1\nEXPOSE 3000\n", Options{}, nil},
	{"expose-port", "FROM a:1\nENV PORT=8080\nEXPOSE $PORT\n", Options{Port: 8080}, nil},
	{"expose-port", "FROM a:1\nEXPOSE $PORT\n", Options{Port: 8080}, nil},
	{"expose-port", "FROM a:1\n", Options{Port: 8080}, nil},
	{"expose-port", "FROM nginx:1\n", Options{Port: 8080, Built: image(v1.Config{ExposedPorts: map[string]struct{}{"80/tcp": {}}})}, []string{"1 note"}},
	{"expose-port", "FROM nginx:1\nEXPOSE 9090\n", Options{Port: 80, Built: image(v1.Config{ExposedPorts: map[string]struct{}{"80/tcp": {}, "9090/tcp": {}}})}, nil},

	{"image-size", "FROM a:1 AS b\nFROM b\n", Options{Built: image(v1.Config{}, 400e6, 100e6+1)}, []string{"2 warning"}},
	{"image-size", "FROM a:1\n", Options{Built: image(v1.Config{}, 400e6, 100e6)}, nil},

	{"pinned-digest", "FROM a:1\nCOPY --from=r:5000/b:2 x y\n", Options{}, []string{"1 note", "2 note"}},
	{"pinned-digest", "FROM a:1@sha256:00\nFROM scratch\n", Options{}, nil},

	{"healthcheck", "FROM a:1 AS b\nHEALTHCHECK CMD x\nFROM a:1\n", Options{}, []string{"3 note"}},
	{"healthcheck", "FROM a:1 AS b\nHEALTHCHECK CMD x\nFROM b\n", Options{}, nil},
	{"healthcheck", "FROM a:1\nHEALTHCHECK NONE\n", Options{}, nil},
	{"healthcheck", "FROM a:1\n", Options{HealthCheck: true}, nil},
	{"healthcheck", "FROM a:1\n", Options{Built: image(v1.Config{Healthcheck: &v1.HealthConfig{}})}, nil},

	{"multi-stage", "FROM golang:1.26\nRUN go build -o /a .\n", Options{}, []string{"1 note"}},
	{"multi-stage", "FROM node:24\nRUN npm ci\nRUN npm run build\n", Options{}, []string{"3 note"}},
	{"multi-stage", "FROM golang:1.26 AS build\nRUN go build -o /a .\nFROM scratch\nCOPY --from=build /a /\n", Options{}, nil},
	{"multi-stage", "FROM node:24\nRUN npm ci\n", Options{}, nil},

	{"apt-recommends", "FROM debian:13\nRUN apt-get update \\\n && apt-get install -y curl\n", Options{}, []string{"2 note"}},
	{"apt-recommends", "FROM debian:13\nRUN <<E\napt install -y curl\nE\n", Options{}, []string{"2 note"}},
	{"apt-recommends", "FROM debian:13 AS b\nRUN apt-get install -y gcc\nFROM debian:13\nCOPY --from=b x y\nRUN apt-get update && apt-get install -y --no-install-recommends curl\nRUN apt-get update; make install\nRUN apk add x\n", Options{}, nil},

	{"no-dockerignore", "FROM a:1\nCOPY x .\nCOPY ./ .\n", Options{Context: has()}, []string{"3 note"}},
	{"no-dockerignore", "FROM a:1\nCOPY . .\n", Options{Context: has(".dockerignore")}, nil},
	{"no-dockerignore", "FROM a:1 AS b\nFROM a:1\nCOPY --from=b . .\nCOPY src .\n", Options{Context: has()}, nil},
	{"no-dockerignore", "FROM a:1\nCOPY . .\n", Options{}, nil},
}

func TestRules(t *testing.T) {
	t.Parallel()
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, c := range cases {
		if got := about(t, c.rule, c.text, c.o); !slices.Equal(got, c.want) {
			t.Errorf("%s of\n%s\nis %q, want %q", c.rule, c.text, got, c.want)
		}
		fires[c.rule] = fires[c.rule] || c.want != nil
		quiet[c.rule] = quiet[c.rule] || c.want == nil
	}
	for _, r := range Rules() {
		if !fires[r.Name] || !quiet[r.Name] {
			t.Errorf("%s lacks a case", r.Name)
		}
	}
}

// The target decides what ships.
func TestTarget(t *testing.T) {
	t.Parallel()
	const text = "FROM a:1 AS dev\nUSER root\nFROM b:1 AS Prod\nUSER app\n"
	if got := about(t, "non-root", text, Options{Target: "dev"}); !slices.Equal(got, []string{"2 warning"}) {
		t.Errorf("dev: %q", got)
	}
	if got := about(t, "non-root", text, Options{Target: "PROD"}); got != nil {
		t.Errorf("prod: %q", got)
	}
	if got := about(t, "non-root", text, Options{Target: "no"}); got != nil {
		t.Errorf("no stage: %q", got)
	}
}

func TestSilenced(t *testing.T) {
	t.Parallel()
	all := func(head, before string) int {
		f, err := dockerfile.Parse(head + "FROM a\n" + before + "USER root\n")
		if err != nil {
			t.Fatal(err)
		}
		return len(Dockerfile(f, Options{}))
	}
	for _, c := range []struct {
		head, before string
		want         int
	}{
		{"", "", 3}, // pinned-base, healthcheck, non-root
		{"# check=skip=non-root,pinned-base\n", "", 1},
		{"# check=error=true; skip=Pinned-Base\n", "", 2},
		{"# check=skip=all\n", "", 0},
		{"# check=error=true\n", "", 3},
		{"# fargatectl:ignore=pinned-base,healthcheck the newest is meant\n", "", 1},
		{"", "# fargatectl:ignore=non-root\n", 2},
		{"", "# fargatectl:ignore=non-root\n# and a word on it\n", 2},
		{"", "# fargatectl:ignore=non-root\n\n", 3},
		{"", "# fargatectl:ignore=pinned-base\n", 3},
	} {
		if got := all(c.head, c.before); got != c.want {
			t.Errorf("%q %q: %d findings, want %d", c.head, c.before, got, c.want)
		}
	}
	for text, rule := range map[string]string{
		"# check=skip=JSONArgsRecommended\nFROM a\nCMD x\n":                           "exec-form",
		"FROM a\n# fargatectl:ignore=SecretsUsedInArgOrEnv\nARG T=1 API_TOKEN\n":      "secret-in-arg",
		"FROM a\nENV A=b \\\n # fargatectl:ignore=secret-in-env\n DB_PASSWORD=hunt\n": "secret-in-env",
	} {
		if got := about(t, rule, text, Options{}); got != nil {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// What the image itself says goes to a Dockerfile's lines where there is one, and stands alone where there is none.
func TestImage(t *testing.T) {
	t.Parallel()
	b := image(v1.Config{StopSignal: "SIGKILL", ExposedPorts: map[string]struct{}{"80/tcp": {}}}, 600e6)
	var got []string
	for _, f := range Image(*b, Options{Port: 8080, Platform: "linux/arm64"}) {
		got = append(got, fmt.Sprintf("%s%d %s %s", f.File, f.Line, f.Rule, f.Severity))
	}
	want := []string{"0 non-root warning", "0 stop-signal error", "0 expose-port note", "0 architecture error", "0 image-size warning"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	good := image(v1.Config{User: "65532:65532"}, 10e6)
	if got := Image(*good, Options{Port: 8080, Platform: "linux/amd64"}); got != nil {
		t.Errorf("%v", got)
	}
	if got := Image(Built{}, Options{Port: 8080}); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

func TestBrief(t *testing.T) {
	t.Parallel()
	f, err := dockerfile.Parse("FROM a:1\nENV A_TOKEN=t0\nENV B_TOKEN=t1\nUSER root\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"warning: Dockerfile:2: ENV A_TOKEN keeps its value in the image, where everybody can read it (secret-in-env)",
		"warning: Dockerfile:3: ENV B_TOKEN keeps its value in the image, where everybody can read it (secret-in-env)",
		"hint: take it out of the Dockerfile: the container gets it by `secrets:`, a RUN by --mount=type=secret",
		"warning: Dockerfile:4: the container runs as root (non-root)",
		"hint: " + rules[slices.IndexFunc(rules, func(r Rule) bool { return r.Name == "non-root" })].Hint,
		"and 2 notes: --output json of fargatectl build has them",
	}
	if diff := cmp.Diff(want, Brief(Dockerfile(f, Options{}))); diff != "" {
		t.Error(diff)
	}
	if got := Brief([]Finding{{Severity: Note}}); got != nil {
		t.Errorf("notes alone: %q", got)
	}
}

// No finding has a value in it, wherever that stands.
func TestNoValues(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"hunter2zzz", token, "AKIA" + "ABCDEFGHIJKLMNOP", "postgres://me:hunter2zzz@db.internal/x"} {
		for _, at := range []string{
			"ARG API_KEY=%s\nFROM a\n", "FROM a\nARG DB_PASSWORD=%s\n", "FROM a\nENV DB_PASSWORD=%s\n", "FROM a\nENV DB_PASSWORD %s\n", "FROM a\nENV X=1 DB_PASSWORD='%s'\n",
			"ARG V=%s\nFROM a:$V\n", "ARG V=%s\nFROM $V\n", "FROM x/%s\n", "FROM a:1 AS b\nFROM a\nCOPY --from=%s x y\n", "FROM a\nCOPY %s/id_rsa /x\n", "FROM a\nCOPY .env /%s\n",
			"FROM a\nRUN apt-get install %s\n", "FROM a\nRUN go build %s\n", "FROM a\nCMD run --token %s\n", "FROM a\nUSER root:%s\n", "FROM a\nLABEL x=%s\n", "FROM a\nEXPOSE 1 %s\n",
			"FROM a\nENV %s=x\n", "FROM a\nENV %s_TOKEN=x\n", "FROM golang:%s\n", "FROM a\nCOPY <<E /x\n%s\nE\n", "FROM --platform=x/%s a\n", "FROM a\nHEALTHCHECK CMD %s\n",
		} {
			text := fmt.Sprintf(at, secret)
			f, err := dockerfile.Parse(text)
			if err != nil {
				continue // no Dockerfile
			}
			for _, x := range Dockerfile(f, Options{Port: 8080, Platform: "linux/arm64", Context: has(secret+"/.env", ".env")}) {
				named := strings.Contains(at, "ENV %s_TOKEN") || strings.HasPrefix(secret, "hunter2") && (strings.Contains(at, "FROM ") && strings.Contains(x.Rule, "pinned") || x.Rule == "multi-stage")
				if strings.Contains(x.Message+x.Hint+x.File, secret) && !named { // the name of a variable; that of an image, where it has the form of one
					t.Errorf("%s: %+v", text, x)
				}
			}
		}
	}
}

func corpus(t testing.TB) (texts map[string]string) {
	t.Helper()
	files, err := filepath.Glob("../../testdata/dockerfiles/*/Dockerfile*")
	if err != nil || len(files) < 130 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	texts = map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts[f] = string(b)
	}
	return texts
}

// The corpus was made to build, not to be good; none of it holds a secret, and all positions are in the file.
func TestCorpus(t *testing.T) {
	t.Parallel()
	linted := 0
	for name, text := range corpus(t) {
		f, err := dockerfile.Parse(text)
		if err != nil {
			continue
		}
		linted++
		for _, x := range Dockerfile(f, Options{Port: 8080, Platform: "linux/amd64"}) {
			if strings.HasPrefix(x.Rule, "secret") || x.Line < 1 || x.Line > strings.Count(text, "\n")+1 {
				t.Errorf("%s: %v", name, x)
			}
		}
	}
	if linted < 125 {
		t.Errorf("%d of the corpus could be read", linted)
	}
}

// Variables that double each time end somewhere.
func TestGrowth(t *testing.T) {
	t.Parallel()
	text := "FROM a:1\nENV A=aaaaaaaa\n" + strings.Repeat("ENV A=$A$A$A$A\n", 40) + "USER $A\n"
	if got := about(t, "non-root", text, Options{}); got != nil {
		t.Errorf("%q", got)
	}
}

// Whatever can be parsed can be linted.
func FuzzDockerfile(f *testing.F) {
	for _, c := range cases {
		f.Add(c.text, "", 8080)
	}
	f.Add("FROM ${A:-b}\nCOPY --from=9 \"${x\" y\nEXPOSE $A-1/:/\nUSER :\nCMD\nENTRYPOINT []\n", "b", 0)
	f.Fuzz(func(t *testing.T, text, target string, port int) {
		file, err := dockerfile.Parse(text)
		if err != nil {
			return
		}
		for _, o := range []Options{
			{Target: target, Port: port},
			{Platform: text, Context: has(".env"), Built: image(v1.Config{User: target, StopSignal: target, ExposedPorts: map[string]struct{}{target: {}}}, int64(port))},
		} {
			found := Dockerfile(file, o)
			for _, x := range found {
				if x.Message == "" || x.Hint == "" || x.Line < 1 {
					t.Errorf("%+v", x)
				}
			}
			Brief(found)
		}
	})
}
