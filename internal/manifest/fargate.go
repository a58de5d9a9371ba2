package manifest

import (
	"cmp"
	"fmt"
	"slices"
)

// A size is what Fargate has for a number of CPU units: the memories in MiB that go with it.
type size struct {
	cpu    int32
	memory []int32
}

func (s size) has(memory int32) bool { return slices.Contains(s.memory, memory) }

// fargateSizes are those of Linux tasks.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
var fargateSizes = []size{
	{256, []int32{512, 1024, 2048}},
	{512, steps(1024, 4096, 1024)},
	{1024, steps(2048, 8192, 1024)},
	{2048, steps(4096, 16384, 1024)},
	{4096, steps(8192, 30720, 1024)},
	{8192, steps(16384, 61440, 4096)},
	{16384, steps(32768, 122880, 8192)},
	{32768, []int32{61440, 122880, 249856}},
}

func steps(from, to, by int32) []int32 {
	var all []int32
	for n := from; n <= to; n += by {
		all = append(all, n)
	}
	return all
}

// sizeOf is the size with a number of CPU units.
func sizeOf(cpu int32) (size, bool) {
	i := slices.IndexFunc(fargateSizes, func(s size) bool { return s.cpu == cpu })
	if i < 0 {
		return size{}, false
	}
	return fargateSizes[i], true
}

// nearestSizes are the pairs nearest to one that Fargate doesn't have: the same CPU with the nearest memory, and
// another CPU with the same memory or the next above it.
func nearestSizes(cpu, memory int32) [][2]int32 {
	var pairs [][2]int32
	if s, ok := sizeOf(cpu); ok {
		pairs = append(pairs, [2]int32{cpu, slices.MinFunc(s.memory, func(a, b int32) int {
			return int(max(a-memory, memory-a) - max(b-memory, memory-b))
		})})
	}
	for _, s := range fargateSizes {
		i := slices.IndexFunc(s.memory, func(m int32) bool { return m >= memory })
		if i >= 0 && s.cpu != cpu {
			return append(pairs, [2]int32{s.cpu, s.memory[i]})
		}
	}
	return pairs
}

// FargateSize is the size of a task that is asked for beside one that is there. What is not asked for (0) is what the
// other task has; where Fargate has no such pair, it is the least that goes with what is asked for. Its error names the
// nearest pairs.
func FargateSize(cpu, memory, hasCPU, hasMemory int32) (int32, int32, error) {
	at, with := cmp.Or(cpu, hasCPU), cmp.Or(memory, hasMemory)
	of, ok := sizeOf(at)
	switch {
	case ok && of.has(with):
		return at, with, nil
	case ok && memory == 0:
		return at, of.memory[0], nil
	case cpu == 0:
		if i := slices.IndexFunc(fargateSizes, func(s size) bool { return s.has(memory) }); i >= 0 {
			return fargateSizes[i].cpu, memory, nil
		}
	}
	return 0, 0, &SizeError{at, with}
}

// A SizeError is a pair of CPU and memory that Fargate has no task of.
type SizeError struct{ CPU, Memory int32 }

func (e *SizeError) Error() string {
	return fmt.Sprintf("Fargate has no task of %d CPU units with %d MiB", e.CPU, e.Memory)
}

// Hint names the nearest pairs.
func (e *SizeError) Hint() string {
	var near []string
	for _, pair := range nearestSizes(e.CPU, e.Memory) {
		near = append(near, fmt.Sprintf("--cpu %d --memory %d", pair[0], pair[1]))
	}
	if near == nil {
		return ""
	}
	return "the nearest are " + list(near, "or")
}

// LooksSecret says whether a value has the form of a secret, which must not stand where anybody can read it.
func LooksSecret(text string) bool { return looksSecret(text) }
