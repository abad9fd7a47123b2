package compare

// Answer is what a comparison says, of one figure or of a whole run.
type Answer string

// The four answers.
const (
	Better  Answer = "better"
	Same    Answer = "same"
	Worse   Answer = "worse"
	Unknown Answer = "unknown" // it cannot be told
)

// overall is the answer that counts among many: a figure that got worse stays
// so whatever could not be compared, and a run is not fine while one is unknown.
func overall(answers []Answer) Answer {
	count := map[Answer]int{}
	for _, a := range answers {
		count[a]++
	}
	switch {
	case count[Worse] > 0:
		return Worse
	case count[Unknown] > 0, len(answers) == 0:
		return Unknown
	case count[Better] > 0:
		return Better
	default:
		return Same
	}
}
