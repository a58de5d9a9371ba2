//go:build race

package logs_test

const raced = true // by the race detector, which makes everything slow
