//go:build race

package steps

// stride thins the sweeps out where the race detector makes everything slow: it looks for races, and the sweeps go over
// the same code again and again. Without it they are whole.
const stride = 9
