package image

import (
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A line for the shell begins with a program, whatever the shell does before it.
func TestPrograms(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"curl -f http://localhost/ || exit 1":              "curl",
		"curl -fsS localhost >/dev/null 2>&1 || exit 1":    "curl",
		"wget -q --spider http://x || curl -f http://x":    "wget curl",
		`"/opt/my check" -a`:                               "/opt/my check",
		`/opt/my\ check -a; other`:                         "/opt/my check",
		"test -f /tmp/ok 2>&1 && pg_isready -U app":        "pg_isready",
		"cd /srv && node health.js":                        "node",
		"NO_PROXY=* exec curl 'http://a || b'":             "curl",
		"if curl -f x; then exit 0; fi; exit 1":            "curl",
		"! nc -z localhost 80":                             "nc",
		"(wget x) || false":                                "wget",
		"[ -f /tmp/ready ] || exit 1":                      "",
		"$CHECK --now":                                     "",
		"exit 0":                                           "",
		"":                                                 "",
		"redis-cli ping | grep PONG":                       "redis-cli",
		"timeout 3 curl x":                                 "timeout",
		`sh -c "curl x || exit 1"`:                         "sh",
		`echo 'it is; curl' || /usr/bin/mysqladmin "ping"`: "/usr/bin/mysqladmin",
	} {
		if got := strings.Join(programs(line), " "); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// A health check can work when its program is in the image: where PATH, the working directory or its own path say.
func TestMissingTool(t *testing.T) {
	t.Parallel()
	file := func(config string) string {
		return "FROM scratch\nCOPY --chmod=755 tool /usr/bin/curl\nCOPY --chmod=644 tool /usr/bin/text\nCOPY --chmod=755 tool /srv/check\nCOPY --chmod=755 tool /sh/bin/sh\nWORKDIR /srv\n" + config
	}
	const shell = "COPY --chmod=755 tool /bin/sh\n"
	for config, want := range map[string]string{
		"HEALTHCHECK CMD [\"curl\", \"-f\", \"x\"]":                         "",
		"HEALTHCHECK CMD [\"/usr/bin/curl\"]":                               "",
		"HEALTHCHECK CMD [\"wget\", \"x\"]":                                 "wget",
		"HEALTHCHECK CMD [\"text\"]":                                        "text",
		"HEALTHCHECK CMD [\"./check\"]":                                     "",
		"HEALTHCHECK CMD [\"check\"]":                                       "check",
		"ENV PATH=/srv\nHEALTHCHECK CMD [\"check\"]":                        "",
		"ENV PATH=/srv\nHEALTHCHECK CMD [\"curl\"]":                         "curl",
		"HEALTHCHECK CMD curl x || exit 1":                                  "/bin/sh",
		shell + "HEALTHCHECK CMD curl x || exit 1":                          "",
		shell + "HEALTHCHECK CMD wget x || exit 1":                          "wget",
		shell + "HEALTHCHECK CMD wget x || curl x":                          "",
		shell + "HEALTHCHECK CMD exit 0":                                    "",
		shell + "HEALTHCHECK CMD [\"/bin/sh\", \"-c\", \"wget x\"]":         "wget",
		"SHELL [\"/bin/bash\", \"-c\"]\nHEALTHCHECK CMD curl x":             "/bin/bash",
		"SHELL [\"/sh/bin/sh\", \"-c\"]\nHEALTHCHECK CMD curl x":            "",
		"SHELL [\"/sh/bin/sh\", \"-ec\"]\nHEALTHCHECK CMD wget x || exit 1": "wget",
		"HEALTHCHECK NONE":                                                  "",
		"USER 1":                                                            "",
	} {
		b := mustBuild(t, Spec{Dir: folder(t, map[string]string{"Dockerfile": file(config), "tool": "x"}), Dockerfile: "Dockerfile"})
		if got, err := b.MissingTool(t.Context()); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", config, got, err, want)
		}
	}
}

func TestHealthCheck(t *testing.T) {
	t.Parallel()
	for _, none := range []v1.Config{{}, {Healthcheck: &v1.HealthConfig{}}, {Healthcheck: &v1.HealthConfig{Test: []string{"NONE"}}}, {Healthcheck: &v1.HealthConfig{Test: []string{"CMD"}}}} {
		if h := HealthCheck(none); h != nil {
			t.Errorf("%v", h)
		}
	}
	c := v1.Config{Shell: []string{"/bin/bash", "-ec"}, Healthcheck: &v1.HealthConfig{Test: []string{"CMD-SHELL", "a || b"}, Retries: 7}}
	if h := HealthCheck(c); !slices.Equal(h.Test, []string{"CMD", "/bin/bash", "-ec", "a || b"}) || h.Retries != 7 || c.Healthcheck.Test[0] != "CMD-SHELL" {
		t.Errorf("%v of %v", h, c.Healthcheck)
	}
	ports := Ports(v1.Config{ExposedPorts: map[string]struct{}{"8080/tcp": {}, "53/udp": {}, "80": {}, "443/TCP": {}, "0/tcp": {}, "x/tcp": {}, "8080": {}}})
	if !slices.Equal(ports, []int32{80, 443, 8080}) {
		t.Error(ports)
	}
}

// What is foretold is what comes.
func TestForetold(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Spec{
		"Dockerfile": {Dir: folder(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY a /\nEXPOSE 3000\nHEALTHCHECK --interval=7s CMD [\"/a\"]\nUSER 5\nSTOPSIGNAL SIGINT\n", "a": "x"}), Dockerfile: "Dockerfile"},
		"static":     {Dir: folder(t, map[string]string{"site/index.html": "x"}), Static: "site"},
	} {
		b := mustBuild(t, s)
		told, sure := s.Foretell(t.Context())
		is := b.Config.Config
		if !sure || !slices.Equal(told.Healthcheck.Test, is.Healthcheck.Test) || told.Healthcheck.Interval != is.Healthcheck.Interval ||
			!slices.Equal(Ports(told), Ports(is)) || told.User != is.User || told.StopSignal != is.StopSignal {
			t.Errorf("%s: %+v, %t\n came %+v", name, told, sure, is)
		}
	}
	if _, sure := (Spec{Dir: t.TempDir(), Archive: "a.tar"}).Foretell(t.Context()); sure {
		t.Error("an archive that is not there is foretold")
	}
}
