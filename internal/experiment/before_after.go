package experiment

import (
	"slices"
	"time"
)

// beforeAfter measures two configurations under the same load, in pairs whose
// order turns from round to round (before, after, after, before …): a machine that
// grows slower or faster by the same share from step to step favors either as
// often.
//
// Source: G. E. P. Box, J. S. Hunter and W. G. Hunter, Statistics for
// Experimenters (2nd ed. 2005), section 3.2: randomized paired comparisons.
type beforeAfter struct {
	sequence
	cores int
}

const (
	labelBefore = "before"
	labelAfter  = "after"
)

func newBeforeAfter(s settings) *beforeAfter {
	p := &beforeAfter{sequence: sequence{settings: s}}
	for round := 1; round <= s.rounds; round++ {
		pair := p.configurations()
		if round%2 == 0 {
			slices.Reverse(pair[:])
		}
		for _, c := range pair {
			step := s.step()
			step.Label, step.Round, step.Options = c.label, round, c.with(nil)
			p.steps = append(p.steps, step)
		}
	}
	return p
}

// labeled is a configuration with its name in the experiment.
type labeled struct {
	configuration
	label string
}

func (p *beforeAfter) configurations() [2]labeled {
	return [2]labeled{{p.before, labelBefore}, {p.after, labelAfter}}
}

func (p *beforeAfter) Connections() int {
	return p.reserved(max(p.before.connections(), p.after.connections()))
}

func (p *beforeAfter) MaxDuration() time.Duration {
	return time.Duration(p.rounds) * (p.longest(p.before.timeout()) + p.longest(p.after.timeout()))
}

func (p *beforeAfter) Prepare(server Server) error {
	p.cores = server.Cores
	for _, c := range p.configurations() {
		if err := server.check(c.label, p.needed(c.connections())); err != nil {
			return err
		}
	}
	return nil
}
