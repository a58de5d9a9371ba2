//go:build !race

package logs_test

const raced = false
