// Package manifest reads fargatectl.yaml: what one environment of a project is to be.
package manifest

// A Manifest is a project in one environment, complete: the file, the overlay of the environment and the defaults
// are applied, and every name is the one in AWS.
type Manifest struct {
	File    string // path of the file as given
	Dir     string // absolute folder of the file: paths in it are relative to this
	Project string // project_name
	Env     string // "" in the default environment
	Region  string // "" when the file has none
	Account string // "" when the file has none
	Tags    map[string]string

	Cluster    Cluster
	Service    Service
	ALB        ALB
	VPC        VPC
	Repository Repository
	Role       Role
	LogGroup   LogGroup
	Secrets    []Secret
}

// Stack is <p>, the project with -<env> behind it in an environment: what names and tags are made from.
func (m *Manifest) Stack() string {
	if m.Env == "" {
		return m.Project
	}
	return m.Project + "-" + m.Env
}

// EnvTag is the value of the tag fargatectl:env: the environment's name, "default" without one.
func (m *Manifest) EnvTag() string {
	if m.Env == "" {
		return "default"
	}
	return m.Env
}

// Cluster is the aws_ecs_cluster.
type Cluster struct {
	Name              string
	ContainerInsights string // "enabled", "disabled" or "enhanced"
}

// Service is the aws_ecs_service, its task definition and its scaling.
type Service struct {
	Name       string
	LaunchType string // "FARGATE"

	Image string // a reference that exists already; "" builds
	Build *Build // nil: detected in Dir

	ContainerPort int32
	CPU           int32  // CPU units, 1024 a vCPU
	Memory        int32  // MiB
	Architecture  string // "X86_64" or "ARM64"
	Command       []string
	Environment   map[string]string
	Secrets       []SecretRef // sorted by Env; those of Manifest.Secrets included

	HealthCheck            *ContainerHealthCheck // nil: none
	HealthCheckGracePeriod int32                 // seconds
	StopTimeout            int32                 // seconds
	EphemeralStorage       int32                 // GiB; 0 is Fargate's own 20
	EnableExecuteCommand   bool
	AssignPublicIP         bool
	CapacityProviders      map[string]int32 // weights by FARGATE and FARGATE_SPOT; nil: launch type FARGATE

	DesiredCount, MinCapacity, MaxCapacity int32
	CPUTarget                              int32 // percent
	MemoryTarget                           int32 // percent; 0: no such policy
	RequestsPerTarget                      int32 // a minute; 0: no such policy
	ScaleInCooldown, ScaleOutCooldown      int32 // seconds
	Schedules                              []Schedule

	Deployment Deployment
}

// Build says how the image is made; one of Go, Dockerfile, Static and Command is set, or none (a Dockerfile in Context).
type Build struct {
	Go         string            // a Go main package, relative to Context: "." or "./cmd/api"
	Base       string            // base image of a Go build; "" is scratch
	Dockerfile string            // relative to Context
	Context    string            // relative to the manifest
	Target     string            // stage
	Args       map[string]string // build arguments
	Platform   string            // "" follows Architecture
}

// A SecretRef puts a secret into an environment variable of the container.
type SecretRef struct {
	Env     string // "DATABASE_URL"
	Secret  string // the id of one of Manifest.Secrets; "" when ARN is given
	ARN     string // of a secret of others
	JSONKey string // the key of the secret's JSON value; "" is the whole value
}

// ContainerHealthCheck is run by ECS inside the container. Durations are seconds.
type ContainerHealthCheck struct {
	Command                                 []string
	Interval, Timeout, Retries, StartPeriod int32
}

// Deployment is how a new release replaces the old one.
type Deployment struct {
	MinimumHealthyPercent, MaximumPercent int32
	CircuitBreaker                        bool // with rollback
}

// A Schedule moves the scaling range at set times.
type Schedule struct {
	Name                     string
	Schedule                 string // "cron(0 8 * * ? *)", "rate(1 day)", "at(2027-01-01T00:00:00)"
	Timezone                 string
	MinCapacity, MaxCapacity int32
}

// ALB is the aws_alb with its target group, listeners, certificate and DNS record.
type ALB struct {
	Name                    string
	Internal                bool
	SSLCertificate          bool // HTTPS is wanted; implied by Domain and CertificateARN
	CertificateARN          string
	Domain                  string // from the file or --domain
	HostedZone              string // id or name of the zone; "" finds the one that owns Domain
	SSLPolicy               string
	HealthCheck             TargetHealthCheck
	DeregistrationDelay     int32    // seconds
	IdleTimeout             int32    // seconds
	AllowedCIDRs            []string // nil: the world, or the VPC for an internal balancer
	DeletionProtection      bool
	DropInvalidHeaderFields bool
}

// TargetHealthCheck is what the balancer asks every target. Durations are seconds.
type TargetHealthCheck struct {
	Path                                                    string
	Interval, Timeout, HealthyThreshold, UnhealthyThreshold int32
	Matcher                                                 string // "200", "200-299"
}

// VPC is the aws_vpc with its subnets, gateways and endpoints, or one that exists (ID).
type VPC struct {
	Name           string
	CIDR           string
	AZs            []string // names or zone ids; nil: the first two by zone id
	PublicSubnets  []string // CIDRs, one an AZ
	PrivateSubnets []string // CIDRs, one an AZ
	NAT            string   // "single", "per_az" or "none"
	FlowLogs       bool
	Endpoints      []string // interface endpoints besides S3's gateway: "ecr.api", "logs"

	ID      string // an existing VPC: checked, never changed or deleted
	Subnets Subnets
}

// Subnets are those of an existing VPC.
type Subnets struct{ Public, Private []string }

// Repository is the aws_ecr_repository.
type Repository struct {
	Name               string
	ImageTagMutability string // "MUTABLE" or "IMMUTABLE"
	ScanOnPush         bool
	Keep               int32 // images, besides those that are released
}

// Role is the aws_iam_role: what the task role has beyond nothing, and where both roles stand.
type Role struct {
	TaskPolicies        []string // ARNs of managed policies
	TaskStatements      []Statement
	PermissionsBoundary string // ARN
	Path                string // "/" by default
}

// A Statement is one of an IAM policy, with IAM's own keys.
type Statement map[string]any

// LogGroup is the aws_cloudwatch_log_group.
type LogGroup struct {
	Name            string
	RetentionInDays int32
}

// Secret is an aws_secretsmanager_secret. Its value is never in the manifest.
type Secret struct {
	ID       string // in the manifest
	Name     string // in AWS: "<p>/database-url"
	Env      string // the environment variable it becomes
	Generate int32  // length of a random value that fills it once; 0: set by hand
}
