// Package nearest finds the known word a mistyped one was probably meant to
// be, so that every refusal of an unknown key, flag or verb can name it.
package nearest

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// Of returns the known word closest to word, ignoring case, and whether one is
// close enough to be worth suggesting: one begins the other, or at most a third
// of the letters differ. Of two equally close words the earlier in known wins,
// so the answer is stable.
func Of(word string, known []string) (string, bool) {
	lower := strings.ToLower(word)
	if lower == "" {
		return "", false
	}
	best, distance := "", -1
	for _, candidate := range known {
		other := strings.ToLower(candidate)
		d := levenshtein.ComputeDistance(lower, other)
		if isPrefix(lower, other) {
			d = min(d, 1)
		}
		if distance < 0 || d < distance {
			best, distance = candidate, d
		}
	}
	if distance < 0 || distance > max(1, max(len(lower), len(best))/3) {
		return "", false
	}
	return best, true
}

// isPrefix reports whether one word of at least three letters begins the other.
func isPrefix(a, b string) bool {
	if min(len(a), len(b)) < 3 {
		return false
	}
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// Hint words the suggestion for an error message: `, did you mean "tables"?`
// when one known word is close, else the list of all known words.
func Hint(word string, known []string) string {
	if guess, ok := Of(word, known); ok {
		return `, did you mean "` + guess + `"?`
	}
	if len(known) == 0 {
		return ""
	}
	return ", known are " + strings.Join(known, ", ")
}
