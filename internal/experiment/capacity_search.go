package experiment

import (
	"math"
	"slices"
)

// tried is one load with the steps that measured it.
type tried struct {
	load      float64
	logarithm float64 // of the load
	steps     []Measurement
	judged    []judgment
}

// read sorts measurements by load, in the order in which the loads came up.
func (p *capacity) read(done []Measurement) []tried {
	var all []tried
	for _, m := range done {
		load := p.of(m.Step)
		i := slices.IndexFunc(all, func(t tried) bool { return t.load == load })
		if i < 0 {
			i = len(all)
			all = append(all, tried{load: load, logarithm: math.Log(load)})
		}
		all[i].steps, all[i].judged = append(all[i].steps, m), append(all[i].judged, p.judged(m))
	}
	return all
}

// carried is how many steps met the criteria.
func (t tried) carried() int {
	n := 0
	for _, j := range t.judged {
		if j.carried() {
			n++
		}
	}
	return n
}

// missed is how many steps did not.
func (t tried) missed() int { return len(t.judged) - t.carried() }

// broke is the first judgment that did not meet the criteria.
func (t tried) broke() judgment {
	for _, j := range t.judged {
		if !j.carried() {
			return j
		}
	}
	return judgment{}
}

// at finds the load among those tried; one without steps was not.
func at(all []tried, load float64) tried {
	if i := slices.IndexFunc(all, func(t tried) bool { return t.load == load }); i >= 0 {
		return all[i]
	}
	return tried{}
}

// belief is what the steps say of the capacity, the load that every second step
// carries: how likely each of many candidates is.
//
// A step of load x is carried with probability λ + (1-2λ)/(1 + (x/c)^(1/s)): the
// capacity c and the noise s are not known, and of λ steps it is chance alone
// that decides, so that one step never settles anything. What is tried next is
// the median: probabilistic bisection, with the likelihood of a psychometric
// function in place of a constant one.
//
// Sources: R. Waeber, P. I. Frazier and S. G. Henderson, "Bisection Search with
// Noisy Responses", SIAM Journal on Control and Optimization 51 (2013); L. L.
// Kontsevich and C. W. Tyler, "Bayesian adaptive estimation of psychometric
// slope and threshold", Vision Research 39 (1999).
type belief struct {
	candidates []float64 // ascending, evenly spaced in their logarithms
	likely     []float64 // sums to 1
}

const lapse = 0.02 // λ

// noises are the candidates for s, equally likely: a step's outcome is decided
// within a hundredth, or a fifth, of the capacity.
var noises = []float64{0.003, 0.01, 0.03, 0.1, 0.2}

// newBelief begins with every order of magnitude as likely, from half the
// smallest load that can be tried to twice the largest, and looks more closely
// at where the capacity can be.
func newBelief(least, most float64, all []tried) belief {
	const coarse, fine, negligible = 150, 300, 1e-4
	b := beliefWithin(math.Log(least/2), math.Log(2*most), coarse, all)
	width := math.Log(b.candidates[1] / b.candidates[0])
	return beliefWithin(math.Log(b.quantile(negligible))-width, math.Log(b.quantile(1-negligible))+width, fine, all)
}

func beliefWithin(low, high float64, n int, all []tried) belief {
	b := belief{candidates: make([]float64, n), likely: make([]float64, n)}
	var sum float64
	for i := range b.candidates {
		at := low + (high-low)*(float64(i)+0.5)/float64(n)
		for _, noise := range noises {
			b.likely[i] += math.Exp(likelihood(all, at, noise))
		}
		b.candidates[i] = math.Exp(at)
		sum += b.likely[i]
	}
	for i := range b.likely {
		b.likely[i] /= sum
	}
	return b
}

// likelihood is the logarithm of the probability of all outcomes, where capacity
// is the logarithm of one.
func likelihood(all []tried, capacity, noise float64) float64 {
	var sum float64
	for _, t := range all {
		carries := lapse + (1-2*lapse)/(1+math.Exp((t.logarithm-capacity)/noise))
		if n := t.carried(); n > 0 {
			sum += float64(n) * math.Log(carries)
		}
		if n := t.missed(); n > 0 {
			sum += float64(n) * math.Log(1-carries)
		}
	}
	return sum
}

// quantile is the load that the capacity is below with that probability.
func (b belief) quantile(q float64) float64 {
	var sum float64
	for i, l := range b.likely {
		if sum += l; sum >= q {
			return b.candidates[i]
		}
	}
	return b.candidates[len(b.candidates)-1]
}
