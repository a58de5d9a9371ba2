// Package manifest reads fargatectl.yaml: what one environment of a project is to be.
//
// [Load] gives a complete [Manifest], or [Errors] with every mistake of the file at its line and column. The structs
// of this file are the one table of keys: their tags say how a key is written (yaml), its default, its range (min,
// max, enum) and its form (is: a name in formats; as: a name in forms); decoding, defaults, the JSON Schema and
// docs/manifest.md all follow from them, the last two with the comments here as their words. After a change:
//
//	go generate ./internal/manifest
package manifest

//go:generate go test . -run TestGenerated -update

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

	source *source // where in the file each key stands
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
		return defaultEnv
	}
	return m.Env
}

// Cluster is the aws_ecs_cluster.
type Cluster struct {
	Name string
	// Container Insights: true, false or enhanced.
	ContainerInsights string `yaml:"container_insights" default:"enabled" as:"insights"` // "enabled", "disabled" or "enhanced"
}

// Service is the aws_ecs_service, its task definition and its scaling.
type Service struct {
	Name string
	// Where tasks run; FARGATE is the only one.
	LaunchType string `yaml:"launch_type" default:"FARGATE" enum:"FARGATE"`

	// An image that exists already. Without it one is built.
	Image string `yaml:"image" is:"image"`
	// How the image is built. Without it: from the Dockerfile beside the manifest, else from the Go main package there.
	Build *Build `yaml:"build"` // nil: detected in Dir

	// The port that the container listens on; it gets it as PORT. Without it the one that the image exposes (EXPOSE), if it is one; the default where it exposes none.
	ContainerPort int32 `yaml:"container_port" default:"8080" min:"1" max:"65535"`
	PortGiven     bool  // the file says it, or PORT
	// CPU units of a task, 1024 a vCPU. When only memory is given: the least that takes it.
	CPU int32 `yaml:"cpu" default:"256" enum:"256,512,1024,2048,4096,8192,16384,32768"`
	// Memory of a task in MiB, in a pair with cpu that Fargate has. When only cpu is given: the least that goes with it.
	Memory int32 `yaml:"memory" default:"512" min:"1" max:"249856"`
	// The processor of tasks and image.
	Architecture string `yaml:"architecture" default:"X86_64" enum:"X86_64,ARM64"`
	// The command, instead of the image's own; one list item an argument.
	Command []string `yaml:"command"`
	// A command that runs once, in a task of its own with the new image, before up or deploy brings the service to a new revision: a migration, ["./migrate", "up"]. With another exit code than 0 nothing is released. A release that was interrupted may run it again, so it has to bear that; rollback, restarts and other changes don't run it.
	ReleaseCommand []string `yaml:"release_command"`
	// Environment variables. They stand readable in the task definition: a secret is an aws_secretsmanager_secret.
	Environment map[string]string `yaml:"environment" keys:"env"`
	// Environment variables from secrets: the id or name of a secret of this manifest, with :KEY behind it for one key of a JSON value, or the ARN of any other secret.
	Secrets []SecretRef `yaml:"secrets" as:"secrets"` // sorted by Env; those of Manifest.Secrets included

	// A command that ECS runs inside the container to see whether it is well. Without it the image's own (HEALTHCHECK), if its program is in the image; else only the balancer asks.
	HealthCheck *ContainerHealthCheck `yaml:"health_check"` // nil: the image's
	// Seconds after its start in which a failing health check doesn't stop a task.
	HealthCheckGracePeriod int32 `yaml:"health_check_grace_period" default:"60" min:"0" max:"2147483647"`
	// Seconds between SIGTERM and SIGKILL.
	StopTimeout int32 `yaml:"stop_timeout" default:"30" min:"2" max:"120"`
	// Disk of a task in GiB. Without it Fargate's own 20.
	EphemeralStorage int32 `yaml:"ephemeral_storage" min:"21" max:"200"` // 0 is Fargate's own
	// Lets exec open a shell in a task; adds the four ssmmessages actions to the task role.
	EnableExecuteCommand bool `yaml:"enable_execute_command" default:"false"`
	// Puts tasks into the public subnets with an address of their own.
	AssignPublicIP bool `yaml:"assign_public_ip" default:"false"`
	// Weights of FARGATE and FARGATE_SPOT. Without it all tasks run on FARGATE.
	CapacityProviders map[string]int32 `yaml:"capacity_providers" keys:"provider" min:"0" max:"1000"` // nil: launch type FARGATE

	// Tasks at the start; afterwards scaling owns the count. The default gives way to the range.
	DesiredCount int32 `yaml:"desired_count" default:"2" min:"0" max:"5000"`
	// The least number of tasks. The default gives way to a smaller desired_count or max_capacity.
	MinCapacity int32 `yaml:"min_capacity" default:"2" min:"0" max:"5000"`
	// The greatest number of tasks. The default gives way to a greater desired_count or min_capacity.
	MaxCapacity int32 `yaml:"max_capacity" default:"10" min:"1" max:"5000"`
	// Average CPU of the tasks, in percent, that scaling aims at.
	CPUTarget int32 `yaml:"cpu_target" default:"70" min:"1" max:"100"`
	// Average memory of the tasks, in percent, that scaling aims at. Without it memory doesn't scale.
	MemoryTarget int32 `yaml:"memory_target" min:"1" max:"100"` // 0: no such policy
	// Requests a minute for each task that scaling aims at. Without it requests don't scale.
	RequestsPerTarget int32 `yaml:"requests_per_target" min:"1" max:"2147483647"` // 0: no such policy
	// Seconds between two steps down.
	ScaleInCooldown int32 `yaml:"scale_in_cooldown" default:"300" min:"0" max:"86400"`
	// Seconds between two steps up.
	ScaleOutCooldown int32 `yaml:"scale_out_cooldown" default:"60" min:"0" max:"86400"`
	// Times at which the scaling range moves.
	Schedules []Schedule `yaml:"schedules"`

	// How a new release replaces the old one.
	Deployment Deployment `yaml:"deployment"`
}

// Build says how the image is made: from a Go main package, a folder of files, by another builder, or from a Dockerfile.
type Build struct {
	// A Go main package, relative to context: "." or "./cmd/api". Needs no Docker.
	Go string `yaml:"go" is:"package"`
	// The base image of a Go build. Without it the image holds the binary alone.
	Base string `yaml:"base" is:"image"` // "" is scratch
	// A folder of files, relative to context, that a small file server serves: a site, or an application that runs in the browser. The server is built with the Go tool; needs no Docker.
	Static string `yaml:"static" is:"folder"`
	// A command that has another builder (Bazel, Nix, ko, jib) write archive; one list item an argument, or one line for sh. It runs in context, and gets FARGATECTL_PLATFORM.
	Command []string `yaml:"command" as:"command_line"`
	// An image as a file or folder, relative to context: an OCI layout, or what docker save writes.
	Archive string `yaml:"archive" is:"file"`
	// An image that exists already, as the service's own image.
	Image string `yaml:"image" is:"image"`
	// The Dockerfile, relative to context.
	Dockerfile string `yaml:"dockerfile"` // "" is Dockerfile
	// The folder that is built, relative to the manifest.
	Context string `yaml:"context" default:"."`
	// The stage of the Dockerfile to stop at.
	Target string `yaml:"target"`
	// Build arguments. They stay readable in the image.
	Args map[string]string `yaml:"args" keys:"env"`
	// The platform of the image; it is architecture's. With both, the tag names an index of two images.
	Platform string `yaml:"platform" is:"platforms"` // "" follows Architecture
	// What layers are compressed with. zstd makes tasks start sooner; it needs a builder that writes OCI layouts, or none.
	Compression string `yaml:"compression" default:"gzip" enum:"gzip,zstd"`
	// A registry that has the images of Docker Hub, such as a pull-through cache of ECR: HOST/PREFIX. Images that are built on come from there.
	BaseMirror string `yaml:"base_mirror" is:"mirror"`
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
	// A list that begins with CMD or CMD-SHELL, or one line for the container's shell. [NONE] wants no check, not the image's either.
	Command []string `yaml:"command" required:"true" as:"health_command"`
	// Seconds between two checks.
	Interval int32 `yaml:"interval" default:"10" min:"5" max:"300"`
	// Seconds after which a check has failed.
	Timeout int32 `yaml:"timeout" default:"5" min:"2" max:"60"`
	// Failures in a row that make the container unhealthy.
	Retries int32 `yaml:"retries" default:"3" min:"1" max:"10"`
	// Seconds at the start in which failures don't count.
	StartPeriod int32 `yaml:"start_period" default:"0" min:"0" max:"300"`
}

// Deployment is how a new release replaces the old one.
type Deployment struct {
	// The share of the desired tasks that runs at every moment.
	MinimumHealthyPercent int32 `yaml:"minimum_healthy_percent" default:"100" min:"0" max:"100"`
	// The share of the desired tasks that runs at most.
	MaximumPercent int32 `yaml:"maximum_percent" default:"200" min:"100" max:"1000"`
	// Stops a release whose tasks don't get healthy and goes back to the last one that did.
	CircuitBreaker bool `yaml:"circuit_breaker" default:"true"` // with rollback
}

// A Schedule moves the scaling range at set times.
type Schedule struct {
	// Its name, unique in the service.
	Name string `yaml:"name" required:"true" is:"schedule_name"`
	// cron(0 8 * * ? *), rate(1 day) or at(2027-01-01T00:00:00).
	Schedule string `yaml:"schedule" required:"true" is:"schedule"`
	// The zone of cron and at: Europe/Berlin.
	Timezone string `yaml:"timezone" default:"UTC" is:"timezone"`
	// The least number of tasks from then on.
	MinCapacity int32 `yaml:"min_capacity" required:"true" min:"0" max:"5000"`
	// The greatest number of tasks from then on.
	MaxCapacity int32 `yaml:"max_capacity" required:"true" min:"0" max:"5000"`
}

// ALB is the aws_alb with its target group, listeners, certificate and DNS record.
type ALB struct {
	Name string
	// Puts the balancer into the private subnets, reachable from the VPC alone.
	Internal bool `yaml:"internal" default:"false"`
	// HTTPS. True as soon as there is a domain or certificate_arn; needs one of them.
	SSLCertificate bool `yaml:"ssl_certificate" default:"false"`
	HTTPOnly       bool // the file says ssl_certificate: false, which is more than to leave it out
	// A certificate of ACM in the region of the stack. Without it one is requested for domain.
	CertificateARN string `yaml:"certificate_arn" is:"certificate"`
	// The name of the API; also --domain.
	Domain string `yaml:"domain" is:"domain"` // from the file or --domain
	// The Route 53 zone, by id or name. Without it the one that owns domain.
	HostedZone string `yaml:"hosted_zone" is:"zone"` // "" finds the one that owns Domain
	// The TLS policy of the HTTPS listener.
	SSLPolicy string `yaml:"ssl_policy" default:"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09" is:"ssl_policy"`
	// What the balancer asks every task.
	HealthCheck TargetHealthCheck `yaml:"health_check"`
	// Seconds in which a task that is taken out finishes its requests.
	DeregistrationDelay int32 `yaml:"deregistration_delay" default:"30" min:"0" max:"3600"`
	// Seconds after which a silent connection is closed.
	IdleTimeout int32 `yaml:"idle_timeout" default:"60" min:"1" max:"4000"`
	// Who may reach the balancer. Without it the world, or the VPC for an internal one.
	AllowedCIDRs []string `yaml:"allowed_cidrs" is:"cidr"` // nil: the world, or the VPC for an internal balancer
	// Keeps the balancer from being deleted.
	DeletionProtection bool `yaml:"deletion_protection" default:"false"`
	// Drops headers that aren't HTTP's.
	DropInvalidHeaderFields bool `yaml:"drop_invalid_header_fields" default:"true"`
}

// TargetHealthCheck is what the balancer asks every target. Durations are seconds.
type TargetHealthCheck struct {
	// The path that is asked.
	Path string `yaml:"path" default:"/health" is:"path"`
	// Seconds between two checks.
	Interval int32 `yaml:"interval" default:"30" min:"5" max:"300"`
	// Seconds after which a check has failed; less than interval, to which the default gives way.
	Timeout int32 `yaml:"timeout" default:"5" min:"2" max:"120"`
	// Successes in a row that make a task healthy.
	HealthyThreshold int32 `yaml:"healthy_threshold" default:"2" min:"2" max:"10"`
	// Failures in a row that make a task unhealthy.
	UnhealthyThreshold int32 `yaml:"unhealthy_threshold" default:"10" min:"2" max:"10"`
	// The answers that mean well: 200, "200,204" or 200-299.
	Matcher string `yaml:"matcher" default:"200" is:"matcher"` // "200", "200-299"
}

// VPC is the aws_vpc with its subnets, gateways and endpoints, or one that exists (ID): then CIDR, AZs, the subnets'
// CIDRs, NAT and Endpoints are empty.
type VPC struct {
	Name string
	// The address range, /16 to /28.
	CIDR string `yaml:"cidr" default:"10.0.0.0/16" is:"cidr4"`
	// Availability zones by name (us-east-1a) or id (use1-az1). Without it the first ones by id, as many as there are subnets.
	AZs []string `yaml:"azs" is:"zone_name"` // nil: the first by zone id, as many as PublicSubnets
	// One a zone. In another cidr the default moves along.
	PublicSubnets []string `yaml:"public_subnets" default:"10.0.101.0/24,10.0.102.0/24" is:"cidr4"`
	// One a zone. In another cidr the default moves along.
	PrivateSubnets []string `yaml:"private_subnets" default:"10.0.1.0/24,10.0.2.0/24" is:"cidr4"`
	// One NAT gateway, one a zone, or none; none wants endpoints or assign_public_ip.
	NAT string `yaml:"nat" default:"single" enum:"single,per_az,none"`
	// Records all connections in CloudWatch Logs.
	FlowLogs bool `yaml:"flow_logs" default:"false"`
	// Interface endpoints besides the gateway for S3, which is always there: ecr.api, ecr.dkr, logs, secretsmanager, …
	Endpoints []string `yaml:"endpoints" is:"endpoint"`

	// An existing VPC, with subnets. It is checked and never changed or deleted.
	ID string `yaml:"id" is:"vpc"`
	// The subnets of an existing VPC.
	Subnets Subnets `yaml:"subnets"`
}

// Subnets are those of an existing VPC, by id.
type Subnets struct {
	// Ids of public subnets, in two zones at least.
	Public []string `yaml:"public" is:"subnet"`
	// Ids of private subnets.
	Private []string `yaml:"private" is:"subnet"`
}

// Repository is the aws_ecr_repository.
type Repository struct {
	Name string
	// Whether a tag may move to another image.
	ImageTagMutability string `yaml:"image_tag_mutability" default:"MUTABLE" enum:"MUTABLE,IMMUTABLE"`
	// Looks for known vulnerabilities in every image that is pushed.
	ScanOnPush bool `yaml:"scan_on_push" default:"true"`
	// What encrypts the images; AWS can't change it later. AES256 is Amazon S3's own, KMS a key of KMS, KMS_DSSE encrypts twice.
	EncryptionType string `yaml:"encryption_type" default:"AES256" enum:"AES256,KMS,KMS_DSSE"`
	// The key of encryption_type KMS or KMS_DSSE: an ARN, an id or alias/NAME. Without it AWS's own key for ECR.
	KMSKey string `yaml:"kms_key" is:"kms_key"`
	// Images that are kept besides those that are released.
	Keep int32 `yaml:"keep" default:"30" min:"1" max:"10000"`
}

// Role is the aws_iam_role: what the task role has beyond nothing, and where both roles stand.
type Role struct {
	// ARNs of managed policies for the task role.
	TaskPolicies []string `yaml:"task_policies" is:"policy"`
	// Statements for the task role, with IAM's own keys: Effect, Action, Resource, Condition.
	TaskStatements []Statement `yaml:"task_statements" as:"statements"`
	// The ARN of the policy that bounds both roles.
	PermissionsBoundary string `yaml:"permissions_boundary" is:"policy"`
	// The path of both roles.
	Path string `yaml:"path" default:"/" is:"role_path"`
}

// A Statement is one of an IAM policy, with IAM's own keys.
type Statement map[string]any

// LogGroup is the aws_cloudwatch_log_group.
type LogGroup struct {
	Name string
	// Days after which a line is deleted.
	RetentionInDays int32 `yaml:"retention_in_days" default:"14" enum:"1,3,5,7,14,30,60,90,120,150,180,365,400,545,731,1096,1827,2192,2557,2922,3288,3653"`
}

// Secret is an aws_secretsmanager_secret. Its value is never in the manifest.
type Secret struct {
	ID   string // in the manifest
	Name string // in AWS: "<p>/database-url"
	// The environment variable it becomes. Without it the id in capitals: database-url is DATABASE_URL.
	Env string `yaml:"env" is:"env"`
	// Fills it once with a random value.
	Generate int32 `yaml:"generate" as:"generate"` // length of the value; 0: set by hand
}
