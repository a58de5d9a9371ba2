#!/usr/bin/env bash
# The sample in a real AWS account: up, 200 from its URL, deploy, rollback, destroy, and nothing is left. Asks first.
set -euo pipefail
cd "$(dirname "$0")/.."
unset AWS_ENDPOINT_URL FARGATECTL_SANDBOX
for tool in aws curl go; do
	command -v "$tool" >/dev/null || { echo "this needs $tool" >&2; exit 1; }
done
region=${AWS_REGION:-$(aws configure get region || true)}
[ -n "$region" ] || { echo "set AWS_REGION" >&2; exit 1; }
export AWS_REGION=$region
account=$(aws sts get-caller-identity --query Account --output text)
project=e2e-$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')

cat <<TEXT
This makes, in account $account, region $region, the project $project:
a VPC with a NAT gateway, an Application Load Balancer and two Fargate tasks (0.25 vCPU, 0.5 GB).
It takes about 15 minutes and costs about 0.10 USD an hour while it stands (NAT gateway 0.045, load balancer 0.023,
tasks 0.025, public IPv4 addresses 0.015), all deleted at the end. Prices of us-east-1; others are up to half again as high.
TEXT
read -rp "Type the project's name to go on: " answer
[ "$answer" = "$project" ] || { echo "nothing was made"; exit 1; }

work=$(mktemp -d)
bin=$work/fargatectl
go build -o "$bin" .
cp testdata/hello/main.go testdata/hello/go.mod "$work"
printf 'project_name: %s\nresources:\n  - { id: api, type: aws_ecs_service, config: { build: { go: . } } }\n' "$project" >"$work/fargatectl.yaml"
cd "$work"

destroyed=
leave() { # whatever happens, what costs money is taken away
	[ -n "$destroyed" ] || "$bin" destroy --confirm "$project" --force ||
		echo "NOT DESTROYED: run 'fargatectl destroy --confirm $project --force' with $work/fargatectl.yaml" >&2
	[ -z "$destroyed" ] || rm -rf "$work"
}
trap leave EXIT

ok() { # the URL answers 200 within two minutes
	for _ in $(seq 24); do
		[ "$(curl -s -o /dev/null -m 5 -w '%{http_code}' "$1")" != 200 ] || { echo "200 from $1"; return 0; }
		sleep 5
	done
	echo "no 200 from $1" >&2
	return 1
}

"$bin" up --yes
url=$("$bin" outputs --output json | sed -nE 's/.*"url": *"([^"]+)".*/\1/p')
ok "$url"
"$bin" plan --detailed-exitcode # nothing is left to do
printf '\n// Another version, for another image.\nvar _ = "%s"\n' "$project" >>main.go
"$bin" deploy --yes
ok "$url"
"$bin" rollback --yes
ok "$url"
"$bin" destroy --confirm "$project" --force
destroyed=yes

left=$(
	# Deregistered task definitions and deleted gateways stay listed for a while; what still exists is asked by name below.
	aws resourcegroupstaggingapi get-resources --tag-filters "Key=fargatectl:project,Values=$project" \
		--query 'ResourceTagMappingList[].ResourceARN' --output text | tr '\t' '\n' | grep -vE ':(task-definition|natgateway|service|cluster|task)/' || true
	aws ec2 describe-vpcs --filters "Name=tag:fargatectl:project,Values=$project" --query 'Vpcs[].VpcId' --output text
	aws ec2 describe-addresses --filters "Name=tag:fargatectl:project,Values=$project" --query 'Addresses[].AllocationId' --output text
	aws ec2 describe-nat-gateways --filter "Name=tag:fargatectl:project,Values=$project" "Name=state,Values=pending,available,deleting" --query 'NatGateways[].NatGatewayId' --output text
	aws elbv2 describe-load-balancers --query "LoadBalancers[?contains(LoadBalancerName, '$project')].LoadBalancerName" --output text
	aws elbv2 describe-target-groups --query "TargetGroups[?contains(TargetGroupName, '$project')].TargetGroupName" --output text
	aws ecs list-clusters --query "clusterArns[?contains(@, '$project')]" --output text
	aws ecs list-task-definitions --family-prefix "$project" --query 'taskDefinitionArns[]' --output text
	aws ecr describe-repositories --query "repositories[?repositoryName=='$project'].repositoryName" --output text
	aws iam list-roles --query "Roles[?contains(RoleName, '$project')].RoleName" --output text
	aws logs describe-log-groups --log-group-name-prefix "/ecs/$project" --query 'logGroups[].logGroupName' --output text
)
left=$(printf '%s\n' "$left" | grep -vE '^(None)?$' || true)
if [ -n "$left" ]; then
	printf 'left after destroy:\n%s\n' "$left" >&2
	exit 1
fi
echo "nothing of $project is left"
