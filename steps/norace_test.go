//go:build !race

package steps

// stride is one: a sweep leaves nothing out.
const stride = 1
