package manifest

import (
	"reflect"
	"slices"
)

// A kind is a type of resource that a manifest may have.
type kind struct {
	word   string // "aws_alb"
	alias  string // another word for it
	doc    string
	many   bool                    // there may be several; their paths begin with the id
	config func(*Manifest) any     // where config goes; a new element where there are many
	name   func(*Manifest) *string // nil: its names are derived
}

// kinds are all of them, in the order of the pipeline.
var kinds = []kind{
	{
		word: "aws_vpc", doc: "The network: subnets in two zones, an internet gateway, NAT.",
		config: func(m *Manifest) any { return &m.VPC }, name: func(m *Manifest) *string { return &m.VPC.Name },
	},
	{
		word: "aws_ecr_repository", doc: "The repository of the image.",
		config: func(m *Manifest) any { return &m.Repository }, name: func(m *Manifest) *string { return &m.Repository.Name },
	},
	{
		word: "aws_iam_role", doc: "The execution role and the task role. Their names follow from the project and the region.",
		config: func(m *Manifest) any { return &m.Role },
	},
	{
		word: "aws_secretsmanager_secret", doc: "A secret. Its value is never in the manifest: `fargatectl secrets set ID`.", many: true,
		config: func(*Manifest) any { return new(Secret) }, name: func(*Manifest) *string { return nil },
	},
	{
		word: "aws_cloudwatch_log_group", doc: "The log of the tasks.",
		config: func(m *Manifest) any { return &m.LogGroup }, name: func(m *Manifest) *string { return &m.LogGroup.Name },
	},
	{
		word: "aws_ecs_cluster", doc: "The cluster.",
		config: func(m *Manifest) any { return &m.Cluster }, name: func(m *Manifest) *string { return &m.Cluster.Name },
	},
	{
		word: "aws_alb", alias: "aws_lb", doc: "The balancer, with target group, listeners, certificate and DNS record.",
		config: func(m *Manifest) any { return &m.ALB }, name: func(m *Manifest) *string { return &m.ALB.Name },
	},
	{
		word: "aws_ecs_service", doc: "The service, its task definition and its scaling.",
		config: func(m *Manifest) any { return &m.Service }, name: func(m *Manifest) *string { return &m.Service.Name },
	},
}

// typ is the struct behind config.
func (k kind) typ() reflect.Type { return reflect.TypeOf(k.config(&Manifest{})).Elem() }

// words are the types of resources, aliases included.
func words() []string {
	var all []string
	for _, k := range kinds {
		all = append(all, k.word)
		if k.alias != "" {
			all = append(all, k.alias)
		}
	}
	return all
}

// kindOf is the kind with a word or alias.
func kindOf(word string) (kind, bool) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.word == word || word != "" && k.alias == word })
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}
