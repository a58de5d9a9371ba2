package manifest

import "slices"

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
