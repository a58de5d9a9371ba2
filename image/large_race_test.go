//go:build race && linux

package image

// The race detector has memory of its own, some 40 MB of it for what is built here, and takes its time.
func init() { largeFiles, largeBytes, largeSlack = 2_000, 256<<20, 100<<20 }
