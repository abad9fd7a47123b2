package experiment

import "time"

// sequence is a plan whose steps are known before the first.
type sequence struct {
	steps []Step
}

// Next implements [Plan].
func (q sequence) Next(done []Measurement) (Step, bool) {
	if len(done) >= len(q.steps) {
		return Step{}, false
	}
	return q.steps[len(done)], true
}

// Left implements [Plan].
func (q sequence) Left(done []Measurement) (steps int, left time.Duration) {
	for _, step := range q.steps[min(len(done), len(q.steps)):] {
		steps, left = steps+1, left+step.Settle+step.Duration
	}
	return steps, left
}
