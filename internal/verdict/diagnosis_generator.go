package verdict

import "fmt"

const (
	busyCPU   = 90 // percent of all cores, at the median
	longDelay = 50 // milliseconds at p99 of a stretch, at the median of all
	enough    = 3  // readings

	// fewDropped is the share of arrivals up to which k6 may just have begun
	// before its users were ready.
	fewDropped = 0.01
)

// findGeneratorSaturated sees a load generator that could not make the load, or
// measured its own slowness.
func findGeneratorSaturated(s symptoms) finding {
	var f finding
	r := s.run
	add := func(confidence Confidence, format string, args ...any) {
		if confidence.rank() > f.confidence.rank() {
			f.confidence = confidence
		}
		f.evidence = append(f.evidence, fmt.Sprintf(format, args...))
	}
	if r.dropped > 0 {
		confidence := Likely
		if r.dropped < fewDropped*(r.dropped+r.iterations) {
			confidence = Possible
		}
		add(confidence, "%.0f of %.0f iterations never began, no VU of %.0f was free (dropped_iterations)",
			r.dropped, r.dropped+r.iterations, r.users)
	}
	if r.cpu.count >= enough && r.cpu.median >= busyCPU {
		add(Certain, "k6 itself used %.0f %% of all cores at the median", r.cpu.median)
	}
	if r.delay.count >= enough && r.delay.median >= longDelay {
		add(Likely, "work that was ready waited %s for a core (p99, at the median)", Duration(r.delay.median))
	}
	return f
}
