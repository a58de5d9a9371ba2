package sandbox

import (
	"fmt"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// unhealthy are causes for which a task runs and ECS stops it, because its health checks fail. The reasons of targets
// are those of ELB's API reference, TargetHealth.
var unhealthy = []Cause{
	{Code: "HealthCheckPath", Description: "The program answers the balancer's health checks with 404.", balanced: true, fail: func(s *scene) Failure {
		return s.answers(404, "GET %s 404")
	}},
	{Code: "HealthCheckStatus", Description: "The program answers the balancer's health checks with 500.", balanced: true, fail: func(s *scene) Failure {
		return s.answers(500, "GET %s 500 no connection to the database")
	}},
	{Code: "HealthCheckTimeout", Description: "The program does not answer the balancer's health checks in time.", balanced: true, fail: func(s *scene) Failure {
		return s.failsTarget(elbtypes.TargetHealthReasonEnumTimeout, "Request timed out", s.starting(), s.listening())
	}},
	{Code: "PortMismatch", Description: "The program listens on another port than the container's.", balanced: true, fail: func(s *scene) Failure {
		port := "3000"
		if firstPort(s.d) == port {
			port = "8080"
		}
		return s.failsTarget(elbtypes.TargetHealthReasonEnumFailedHealthChecks, "Health checks failed", s.starting(), "listening on :"+port)
	}},
	{Code: "SecurityGroupBlocks", Description: "The rule that lets the balancer in to the tasks is taken away, from the old ones too; `up` or the next deployment puts it back.", balanced: true, fail: func(s *scene) Failure {
		return s.failsTarget(elbtypes.TargetHealthReasonEnumTimeout, "Request timed out", s.starting(), s.listening())
	}},
	{Code: "SlowStart", Description: "The program takes longer to start than the service's grace period.", balanced: true, fail: func(s *scene) Failure {
		f := s.failsTarget(elbtypes.TargetHealthReasonEnumFailedHealthChecks, "Health checks failed", s.starting(), "warming up: 1 of 20")
		f.PassesAfter = max(time.Duration(val(s.sv.HealthCheckGracePeriodSeconds))*time.Second, s.patience()) + time.Minute
		return f
	}},
	{Code: "ContainerHealthCheck", Description: "The container's own health check fails.", fail: func(s *scene) Failure {
		return Failure{Stage: stageServe, Container: s.name(), Start: []string{s.starting(), s.listening()}}
	}},
	{Code: "HealthCheckToolMissing", Description: "The image lacks the program that the container's own health check calls.", fail: func(s *scene) Failure {
		return Failure{Stage: stageServe, Container: s.name(), Start: []string{s.starting(), s.listening(), "/bin/sh: curl: not found"}}
	}},
}

// answers is a task whose program answers health checks with a status that the target group does not take.
func (s *scene) answers(status int, line string) Failure {
	return s.failsTarget(elbtypes.TargetHealthReasonEnumResponseCodeMismatch, fmt.Sprintf("Health checks failed with these codes: [%d]", status),
		s.starting(), s.listening(), fmt.Sprintf(line, s.path()))
}

func (s *scene) failsTarget(reason elbtypes.TargetHealthReasonEnum, description string, log ...string) Failure {
	return Failure{Stage: stageServe, Container: s.name(), Target: reason, TargetDescription: description, Start: log}
}

func (s *scene) listening() string { return "listening on :" + firstPort(s.d) }

// patience is how long the balancer lets a new target fail: as many checks as make it unhealthy.
func (s *scene) patience() (d time.Duration) {
	for _, lb := range s.sv.LoadBalancers {
		if g := s.r.ELB.Groups[val(lb.TargetGroupArn)]; g != nil {
			d = max(d, time.Duration(val(g.HealthCheckIntervalSeconds)*val(g.UnhealthyThresholdCount))*time.Second)
		}
	}
	return d
}

// path is what the balancer asks for.
func (s *scene) path() string {
	for _, lb := range s.sv.LoadBalancers {
		if g := s.r.ELB.Groups[val(lb.TargetGroupArn)]; g != nil {
			return or(g.HealthCheckPath, "/")
		}
	}
	return "/"
}
