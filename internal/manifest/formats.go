package manifest

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// A format is a form of text, the same for decoding and for the schema.
type format struct {
	what    string         // "a domain name, like api.example.com"
	pattern *regexp.Regexp // what a schema can check
	words   []string       // instead of a pattern: the words there are
	refuse  func(string) bool
	hint    string
}

func (f format) match(text string) bool {
	switch {
	case f.words != nil:
		return slices.Contains(f.words, text)
	case f.pattern != nil && !f.pattern.MatchString(text):
		return false
	}
	return f.refuse == nil || !f.refuse(text)
}

// The patterns keep to what JSON Schema's regular expressions share with Go's.
var formats = map[string]format{
	"project":   {what: "lower-case letters, digits and single dashes, a letter first", pattern: re(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)},
	"type":      {what: "a type of resource: " + list(words(), "or"), words: words()},
	"id":        {what: "lower-case letters, digits and dashes, a letter first", pattern: re(`^[a-z][a-z0-9-]*$`)},
	"region":    {what: "a region of AWS, like us-east-1", pattern: re(`^[a-z]{2,3}(-[a-z]+)+-[0-9]+$`)},
	"account":   {what: "an account id of 12 digits", pattern: re(`^[0-9]{12}$`)},
	"tag_key":   {what: "a tag's key: up to 128 letters, digits, spaces and _ . : / = + - @", pattern: re(`^[A-Za-z0-9 _.:/=+@À-￿-]{1,128}$`)},
	"tag_value": {what: "a tag's value: up to 256 letters, digits, spaces and _ . : / = + - @", pattern: re(`^[A-Za-z0-9 _.:/=+@À-￿-]{0,256}$`)},

	"env":      {what: "the name of an environment variable: letters, digits and _, no digit first", pattern: re(`^[A-Za-z_][A-Za-z0-9_]*$`)},
	"provider": {what: "a capacity provider: FARGATE or FARGATE_SPOT", words: []string{"FARGATE", "FARGATE_SPOT"}},
	"image": {
		what:    "a reference to an image: [registry/]name[:tag][@sha256:…], in lower case",
		pattern: re(`^([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$`),
	},
	"platforms": {what: "linux/amd64, linux/arm64 or both with a comma between", pattern: re(`^linux/(amd64(,linux/arm64)?|arm64(,linux/amd64)?)$`)},
	"mirror":    {what: "a registry, with a prefix or without: 123456789012.dkr.ecr.us-east-1.amazonaws.com/docker-hub", pattern: re(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`)},
	"package":   {what: `a Go package relative to context: "." or "./cmd/api"`, pattern: re(`^\.(/[A-Za-z0-9._~/-]+)?$`), refuse: func(s string) bool { return strings.Contains(s, "..") }},
	"folder":    {what: `a folder relative to context: "." or "./public"`, pattern: re(`^[^/\s~][^\s]*$`), refuse: outside},
	"file":      {what: `a path relative to context: "out.tar" or "bazel-bin/image"`, pattern: re(`^[^/\s~][^\s]*$`), refuse: outside},

	"schedule_name": {what: "1 to 256 characters without : / |", pattern: re(`^[^:/|\s]{1,256}$`)},
	"schedule":      {what: "cron(…), rate(…) or at(…)", pattern: re(`^(cron\([^ )]+( [^ )]+){5}\)|rate\([1-9][0-9]* (minutes?|hours?|days?)\)|at\([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\))$`), hint: "cron takes six fields: minutes, hours, day of the month, month, day of the week, year"},
	"timezone":      {what: "a time zone, like Europe/Berlin or UTC", pattern: re(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)},

	"certificate": {what: "the ARN of a certificate of ACM: arn:aws:acm:REGION:ACCOUNT:certificate/ID", pattern: re(`^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+$`)},
	"domain":      {what: "a domain name in lower case, like api.example.com", pattern: re(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$`), refuse: func(s string) bool { return len(s) > 253 }, hint: "without https://, path, port or wildcard"},
	"zone":        {what: "a hosted zone: its id (Z…) or its name", pattern: re(`^(Z[A-Z0-9]{1,31}|([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])\.?)$`)},
	"ssl_policy":  {what: "a TLS policy of ELB: ELBSecurityPolicy-…", pattern: re(`^ELBSecurityPolicy-[A-Za-z0-9-]+$`)},
	"path":        {what: "a path that begins with /, up to 1024 characters", pattern: re(`^/[^\s#]*$`), refuse: func(s string) bool { return len(s) > 1024 }},
	"matcher":     {what: `codes from 200 to 499: 200, "200,204" or 200-299`, pattern: re(`^[2-4][0-9]{2}([,-][2-4][0-9]{2})*$`), refuse: badMatcher},

	"cidr":      {what: "an address range, like 203.0.113.0/24", pattern: re(`^[0-9a-fA-F.:]+/[0-9]{1,3}$`), refuse: badCIDR, hint: "the address is the first of the range"},
	"cidr4":     {what: "an IPv4 range of /16 to /28, like 10.0.0.0/16", pattern: re(`^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+/(1[6-9]|2[0-8])$`), refuse: badCIDR, hint: "the address is the first of the range"},
	"zone_name": {what: "an availability zone, like us-east-1a or use1-az1", pattern: re(`^([a-z]{2,3}(-[a-z]+)+-[0-9]+[a-z]|[a-z0-9]+-az[0-9]+)$`)},
	"endpoint":  {what: "a service with an interface endpoint, like ecr.api, ecr.dkr, logs or secretsmanager", words: endpointServices, hint: "S3 has its gateway endpoint already"},
	"vpc":       {what: "the id of a VPC: vpc-…", pattern: re(`^vpc-([0-9a-f]{8}|[0-9a-f]{17})$`)},
	"subnet":    {what: "the id of a subnet: subnet-…", pattern: re(`^subnet-([0-9a-f]{8}|[0-9a-f]{17})$`)},

	"kms_key":   {what: "a key of KMS: its ARN, its id or alias/NAME", pattern: re(`^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]+|alias/[A-Za-z0-9/_-]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$`)},
	"policy":    {what: "the ARN of a managed policy: arn:aws:iam::ACCOUNT:policy/NAME", pattern: re(`^arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy/[A-Za-z0-9+=,.@_/-]+$`)},
	"role_path": {what: "a path that begins and ends with /", pattern: re(`^/([A-Za-z0-9+=,.@_-]+/)*$`), refuse: func(s string) bool { return len(s) > 512 }},
}

func re(pattern string) *regexp.Regexp { return regexp.MustCompile(pattern) }

// endpointServices are the services whose interface endpoints an API on Fargate has use for.
// https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
var endpointServices = []string{
	"ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "ssmmessages", "ecs", "ecs-agent", "ecs-telemetry",
	"monitoring", "xray", "sts", "kms", "sqs", "sns", "events", "states", "lambda", "kinesis-streams",
	"kinesis-firehose", "elasticloadbalancing", "execute-api", "rds", "rds-data", "dynamodb", "bedrock",
	"bedrock-runtime", "email-smtp", "servicediscovery", "application-autoscaling", "cloudformation", "ec2",
}

// outside refuses a path that leads out of the folder that it is relative to.
func outside(text string) bool { return slices.Contains(strings.Split(text, "/"), "..") }

// badCIDR refuses what is no range, or whose address is not its first.
func badCIDR(text string) bool {
	p, err := netip.ParsePrefix(text)
	return err != nil || p != p.Masked()
}

// badMatcher refuses a code beyond 499 and a range that goes down.
func badMatcher(text string) bool {
	for part := range strings.SplitSeq(text, ",") {
		codes := strings.Split(part, "-")
		if len(codes) > 2 || len(codes) == 2 && codes[0] > codes[1] {
			return true
		}
	}
	return false
}

// secretPatterns are the forms of values that are secrets whoever reads them.
var secretPatterns = []*regexp.Regexp{
	re(`\b(AKIA|ASIA)[0-9A-Z]{16}\b`),
	re(`-----BEGIN [A-Z ]*PRIVATE KEY`),
	re(`[a-z][a-z0-9+.-]*://[^/\s:@'"]*:[^/\s@'"]+@`),
	re(`\bgh[pousr]_[A-Za-z0-9]{36}`),
	re(`\bxox[abprs]-[A-Za-z0-9-]{10,}`),
	re(`\b[sr]k_live_[A-Za-z0-9]{10,}`),
}

// looksSecret says whether a value has the form of a secret.
func looksSecret(text string) bool {
	return slices.ContainsFunc(secretPatterns, func(p *regexp.Regexp) bool { return p.MatchString(text) })
}

// maskSecrets puts stars in the place of what looks like a secret, for excerpts and messages.
func maskSecrets(text string) string {
	for _, p := range secretPatterns {
		text = p.ReplaceAllString(text, "***")
	}
	return text
}

// IsRegion says whether a name is formed as AWS's regions are.
func IsRegion(name string) bool { return formats["region"].pattern.MatchString(name) }
