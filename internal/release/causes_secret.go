package release

import (
	"cmp"
	"regexp"
	"strings"
)

// Secrets that a task can't have.

func secretKeyMissing(e *Evidence, t TaskSeen) *finding {
	text := e.told(t, regexp.MustCompile(`did not contain json key|invalid character .* looking for beginning of value|cannot unmarshal .* into Go`))
	if text == "" {
		return nil
	}
	key := "that is asked for"
	if m := jsonKey.FindStringSubmatch(text); m != nil {
		key = m[1]
	}
	return found("write the key into its value: "+e.setSecret(text, ":"+key)+", or change the key in secrets", "%s has no JSON key %s", e.secret(text, ":"+key), key)
}

// secret says which secret a text is about, with the variable that gets it. Has is what else its source contains.
func (e *Evidence) secret(text, has string) string {
	name, variable := e.secretName(text, has)
	switch {
	case name == "":
		return "a secret of the task definition"
	case variable == "":
		return "the secret " + name
	}
	return "the secret " + name + " (variable " + variable + ")"
}

func (e *Evidence) secretName(text, has string) (name, variable string) {
	if m := secretARN.FindStringSubmatch(text); m != nil {
		name = m[1]
	} else if m := parameter.FindStringSubmatch(text); m != nil {
		name = m[1]
	}
	for _, c := range e.Containers {
		for variable, from := range c.Secrets {
			if name != "" && strings.Contains(from, name) || name == "" && has != "" && strings.Contains(from, has) {
				if m := secretARN.FindStringSubmatch(from); m != nil {
					name = cmp.Or(name, m[1])
				}
				return withoutSuffix(cmp.Or(name, from)), variable
			}
		}
	}
	return withoutSuffix(name), ""
}

// setSecret is how a secret gets a value: a parameter of Systems Manager, and a service that has no manifest, by AWS's own
// command.
func (e *Evidence) setSecret(text, has string) string {
	name, _ := e.secretName(text, has)
	switch {
	case parameter.MatchString(text) || strings.Contains(text, ":ssm:"):
		return "aws ssm put-parameter --name " + cmp.Or(name, "NAME") + " --type SecureString --value file://FILE"
	case e.Foreign:
		return "aws secretsmanager put-secret-value --secret-id " + cmp.Or(name, "NAME") + " --secret-string file://FILE"
	}
	return "fargatectl secrets set " + cmp.Or(name, "NAME") + " --from-file FILE"
}

// withoutSuffix takes the six letters off that Secrets Manager puts behind a secret's name in its ARN.
func withoutSuffix(name string) string {
	return regexp.MustCompile(`-\w{6}$`).ReplaceAllString(name, "")
}

func secretDenied(e *Evidence, t TaskSeen) *finding {
	text := e.told(t, ofSecrets)
	if text == "" || !refusal.MatchString(text) {
		return nil
	}
	what := cmp.Or(actionName.FindString(text), "secretsmanager:GetSecretValue")
	hint := "allow " + what + " to that role" + e.up("the secrets of the manifest")
	if e.Foreign || strings.HasPrefix(what, "kms:") {
		hint = "allow " + what + " to that role; a key of your own needs it in the key's policy, too"
	}
	return found(hint, "the execution role %s may not %s, so %s can't be read", e.role(text), what, e.secret(text, ""))
}

func secretMissing(e *Evidence, t TaskSeen) *finding {
	text := e.told(t, ofSecrets)
	if text == "" || !regexp.MustCompile(`(?i)ResourceNotFound|can't find|cannot find|not found|does not exist|ParameterNotFound|invalid (ssm )?parameters|marked for deletion|marked deleted`).MatchString(text) || noRoute.MatchString(text) {
		return nil
	}
	which := e.secret(text, "")
	hint := "give it a value: " + e.setSecret(text, "") + ", and deploy again"
	switch {
	case strings.Contains(text, "AWSCURRENT"), strings.Contains(text, "staging label"):
		return found(hint, "%s has no value yet", which)
	case strings.Contains(text, "marked"):
		name, _ := e.secretName(text, "")
		return found("restore it: aws secretsmanager restore-secret --secret-id "+cmp.Or(name, "NAME"), "%s is marked for deletion", which)
	}
	return found(hint, "%s does not exist", which)
}

func noRouteToSecrets(e *Evidence, t TaskSeen) *finding {
	text := e.told(t, ofSecrets)
	if text == "" || !noRoute.MatchString(text) {
		return nil
	}
	service, endpoint := "Secrets Manager", "secretsmanager"
	if regexp.MustCompile(`(?i)from ssm|ssm\.|Systems Manager|Parameter Store`).MatchString(text) {
		service, endpoint = "Systems Manager", "ssm"
	}
	return found(e.wayOut(endpoint), "the tasks can't reach %s for %s: their network has no way to it", service, e.secret(text, ""))
}
