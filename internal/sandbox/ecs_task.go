package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// task is a task with what the scheduler and its containers know of it.
type task struct {
	types.Task
	Service    string // name; "" for a task of RunTask
	Deployment string
	Network    *types.AwsVpcConfiguration
	Subnet, IP string
	ENI        string
	Targets    []types.LoadBalancer // it is registered in, at its own address
	Healthy    bool                 // it counts towards the minimum healthy percent
	Known      bool                 // its health was reported
	Broken     *Failure
	Stalled    bool // it is at the stage at which it fails
	Stopping   *stopping

	// Of a task of RunTask whose command is overridden: what that does, in which container, and how far it is.
	Program        *program
	Played         string
	Said           int           // lines of it
	Ran            time.Duration // since its start
	Token, Request string        // of RunTask's call
}

// stopping is why a task stops; the containers' part is shown once they have stopped.
type stopping struct {
	ExitCode  *int32
	Reason    string // of the container
	Container int    // the one that is to blame
}

func (t *task) id() string { return (*t.TaskArn)[strings.LastIndex(*t.TaskArn, "/")+1:] }

// of are the tasks of a service in the order in which they were made.
func (c *cluster) of(sv *service) (all []*task) {
	for _, t := range c.Tasks {
		if t.Service == *sv.ServiceName && *t.ClusterArn == *sv.ClusterArn {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b *task) int {
		if d := a.CreatedAt.Compare(*b.CreatedAt); d != 0 {
			return d
		}
		return strings.Compare(a.id(), b.id())
	})
	return all
}

// launch makes a task, which then goes its way by itself.
func (s *ecsService) launch(r *Region, c *cluster, d *definition, t *task) {
	id := s.hex(32)
	t.TaskArn = new(s.arn("ecs", r.Name, "task/"+*c.ClusterName+"/"+id))
	t.ClusterArn, t.TaskDefinitionArn, t.CreatedAt = c.ClusterArn, d.TaskDefinitionArn, new(s.clock)
	t.LastStatus, t.DesiredStatus, t.HealthStatus = new("PROVISIONING"), new("RUNNING"), types.HealthStatusUnknown
	t.Cpu, t.Memory, t.PlatformVersion, t.PlatformFamily = d.Cpu, d.Memory, new("1.4.0"), new("Linux")
	t.Version, t.Broken = 1, d.Broken
	t.EphemeralStorage = d.EphemeralStorage
	if t.EphemeralStorage == nil {
		t.EphemeralStorage = &types.EphemeralStorage{SizeInGiB: 20}
	}
	t.FargateEphemeralStorage = &types.TaskEphemeralStorage{SizeInGiB: t.EphemeralStorage.SizeInGiB}
	architecture := types.CPUArchitectureX8664
	if d.RuntimePlatform != nil && d.RuntimePlatform.CpuArchitecture != "" {
		architecture = d.RuntimePlatform.CpuArchitecture
	}
	t.Attributes = []types.Attribute{{Name: new("ecs.cpu-architecture"), Value: new(strings.ToLower(string(architecture)))}}
	t.Attachments = []types.Attachment{{
		Id: new(s.uuid()), Type: new("ElasticNetworkInterface"), Status: new("PRECREATED"),
		Details: []types.KeyValuePair{{Name: new("subnetId"), Value: &t.Subnet}},
	}}
	for _, def := range d.ContainerDefinitions {
		t.Containers = append(t.Containers, types.Container{
			ContainerArn: new(s.arn("ecs", r.Name, "container/"+*c.ClusterName+"/"+id+"/"+s.uuid())), TaskArn: t.TaskArn,
			Name: def.Name, Image: def.Image, LastStatus: new("PENDING"), HealthStatus: types.HealthStatusUnknown,
			Cpu: new(strconv.Itoa(int(def.Cpu))), NetworkBindings: []types.NetworkBinding{}, NetworkInterfaces: []types.NetworkInterface{},
		})
	}
	put(&c.Tasks, id, t)
	s.next(r, t, eniAttach)
}

func (s *ecsService) next(r *Region, t *task, d time.Duration) {
	s.after(d, "ecs task", r.Name+"/"+(*t.ClusterArn)[strings.LastIndex(*t.ClusterArn, "/")+1:]+"/"+t.id())
}

// findTask is the one that an event is about; nil once it is forgotten.
func (s *ecsService) findTask(id string) (*Region, *cluster, *task) {
	parts := strings.Split(id, "/")
	r := s.regionNamed(parts[0])
	c := r.ECS.Clusters[parts[1]]
	if c == nil {
		return r, nil, nil
	}
	return r, c, c.Tasks[parts[2]]
}

// proceed takes a task to its next state (developer guide, "Task lifecycle").
func (s *ecsService) proceed(id string) {
	r, c, t := s.findTask(id)
	if t == nil {
		return
	}
	if *t.DesiredStatus == "STOPPED" {
		s.wane(r, c, t)
		return
	}
	d := r.ECS.definition(*t.TaskDefinitionArn)
	switch *t.LastStatus {
	case "PROVISIONING":
		if s.stalls(r, c, t, stageNetwork) {
			break
		}
		if err := s.connect(r, t); err != nil {
			s.stop(r, c, t, types.TaskStopCodeTaskFailedToStart, "Unexpected EC2 error while attempting to Create Network Interface: "+code(err), nil)
			return
		}
		t.LastStatus, t.Connectivity, t.ConnectivityAt = new("PENDING"), types.ConnectivityConnected, new(s.clock)
		s.next(r, t, microVM)
	case "PENDING":
		s.start(r, c, t, d)
	case "ACTIVATING":
		t.LastStatus, t.StartedAt = new("RUNNING"), new(s.clock)
		s.running(r, c, t, d)
	case "RUNNING":
		s.lives(r, c, t, d)
	}
	s.woken(r, c, t)
}

// woken makes the scheduler look at the service of a task that has changed.
func (s *ecsService) woken(r *Region, c *cluster, t *task) {
	if sv := c.Services[t.Service]; sv != nil {
		sv.Looks = 0
		s.wake(r, sv, 0)
	}
}

// start pulls the image, then starts the containers.
func (s *ecsService) start(r *Region, c *cluster, t *task, d *definition) {
	switch {
	case t.PullStartedAt == nil:
		if s.stalls(r, c, t, stageInit) {
			return
		}
		if timeout := s.unreachable(r, t, d); timeout != "" && t.Stopping == nil {
			t.Stopping = &stopping{Reason: timeout}
			s.next(r, t, connectTimeout)
			return
		} else if timeout != "" {
			s.stop(r, c, t, types.TaskStopCodeTaskFailedToStart, timeout, nil)
			return
		}
		t.Stopping = nil
		if reason := s.withheld(r, d); reason != "" {
			s.stop(r, c, t, types.TaskStopCodeTaskFailedToStart, reason, nil)
			return
		}
		t.PullStartedAt = new(s.clock)
		if !s.stalls(r, c, t, stagePull) {
			s.next(r, t, imagePull)
		}
	case t.PullStoppedAt == nil:
		if s.stalls(r, c, t, stagePull) {
			return
		}
		if reason := s.unpullable(d); reason != "" {
			s.stop(r, c, t, types.TaskStopCodeTaskFailedToStart, reason, &stopping{Reason: reason})
			return
		}
		t.PullStoppedAt = new(s.clock)
		for i := range t.Containers {
			t.Containers[i].ImageDigest, t.Containers[i].RuntimeId = s.digest(*t.Containers[i].Image), new(t.id()+"-"+s.digits(10))
		}
		s.next(r, t, containerStart)
	default:
		if s.stalls(r, c, t, stageStart) {
			return
		}
		t.LastStatus = new("ACTIVATING")
		for i := range t.Containers {
			t.Containers[i].LastStatus = new("RUNNING")
		}
		s.agents(r, t)
		if b := t.Broken; b != nil && b.Start != nil {
			s.says(r, t, b.Container, b.Start...)
		} else if !t.commanded() {
			s.says(r, t, "", "starting "+*t.Containers[0].Image, "listening on :"+firstPort(d))
		}
		s.register(r, c, t)
		s.next(r, t, time.Second)
	}
}

func firstPort(d *definition) string {
	for _, c := range d.ContainerDefinitions {
		for _, p := range c.PortMappings {
			return strconv.Itoa(int(*p.ContainerPort))
		}
	}
	return "8080"
}

// running plans what comes of a task that runs: its health, and its end.
func (s *ecsService) running(r *Region, c *cluster, t *task, d *definition) {
	if t.commanded() {
		s.resumes(r, c, t)
		return
	}
	if t.Broken.fails(stageRun) {
		s.next(r, t, t.Broken.After)
		return
	}
	wait := aloneHealthy
	for _, def := range d.ContainerDefinitions {
		if h := def.HealthCheck; h != nil {
			wait = time.Duration(*h.Interval) * time.Second
			if t.Broken.failsCheck() { // as often in a row as it is tried again, not counted during the start period
				wait = time.Duration(or(h.StartPeriod, 0)+*h.Interval*(*h.Retries)) * time.Second
			}
		}
	}
	s.next(r, t, wait)
}

// lives is a moment in a running task's life: a check of its containers, or its end.
func (s *ecsService) lives(r *Region, c *cluster, t *task, d *definition) {
	if t.commanded() {
		s.plays(r, c, t)
		return
	}
	if t.Broken.fails(stageRun) {
		s.breaks(r, c, t)
		return
	}
	for i, def := range d.ContainerDefinitions {
		sick := t.Broken.failsCheck() && t.Broken.index(t) == i
		if def.HealthCheck != nil || sick && !t.Broken.Unhealthy {
			t.Containers[i].HealthStatus = types.HealthStatusHealthy
			if t.Broken.failsCheck() {
				t.Containers[i].HealthStatus = types.HealthStatusUnhealthy
			}
			t.HealthStatus = t.Containers[i].HealthStatus
		}
	}
	t.Known = true
	if t.HealthStatus == types.HealthStatusUnhealthy {
		if sv := c.Services[t.Service]; sv != nil {
			s.event(sv, "(task %s) failed container health checks.", t.id())
		}
		s.stop(r, c, t, types.TaskStopCodeServiceSchedulerInitiated, "Task failed container health checks", nil)
	}
}

// says writes lines to the log of a container; for "", or where it has none, to that of the first one that has.
func (s *ecsService) says(r *Region, t *task, container string, lines ...string) {
	d := r.ECS.definition(*t.TaskDefinitionArn)
	logs := func(def types.ContainerDefinition) bool {
		return def.LogConfiguration != nil && def.LogConfiguration.LogDriver == types.LogDriverAwslogs
	}
	named := slices.ContainsFunc(d.ContainerDefinitions, func(def types.ContainerDefinition) bool { return *def.Name == container && logs(def) })
	if !named && slices.ContainsFunc(t.Containers[min(len(d.ContainerDefinitions), len(t.Containers)):], func(c types.Container) bool { return *c.Name == container }) {
		return // one that Fargate has added writes elsewhere
	}
	for _, def := range d.ContainerDefinitions {
		if l := def.LogConfiguration; logs(def) && (!named || *def.Name == container) {
			// A line that can't be written is lost, as awslogs loses it in its non-blocking mode.
			_ = s.log(r, l.Options["awslogs-group"], l.Options["awslogs-stream-prefix"]+"/"+*def.Name+"/"+t.id(), s.clock, lines...)
			return
		}
	}
}

// register puts the task's address into its service's target groups.
func (s *ecsService) register(r *Region, c *cluster, t *task) {
	sv := c.Services[t.Service]
	if sv == nil {
		return
	}
	for _, lb := range sv.Revisions[sv.Live[t.Deployment].Revision].LoadBalancers {
		t.Targets = append(t.Targets, lb)
		s.registerTarget(r, *lb.TargetGroupArn, t.IP, *lb.ContainerPort)
		s.spoil(r, t, lb)
		s.event(sv, "registered 1 targets in (target-group %s)", *lb.TargetGroupArn)
	}
}

// connect gives a task its network interface.
func (s *ecsService) connect(r *Region, t *task) error {
	attached := s.arn("ecs", r.Name, "attachment/"+*t.Attachments[0].Id)
	id, ip, err := s.attachENI(r, t.Subnet, t.Network.SecurityGroups, ownedByECS, attached)
	if err != nil {
		return err
	}
	t.ENI, t.IP = id, ip
	if facts, _ := s.subnetFacts(r, t.Subnet); facts.internet && t.Network.AssignPublicIp == types.AssignPublicIpEnabled {
		s.mapPublicIP(r, id)
	}
	eni := r.EC2.ENIs[id]
	t.AvailabilityZone = eni.AvailabilityZone
	t.Attachments[0].Status = new("ATTACHED")
	for _, kv := range [][2]string{{"networkInterfaceId", id}, {"macAddress", *eni.MacAddress}, {"privateDnsName", *eni.PrivateDnsName}, {"privateIPv4Address", ip}} {
		t.Attachments[0].Details = append(t.Attachments[0].Details, types.KeyValuePair{Name: new(kv[0]), Value: new(kv[1])})
	}
	for i := range t.Containers {
		t.Containers[i].NetworkInterfaces = []types.NetworkInterface{{AttachmentId: t.Attachments[0].Id, PrivateIpv4Address: &ip}}
	}
	return nil
}

// taskLine is how events list tasks.
func taskLine(tasks []*task) string {
	var b strings.Builder
	for _, t := range tasks {
		fmt.Fprintf(&b, " (task %s)", t.id())
	}
	return strings.TrimSpace(b.String())
}
