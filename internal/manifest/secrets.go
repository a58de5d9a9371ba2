package manifest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// refer settles what the service's secrets mean: ids, names and ARNs. A secret of the manifest that the service
// doesn't mention becomes its own variable.
func (r *reading) refer() {
	s := &r.m.Service
	var refs []SecretRef
	mentioned := map[string]bool{}
	for _, ref := range s.Secrets {
		path := []string{wordService, "config", "secrets", ref.Env}
		if r.broken(path...) {
			continue
		}
		resolved, ok := r.resolve(ref, path)
		if !ok {
			continue
		}
		mentioned[resolved.Secret] = true
		refs = append(refs, resolved)
	}
	for _, secret := range r.m.Secrets {
		if mentioned[secret.ID] && !r.has(secret.ID, "env") || r.broken(secret.ID, "config", "env") {
			continue
		}
		i := slices.IndexFunc(refs, func(ref SecretRef) bool { return ref.Env == secret.Env })
		switch {
		case i < 0:
			refs = append(refs, SecretRef{Env: secret.Env, Secret: secret.ID})
		case refs[i].Secret != secret.ID:
			r.bad([]string{secret.ID, "config", "env"}, "give one of them another env", "%s is another secret's variable already", secret.Env)
		}
	}
	slices.SortFunc(refs, func(a, b SecretRef) int { return cmp.Compare(a.Env, b.Env) })
	s.Secrets = refs
	for _, ref := range refs {
		path := []string{wordService, "config", "secrets", ref.Env}
		if !r.given(path...) {
			path = []string{ref.Secret, "config", "env"}
		}
		switch _, plain := s.Environment[ref.Env]; {
		case plain:
			r.bad(path, "", "%s is in environment, too: a variable has one value", ref.Env)
		case ref.Env == "PORT":
			r.bad(path, "", "PORT is the container's port and can't be a secret")
		}
	}
}

// resolve is ref with what its text means.
func (r *reading) resolve(ref SecretRef, path []string) (SecretRef, bool) {
	text := ref.Secret
	if strings.HasPrefix(text, "arn:") {
		arn, key, err := secretARN(text)
		if err != nil {
			r.bad(path, "", "secrets.%s: %v", ref.Env, err)
			return ref, false
		}
		return SecretRef{Env: ref.Env, ARN: arn, JSONKey: key}, true
	}
	name, key, _ := strings.Cut(text, ":")
	var known []string
	for _, s := range r.m.Secrets {
		if name == s.ID || name == s.Name || r.names[s.ID].name == name {
			return SecretRef{Env: ref.Env, Secret: s.ID, JSONKey: key}, true
		}
		known = append(known, s.ID)
	}
	hint := "list it under resources as an aws_secretsmanager_secret, or give the ARN of one that exists"
	if !r.vars(path...) {
		hint = cmp.Or(suggest(name, known), hint)
	}
	r.bad(path, hint, "secrets.%s: %s is no id or name of a secret in this manifest", ref.Env, r.say(strconv.Quote(shorten(name)), path...))
	return ref, false
}
