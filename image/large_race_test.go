//go:build race && linux

package image

// The race detector has memory of its own, and takes its time.
func init() { largeFiles, largeBytes, largeSlack = 2_000, 64<<20, 40<<20 }
