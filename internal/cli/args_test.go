package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/fargatectl/fargatectl/internal/ui"
)

func TestHoist(t *testing.T) {
	t.Parallel()
	p := &process{terminal: ui.Terminal{}}
	for in, want := range map[string]string{
		"up --yes --sandbox":                     "--yes --sandbox up",
		"--file a.yaml up":                       "--file a.yaml up",
		"up -f a.yaml --image x:1":               "-f a.yaml up --image x:1",
		"--image x:1 up --file=a.yaml":           "--file=a.yaml up --image x:1",
		"logs tail -f --since 1h":                "logs tail -f --since 1h",
		"logs -f tail":                           "logs -f tail",
		"-f a.yaml logs tail -f":                 "-f a.yaml logs tail -f",
		"logs tail --file a.yaml":                "--file a.yaml logs tail",
		"scale 5 --max 7":                        "scale --max 7 5",
		"scale --max 7 +1 --sandbox":             "--sandbox scale --max 7 +1",
		"scale -1 --max 7":                       "scale --max 7 -- -1",
		"secrets set db --from-file v":           "secrets set --from-file v db",
		"up --wat x":                             "up --wat x",
		"secrets set x -- --y":                   "secrets set x -- --y",
		"":                                       "",
		"plan --output json --detailed-exitcode": "--output json plan --detailed-exitcode",
	} {
		args, err := hoist(p.app(), append([]string{"fargatectl"}, strings.Fields(in)...))
		if err != nil {
			t.Error(in, err)
		}
		got := strings.Join(args, " ")
		if want = strings.TrimSpace("fargatectl " + want); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

// A flag whose value is missing, or empty, as an unset variable leaves it in a script, is never taken for no flag.
func TestValueMissing(t *testing.T) {
	t.Parallel()
	p := &process{terminal: ui.Terminal{}}
	for _, args := range [][]string{{"up", "--yes", "-e"}, {"plan", "--file"}, {"up", "-e", "", "--yes"}, {"up", "--image="}, {"--region", "", "up"}} {
		if got, err := hoist(p.app(), append([]string{"fargatectl"}, args...)); err == nil || exitCode(err) != exitUsage {
			t.Errorf("%q: %q %v", args, got, err)
		}
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	p := &process{terminal: ui.Terminal{}}
	for in, want := range map[string]string{"statuz": "status", "dploy": "deploy", "destroi": "destroy", "xyzzy": "", "u": "up"} {
		if got := suggest(p.app().Commands, in); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

// The help has a place for every command.
func TestCategories(t *testing.T) {
	t.Parallel()
	for _, c := range new(process).app().Commands {
		if !slices.Contains(categories, c.Category) {
			t.Errorf("%s is of category %q, which the help does not list", c.Name, c.Category)
		}
	}
}
