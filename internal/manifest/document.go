package manifest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	yaml "go.yaml.in/yaml/v4"
)

// document is the mapping at the root of a manifest.
type document struct {
	// The project: what all names and tags are made from. With the environment at most 26 characters.
	ProjectName string `yaml:"project_name" required:"true" is:"project"`
	// The cloud.
	Provider string `yaml:"provider" default:"aws" enum:"aws"`
	// The architecture.
	ArchitectureType string `yaml:"architecture_type" default:"ecs_fargate_api" enum:"ecs_fargate_api"`
	// The region, when neither --region nor AWS_REGION says another.
	Region string `yaml:"region" is:"region"`
	// The account that this manifest is for: in any other nothing is done.
	Account string `yaml:"account" is:"account"`
	// Tags on everything, tasks included. One that is taken out stays on what has it: nobody knows whose it is.
	Tags map[string]string `yaml:"tags" keys:"tag_key" is:"tag_value"`
	// What differs from the defaults. A resource that is not listed takes its defaults.
	Resources []resource `yaml:"resources" as:"later"`
	// Environments by name; in each, by the id of a resource, keys of its config (and name) with other values.
	Environments map[string]map[string]any `yaml:"environments" as:"later"`
}

// resource is an item of resources; its config is that of its type.
type resource struct {
	// What environments call it: lower-case letters, digits and dashes.
	ID string `yaml:"id" required:"true" is:"id"`
	// The type of resource.
	Type string `yaml:"type" required:"true" is:"type"`
	// The name in AWS, with -ENV behind it in an environment. Without it the name follows from the project.
	Name string `yaml:"name"`
	// The cloud.
	Provider string `yaml:"provider" default:"aws" enum:"aws"`
	// What differs from the defaults of the type.
	Config map[string]any `yaml:"config" as:"later"`
}

// defaultEnv is the value of fargatectl:env without an environment; so no environment has this name.
const defaultEnv = "default"

// A given is a name that the manifest has: it wins over the derived one.
type given struct {
	name   string
	suffix bool // -<env> goes behind it: it doesn't come from the overlay
}

// A reading is a manifest while it is read.
type reading struct {
	*decoder
	m       *Manifest
	o       Options
	doc     document
	names   map[string]given   // by the first word of the path
	kinds   map[string]kind    // by id
	secrets map[string]*Secret // by id
	order   []string           // ids of secrets, as the file has them
	ids     map[string]place   // where an id is first
}

// root reads the mapping at the root; resources and environments come after all else.
func (r *reading) root(n *yaml.Node) {
	setDefaults(reflect.ValueOf(&r.doc).Elem())
	r.structure(n, []string{}, "a manifest", reflect.ValueOf(&r.doc).Elem())
	r.m.Project, r.m.Region, r.m.Account, r.m.Tags = r.doc.ProjectName, r.doc.Region, r.doc.Account, r.doc.Tags
	for _, k := range kinds {
		if !k.many {
			setDefaults(reflect.ValueOf(k.config(r.m)).Elem())
		}
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	if resources := child(n, "resources"); resources != nil {
		r.resources(resources)
	}
	r.environments(n, child(n, "environments"))
	for _, id := range r.order {
		r.m.Secrets = append(r.m.Secrets, *r.secrets[id])
	}
}

// child is the value of a key of a mapping, nil without one.
func child(n *yaml.Node, key string) *yaml.Node {
	for pair := range slices.Chunk(n.Content, 2) {
		if pair[0].Kind == yaml.ScalarNode && pair[0].Value == key {
			return pair[1]
		}
	}
	return nil
}

// resources reads the list of resources.
func (r *reading) resources(n *yaml.Node) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.errorf(n, "a dash before each: - id: api-service", "resources must be a list, not %s", kindName(n))
		return
	}
	first := map[string]*yaml.Node{} // by word, of the types that there may be one of
	for i, item := range n.Content {
		if item.Kind != yaml.MappingNode {
			r.errorf(item, "", "an item of resources must be a mapping with id and type, not %s", kindName(item))
			continue
		}
		r.resource(item, i, first)
	}
}

// resource reads one of them.
func (r *reading) resource(n *yaml.Node, i int, first map[string]*yaml.Node) {
	var res resource
	path := []string{"resources", fmt.Sprint(i)}
	r.note(path, n, n)
	r.misplaced(n)
	r.structure(n, path, "a resource", reflect.ValueOf(&res).Elem())
	k, ok := kindOf(res.Type)
	if res.ID != "" && !r.unique(child(n, "id"), res.ID) {
		return
	}
	if !ok {
		if res.ID != "" {
			r.kinds[res.ID] = kind{}
		}
		return
	}
	if at := first[k.word]; at != nil && !k.many {
		r.errorf(child(n, "type"), "a project has one; another is another project or environment", "a second %s: the first is on line %d", k.word, at.Line)
		return
	}
	first[k.word] = n
	rootWord, config := k.word, k.config(r.m)
	if k.many {
		if res.ID == "" {
			return
		}
		rootWord = res.ID
		r.order, r.secrets[res.ID] = append(r.order, res.ID), config.(*Secret)
		config.(*Secret).ID = res.ID
	}
	if res.ID != "" {
		r.kinds[res.ID], r.roots[res.ID] = k, rootWord
	}
	if k.alias != "" {
		r.roots[k.alias] = rootWord
	}
	r.note([]string{rootWord}, n, n)
	if at, ok := r.places[join(append(path, "name")...)]; ok {
		r.places[join(rootWord, "name")] = at
		r.named(child(n, "name"), k, rootWord, res.Name, true)
	}
	if c := child(n, "config"); c != nil {
		r.places[join(rootWord, "config")] = r.places[join(append(path, "config")...)]
		r.structure(c, []string{rootWord, "config"}, "the config of "+k.word, reflect.ValueOf(config).Elem())
	}
}

// named keeps a name that is given.
func (r *reading) named(n *yaml.Node, k kind, root, name string, suffix bool) {
	if k.name == nil {
		r.errorf(n, "drop the line", "%s takes no name: there are two roles, named after the project and the region", k.word)
		return
	}
	if name != "" { // else what is wrong with it is said
		r.names[root] = given{name, suffix}
	}
}

// unique refuses an id that is there already.
func (r *reading) unique(n *yaml.Node, id string) bool {
	if at, ok := r.ids[id]; ok {
		r.errorf(n, "", "the id %q is here a second time: the first is on line %d, column %d", id, at.line, at.column)
		return false
	}
	r.ids[id] = spot(n)
	return true
}

// misplaced says of keys beside config that they belong into it, and takes them out.
func (r *reading) misplaced(n *yaml.Node) {
	t := child(n, "type")
	if t == nil {
		return
	}
	k, ok := kindOf(t.Value)
	if !ok {
		return
	}
	own := keysOf(reflect.TypeFor[resource]())
	var kept []*yaml.Node
	for pair := range slices.Chunk(n.Content, 2) {
		if slices.Contains(keysOf(k.typ()), pair[0].Value) && !slices.Contains(own, pair[0].Value) {
			r.errorf(pair[0], "indent it below config:", "%s belongs into the config of %s", pair[0].Value, k.word)
			continue
		}
		kept = append(kept, pair...)
	}
	n.Content = kept
}

// environments reads the overlay of the chosen environment, and looks through the others.
func (r *reading) environments(root, n *yaml.Node) {
	found := false
	var names []string
	if n != nil {
		for key, value := range r.entries(n, []string{"environments"}, "environments") {
			names = append(names, key.Value)
			switch {
			case !formats["project"].match(key.Value):
				r.errorf(key, "", "the name of an environment must be %s", formats["project"].what)
			case key.Value == defaultEnv:
				r.errorf(key, "give it another name, or leave --env away", "%q is what the environment without a name is called", defaultEnv)
			}
			if key.Value == r.o.Env {
				found = true
				r.note([]string{"environments", key.Value}, key, value)
			}
			r.trial = key.Value != r.o.Env
			r.overlay(key.Value, value)
			r.trial = false
		}
	}
	if r.o.Env == "" || found {
		return
	}
	at := root
	if n != nil {
		at = n
	}
	hint := suggest(r.o.Env, names)
	switch {
	case hint != "":
	case len(names) > 0:
		hint = "there are " + list(names, "and") + fmt.Sprintf("; `%s: {}` below environments makes another", r.o.Env)
	default:
		hint = fmt.Sprintf("`environments: { %s: {} }` makes one without a difference", r.o.Env)
	}
	r.errorf(at, hint, "the manifest has no environment %q", r.o.Env)
}

// overlay reads the resources of an environment; in a trial into copies.
func (r *reading) overlay(env string, n *yaml.Node) {
	for key, value := range r.entries(n, []string{"environments", env}, "environment "+env) {
		k, ok := r.kinds[key.Value]
		if !ok {
			ids := slices.Sorted(maps.Keys(r.kinds))
			hint := suggest(key.Value, ids)
			switch {
			case hint != "" || len(ids) > 50:
			case len(ids) == 0:
				hint = "there are none: list the resource that is to differ"
			default:
				hint = "the ids are " + list(ids, "and")
			}
			r.errorf(key, hint, "no resource has the id %q", key.Value)
			continue
		}
		if k.word == "" {
			continue // its type is wrong, and that is said
		}
		rootWord := r.roots[key.Value]
		config := reflect.ValueOf(r.config(key.Value, k)).Elem()
		if r.trial {
			fresh := reflect.New(config.Type()).Elem()
			fresh.Set(config)
			config = fresh
		}
		what := fmt.Sprintf("environment %s: the config of %s", env, k.word)
		r.structure(value, []string{rootWord, "config"}, what, config, "name")
		if value.Kind != yaml.MappingNode {
			continue
		}
		if name := child(value, "name"); name != nil {
			r.overlayName(name, k, rootWord)
		}
	}
}

// config is where the config of a resource goes.
func (r *reading) config(id string, k kind) any {
	if k.many {
		return r.secrets[id]
	}
	return k.config(r.m)
}

// overlayName keeps the name that an overlay sets.
func (r *reading) overlayName(n *yaml.Node, k kind, root string) {
	var name string
	r.note([]string{root, "name"}, n, n)
	r.scalar(n, []string{root, "name"}, field{key: "name"}, reflect.ValueOf(&name).Elem())
	if !r.trial {
		r.named(n, k, root, name, false)
	}
}
