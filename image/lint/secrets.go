package lint

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/fargatectl/fargatectl/image/dockerfile"
)

// forms are those of values that are secrets whoever reads them.
var forms = []struct {
	what string
	form *regexp.Regexp
}{
	{"an access key of AWS", regexp.MustCompile(`\b(AKIA|ASIA)[0-9A-Z]{16}\b`)},
	{"a private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY`)},
	{"a token", regexp.MustCompile(`\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22}|glpat-[\w-]{20}|npm_[A-Za-z0-9]{36}|xox[abprs]-[A-Za-z0-9-]{10}|[sr]k_live_[A-Za-z0-9]{10})`)},
}

// urlForm is a URL with user, password and host.
var urlForm = regexp.MustCompile(`[a-z][a-z0-9+.-]*://([^/\s:@'"]*):([^/\s@'"]+)@([^/\s'":?]+)`)

// secretIn says what secret a text has, "" for none.
func secretIn(text string) string {
	for _, f := range forms {
		for _, m := range f.form.FindAllString(text, -1) {
			if !strings.HasSuffix(m, "EXAMPLE") { // AWS's own, of its documentation
				return f.what
			}
		}
	}
	for _, m := range urlForm.FindAllStringSubmatch(text, -1) {
		user, password, host := m[1], m[2], m[3]
		local := host == "localhost" || host == "127.0.0.1" || strings.HasSuffix(host, "example.com")
		if !local && user != password && !strings.ContainsAny(password, "${<%*") && !placeholder(password) {
			return "a URL with a password"
		}
	}
	return ""
}

var (
	stands     = regexp.MustCompile(`dummy|place.?holder|change.?me|change.?it|example|not.?(used|needed|real)|replace|your|fake|xxx|todo|^<`)
	standsOnly = strings.Fields("password passwd pass secret token key test build none null undefined postgres root admin dev")
)

// placeholder says whether a value only stands for another.
func placeholder(value string) bool {
	value = strings.ToLower(value)
	return stands.MatchString(value) || slices.Contains(standsOnly, value)
}

var plain = regexp.MustCompile(`^(true|false|yes|no|on|off|[0-9]{0,6}|(\.|file:|https?:/)?/.*|[\w./-]+\.(json|pem|key|crt|txt|jks|p12|ya?ml))$`)

// harmless are switches, numbers, files and addresses: they say where a secret is, or how it is dealt with.
func harmless(value string) bool { return plain.MatchString(strings.ToLower(value)) }

var (
	secretName = regexp.MustCompile(`(?i)(^|_)(secret|token|api_?key|secret_?key|private_?key|access_?key|auth_?key|master_?key|encryption_?key|signing_?key|ssh_?key|deploy_?key|credentials?|passphrase|access_key_id|secret_key_base)$|_pwd$|(password|passwd)$`)
	publicName = regexp.MustCompile(`(?i)public|^(vite|react_app|nuxt_env)_`) // they end in what browsers load
	goodName   = regexp.MustCompile(`^\w{1,60}$`)
)

func secretly(name string) bool {
	return goodName.MatchString(name) && secretName.MatchString(name) && !publicName.MatchString(name)
}

// secrets is for what anybody with the image, or with the Dockerfile, can read.
func (l *linter) secrets() {
	for _, i := range l.file.Args {
		if l.values(i) {
			continue
		}
		for _, p := range i.Pairs { // without a stage that takes it up it is nowhere but here
			if v := unquoted(p.Value); secretly(p.Name) && v != "" && !strings.Contains(v, "$") && !harmless(v) && !placeholder(v) {
				l.add("secret-in-arg", i, "ARG %s has a value in the Dockerfile", p.Name)
			}
		}
	}
	for _, s := range l.stages {
		if !s.reached {
			continue
		}
		l.values(s.From)
		for _, i := range s.Instructions {
			if !l.values(i) {
				l.names(s, i)
			}
		}
	}
}

// values looks for secrets by their form, wherever they stand.
func (l *linter) values(i *dockerfile.Instruction) bool {
	what := secretIn(whole(i, i.Text))
	if what != "" {
		l.add("secret-value", i, "%s has %s in it", i.Name, what)
	}
	return what != ""
}

// names goes by the names of variables.
func (l *linter) names(s *stage, i *dockerfile.Instruction) {
	if i.Name != "ENV" && i.Name != "ARG" {
		return
	}
	for _, p := range i.Pairs {
		value := unquoted(p.Value)
		if !secretly(p.Name) || !p.Bare && harmless(value) && (value != "" || i.Name == "ENV") {
			continue
		}
		report := l.add
		if !s.ships || placeholder(value) && value != "" {
			report = l.doubt
		}
		if i.Name == "ENV" {
			report("secret-in-env", i, "ENV %s keeps its value in the image, where everybody can read it", p.Name)
		} else {
			report("secret-in-arg", i, "ARG %s: its value stays readable in the history of what is built with it", p.Name)
		}
	}
}

func unquoted(value string) string { return strings.Trim(strings.TrimSpace(value), `"'`) }

// open are files with secrets; perhaps are those that may have none: what a bundler reads is public in the end.
var (
	open    = regexp.MustCompile(`^(\.env(\.local)?|id_(rsa|dsa|ecdsa|ed25519)|\.netrc|\.pgpass|\.git-credentials)$`)
	perhaps = regexp.MustCompile(`^(\.env\.(prod|production|staging|development)|\.npmrc|\.pypirc|.*\.(key|p12|pfx))$`)
	stored  = regexp.MustCompile(`(^|/)\.(aws/credentials|docker/config\.json|kube/config)$`)

	// lookedFor are those that a folder is asked for.
	lookedFor = strings.Fields(".env .env.local id_rsa id_ed25519 .netrc .git-credentials .aws/credentials")
)

// private is for a source of COPY: a file by its name, a folder by what lies in it.
func (l *linter) private(i *dockerfile.Instruction, src string) {
	name := path.Base(src)
	switch {
	case open.MatchString(name), stored.MatchString(src):
		l.add("secret-in-copy", i, "%s puts a file of secrets into the image, for everybody to read", i.Name)
		return
	case perhaps.MatchString(name) && !strings.Contains(name, "pub"):
		l.doubt("secret-in-copy", i, "%s may put a secret into the image: keys and tokens lie in such files", i.Name)
		return
	}
	if l.Context == nil || l.Context.Has == nil {
		return
	}
	if src == "*" {
		src = ""
	}
	for _, f := range lookedFor {
		if l.Context.Has(path.Join(src, f)) {
			l.add("secret-in-copy", i, "%s takes %s along, for everybody with the image to read", i.Name, f)
			return
		}
	}
}
