package diagnosis

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// fewDropped is the share of arrivals up to which k6 may just have begun before
// its users were ready.
const fewDropped = 0.01

// findGeneratorSaturated sees a load generator that could not make the load, or
// measured its own slowness.
func findGeneratorSaturated(run *Facts, _ *Pool) finding {
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
	if run.generator.cpu.count >= timeline.EnoughReadings && run.generator.cpu.median >= timeline.BusyCPU {
		add(Certain, "k6 itself used %.0f %% of the processors it may use, at the median", run.generator.cpu.median)
	}
	if run.generator.delay.count >= timeline.EnoughReadings && run.generator.delay.median >= timeline.LongDelay {
		add(Likely, "runnable work waited %s for a core (p99, at the median)", text.Millis(run.generator.delay.median))
	}
	return f
}
