// Package near guesses what was meant by a word that is mistyped.
package near

import "strings"

// Word is the word of known that takes the fewest slips to get to, a third of the letters at most.
func Word(word string, known []string) string {
	folded := fold(word)
	if len(folded) > 64 {
		return ""
	}
	best, slips := "", max(1, len(folded)/3)+1
	for _, k := range known[:min(len(known), 200)] {
		if n := distance(folded, fold(k)); n < slips {
			best, slips = k, n
		}
	}
	return best
}

// fold drops what people write in several ways: case, dashes, underscores.
func fold(word string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(word))
}

// distance counts the letters to add, drop, change or swap with their neighbour between a and b.
func distance(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
