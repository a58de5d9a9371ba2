package sandbox

import "time"

// How long AWS takes, typically, from the accepted call to what comes of it. Measured in public logs of 2026; the
// sandbox divides them by its speed.
const (
	latency = 250 * time.Millisecond // one request, from near the region

	natReady          = 105 * time.Second // pending → available
	natDeleted        = 58 * time.Second
	albActive         = 150 * time.Second // provisioning → active
	albENIsGone       = 30 * time.Second  // after DeleteLoadBalancer
	endpointUp        = 90 * time.Second  // an interface endpoint; a gateway one takes 8 s
	endpointGone      = 60 * time.Second
	gatewayEndpointUp = 8 * time.Second

	certIssued     = 100 * time.Second // after its validation record stands
	certRecords    = 3 * time.Second   // until DescribeCertificate names the validation record
	route53InSync  = 35 * time.Second
	iamPropagation = 8 * time.Second  // until ECS can assume a new role
	roleRetry      = 29 * time.Second // ECS tries an unassumable role again

	schedulerDelay = 5 * time.Second // UpdateService → task created
	eniAttach      = 4500 * time.Millisecond
	microVM        = 10 * time.Second // ENI attached → pull begins
	imagePull      = 7 * time.Second
	containerStart = 3 * time.Second
	taskStop       = 23 * time.Second // SIGTERM to STOPPED, at most
	steadyNotice   = 5 * time.Second  // until ECS notices that a target is healthy
	secretGone     = 10 * time.Second // a forced delete is asynchronous

	eniDetach       = 5 * time.Second
	connectTimeout  = 3 * time.Minute  // of a task without a way to AWS
	aloneHealthy    = 40 * time.Second // a task without any health check counts as healthy (types.DeploymentConfiguration)
	commandRuns     = 5 * time.Second  // a command of RunTask that the sandbox does not know
	tasksRemembered = time.Hour        // stopped ones
)
