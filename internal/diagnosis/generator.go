package diagnosis

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

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
func findGeneratorSaturated(run *Facts, p *Pool) finding {
	var f finding
	r := run.Requests
	add := func(confidence Confidence, format string, args ...any) {
		if confidence.rank() > f.confidence.rank() {
			f.confidence = confidence
		}
		f.evidence = append(f.evidence, fmt.Sprintf(format, args...))
	}
	if r.Dropped > 0 {
		confidence := Likely
		if r.Dropped < fewDropped*(r.Dropped+r.Iterations) {
			confidence = Possible
		}
		add(confidence, "%.0f of %.0f iterations never began, no VU of %.0f was free (dropped_iterations)",
			r.Dropped, r.Dropped+r.Iterations, r.Users)
	}
	if run.Generator.CPU.Count >= enough && run.Generator.CPU.Median >= busyCPU {
		add(Certain, "k6 itself used %.0f %% of all cores at the median", run.Generator.CPU.Median)
	}
	if run.Generator.Delay.Count >= enough && run.Generator.Delay.Median >= longDelay {
		add(Likely, "work that was ready waited %s for a core (p99, at the median)", text.Millis(run.Generator.Delay.Median))
	}
	return f
}
