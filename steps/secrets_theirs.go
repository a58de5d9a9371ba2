package steps

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/fargatectl/fargatectl/aws"
)

// SecretsRead tells of the secrets that the containers of a task definition read, whoever has made them, sorted by name.
func SecretsRead(ctx context.Context, app *App, d *types.TaskDefinition) ([]SecretState, error) {
	states := []SecretState{}
	for arn, variables := range aws.SecretsOf(d) {
		slices.Sort(variables)
		states = append(states, SecretState{Name: aws.SecretName(arn), ARN: arn, Env: []string{}, UsedBy: slices.Compact(variables)})
	}
	slices.SortFunc(states, func(a, b SecretState) int { return strings.Compare(a.ARN, b.ARN) })
	s := &Secrets{App: app}
	var reads []func() error
	for i := range states {
		reads = append(reads, func() error { return s.inspect(ctx, &states[i]) })
	}
	return states, together(reads...)
}

// SecretRead is the ARN of the secret that a task definition's containers read, by its name or by a variable that has it.
func SecretRead(d *types.TaskDefinition, name string) (arn string, err error) {
	var known, found []string
	for arn, variables := range aws.SecretsOf(d) {
		if known = append(known, aws.SecretName(arn)); aws.SecretName(arn) == name || slices.Contains(variables, name) {
			found = append(found, arn)
		}
	}
	slices.Sort(known)
	slices.Sort(found)
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", fmt.Errorf("several secrets are meant by %s: %s", name, strings.Join(found, ", "))
	case len(known) == 0:
		return "", fmt.Errorf("the tasks read no secret of Secrets Manager")
	}
	return "", fmt.Errorf("the tasks read no secret %s (they read: %s)", name, strings.Join(known, ", "))
}

// ReplaceSecret gives a secret that tasks read a new value, whoever has made it; nothing else of it changes. Where they
// read keys of its value, the new one has to have them.
func ReplaceSecret(ctx context.Context, app *App, d *types.TaskDefinition, arn string, value []byte) error {
	if err := secretText(value); err != nil {
		return err
	}
	var fields map[string]any
	_ = json.Unmarshal(value, &fields) // what is no object has no keys
	for _, c := range d.ContainerDefinitions {
		for _, ref := range c.Secrets {
			key, ok := strings.CutPrefix(val(ref.ValueFrom), arn+":")
			if key, _, _ = strings.Cut(key, ":"); !ok || key == "" {
				continue
			}
			if _, there := fields[key]; !there {
				return fmt.Errorf("the tasks read the key %s of secret %s as %s: its value has to be a JSON object that has it", key, aws.SecretName(arn), val(ref.Name))
			}
		}
	}
	s := &Secrets{App: app}
	_, err := s.put(ctx, arn, new(string(value)))
	return err
}
