package release

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Causes of containers that end by themselves. Exit codes above 128 are a signal's number and 128 (Linux: wait(2), and
// how shells and container runtimes tell of it).
var exitCauses = []Cause{
	{
		"OutOfMemory", "A container used more memory than it has, and was killed.",
		"Give the task more `memory`, or have the program use less.", outOfMemory,
	},
	{
		"SidecarExited", "An essential container that is not the release's own ended, and took the task along.",
		"Read its log; make it not essential, or mend it.", sidecarExited,
	},
	{
		"Crashed", "The program was ended by a signal: a segmentation fault, an abort, an illegal instruction.",
		"Read the end of its log. An illegal instruction speaks for an image built for another processor.", crashed,
	},
	{
		"ExitZero", "The program ended by itself with exit code 0; a service has to keep running.",
		"Run the server in the foreground. A job that ends is for `fargatectl run`.", exitZero,
	},
	{
		"ExitLater", "The program served, and then ended with an error.",
		"Read the end of its log: `fargatectl logs tail --since 30m`.", exitLater,
	},
	{
		"ExitAtStart", "The program ended with an error right after its start.",
		"Read its log: a missing variable, a database that it can't reach, a port that is taken.", exitAtStart,
	},
}

var (
	memoryWords = phraseOf(`(?i)OutOfMemory|out of memory|killed due to memory`)
	heapWords   = phraseOf(`java\.lang\.OutOfMemoryError|JavaScript heap out of memory|fatal error: runtime: out of memory|(?i)memory allocation of \d+ bytes failed`)
	fullDisk    = phraseOf(`(?i)no space left on device|ENOSPC|disk quota exceeded`)
)

var signals = map[int32]string{
	129: "SIGHUP", 131: "SIGQUIT", 132: "SIGILL, an illegal instruction", 133: "SIGTRAP", 134: "SIGABRT, it aborted itself",
	135: "SIGBUS, a bad memory access", 136: "SIGFPE, an arithmetic error", 139: "SIGSEGV, a segmentation fault", 159: "SIGSYS, a forbidden system call",
}

// ended says whether a task stopped because an essential container of it did.
func (t TaskSeen) ended() bool {
	return t.StopCode == "EssentialContainerExited" || strings.HasPrefix(t.StoppedReason, "Essential container in task exited")
}

// culprit is the container that ended the task: those that were told to stop because of it exit with 0, or with 143 or 137
// by the signal. Where nothing tells them apart it is the release's own.
func (e *Evidence) culprit(t TaskSeen) Ended {
	var own, other *Ended
	byItself := func(c Ended) bool {
		return c.ExitCode != nil && *c.ExitCode != 0 && *c.ExitCode != 143 && *c.ExitCode != 137
	}
	for i, c := range t.Containers {
		switch {
		case c.Name == e.Container:
			own = &t.Containers[i]
		case e.essential(c.Name) && (other == nil || byItself(c) && !byItself(*other)):
			other = &t.Containers[i]
		}
	}
	switch {
	case own == nil && other == nil:
		return Ended{Name: e.Container}
	case own == nil:
		return *other
	case other == nil, byItself(*own), memoryWords.MatchString(own.Reason):
		return *own
	case byItself(*other), memoryWords.MatchString(other.Reason):
		return *other
	case other.ExitCode != nil && *other.ExitCode == 0 && (val(own.ExitCode) == 143 || val(own.ExitCode) == 137):
		return *other // it ended well, and the release's own was told to stop
	}
	return *own
}

func outOfMemory(e *Evidence, t TaskSeen) *finding {
	c := e.culprit(t)
	heap := e.logged(t, heapWords)
	switch {
	case t.ID == "":
		return nil
	case memoryWords.MatchString(t.text()):
		for _, o := range t.Containers {
			if memoryWords.MatchString(o.Reason) {
				c = o
			}
		}
	case t.ended() && val(c.ExitCode) == 137, t.ended() && heap != "": // nobody else kills a container that was not told to stop
	default:
		return nil
	}
	has := e.Memory
	if m := e.definition(c.Name).Memory; m > 0 {
		has = fmt.Sprint(m)
	}
	f := found("give it more: raise "+e.setting("memory", "memory of the task definition")+" ("+has+" MiB now), or have the program use less", "container %s used more memory than it has (%s MiB) and was killed%s", c.Name, has, coded(c))
	if heap != "" {
		f.summary = fmt.Sprintf("container %s ran out of memory (the task has %s MiB)%s", c.Name, has, coded(c))
		f.quote = []string{"log: " + heap}
	}
	return f
}

// coded is an exit code in brackets.
func coded(c Ended) string {
	if c.ExitCode == nil {
		return ""
	}
	return fmt.Sprintf(" (exit code %d)", *c.ExitCode)
}

func diskFull(e *Evidence, t TaskSeen) *finding {
	text, line := e.told(t, fullDisk), ""
	if text == "" && t.ID != "" {
		line = e.logged(t, fullDisk)
	}
	if text == "" && line == "" {
		return nil
	}
	f := found("give the task more disk: "+e.setting("ephemeral_storage", "ephemeralStorage of the task definition")+" (21 to 200 GiB), or make the image or what it writes smaller", "the disk of the task is full (%d GiB)", max(e.Disk, 20))
	if line != "" {
		f.quote = []string{"log: " + line}
	}
	return f
}

func sidecarExited(e *Evidence, t TaskSeen) *finding {
	c := e.culprit(t)
	if !t.ended() || c.Name == e.Container {
		return nil
	}
	return found("see its log: fargatectl logs tail --since 30m; set essential to false if the release can do without it", "the sidecar %s ended%s and took the task along; container %s did not fail", c.Name, coded(c), e.Container)
}

func crashed(e *Evidence, t TaskSeen) *finding {
	c := e.culprit(t)
	name, ok := signals[val(c.ExitCode)]
	if !t.ended() || !ok {
		return nil
	}
	hint := "read the end of its log above; run the image where it crashes: docker run " + c.image(e)
	if val(c.ExitCode) == 132 {
		hint = "is it built for this processor? " + e.build()
	}
	return found(hint, "container %s crashed%s: %s", c.Name, coded(c), name)
}

func (c Ended) image(e *Evidence) string { return cmp.Or(e.definition(c.Name).Image, e.Image) }

func exitZero(e *Evidence, t TaskSeen) *finding {
	c := e.culprit(t)
	if !t.ended() || c.ExitCode == nil || *c.ExitCode != 0 {
		return nil
	}
	return found("run the server in the foreground (not as a daemon); a job that ends is for fargatectl run", "container %s ended by itself with exit code 0%s; a service has to keep running", c.Name, t.after())
}

// after is how long a task ran, as the end of a sentence.
func (t TaskSeen) after() string {
	if d := t.lived(); d >= time.Second {
		return " after " + took(d)
	}
	return ""
}

// served says whether a task had been healthy: it was seen so, or it ran longer than ECS lets one live that the balancer
// finds unhealthy.
func (e *Evidence) served(t TaskSeen) bool {
	if t.HealthyAt != nil {
		return true
	}
	check, least := e.check(), time.Minute
	if check.Interval > 0 {
		least = max(time.Duration(e.Grace)*time.Second, time.Duration(check.Interval*check.Unhealthy)*time.Second) + 30*time.Second
	}
	return t.lived() > least
}

func exitLater(e *Evidence, t TaskSeen) *finding {
	c := e.culprit(t)
	if !t.ended() || val(c.ExitCode) == 0 || !e.served(t) {
		return nil
	}
	return e.exited(t, "container %s served, and ended with exit code %d%s", c)
}

func exitAtStart(e *Evidence, t TaskSeen) *finding {
	c := e.culprit(t)
	if !t.ended() || val(c.ExitCode) == 0 {
		return nil
	}
	return e.exited(t, "container %s ended with exit code %d%s", c)
}

// exited says how a container has ended, with the last line of its log.
func (e *Evidence) exited(t TaskSeen, summary string, c Ended) *finding {
	f := found("read its log (fargatectl logs tail --since 30m), mend it, and deploy again", summary, c.Name, *c.ExitCode, t.after())
	for _, l := range slices.Backward(e.log(t.ID, c.Name)) {
		if last := strings.TrimSpace(l.Message); last != "" {
			f.summary += ": " + oneLine(last)
			break
		}
	}
	return f
}
