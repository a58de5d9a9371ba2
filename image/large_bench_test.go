//go:build bench && linux

package image

func init() { largeFiles, largeBytes = 100_000, 5<<30 }
