package experiment

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// capacity looks for the largest load that meets the criteria: up in growing
// steps until one does not, then by probabilistic bisection, see [belief].
type capacity struct {
	settings
}

func newCapacity(s settings) *capacity {
	if s.from == 0 {
		s.from = firstLoad(s)
	}
	if s.loads == nil {
		s.loads = doubling(s.from, s.largest())
	}
	return &capacity{s}
}

// firstLoad is small enough for most configurations to carry it.
func firstLoad(s settings) float64 {
	const users, part = 10, 32
	if s.rate > 0 {
		return s.rate / part
	}
	return math.Min(users, s.largest())
}

func doubling(from, most float64) []float64 {
	var loads []float64
	for load := from; load < most; load *= 2 {
		loads = append(loads, load)
	}
	return append(loads, most)
}

func (p *capacity) Connections() int { return p.reserved(p.pool.connections()) }

func (p *capacity) Prepare(server Server) error {
	if !p.controlled() {
		return nil
	}
	return server.check(p.label(p.most()), p.needed(p.pool.connections()))
}

func (p *capacity) MaxDuration() time.Duration {
	return time.Duration(len(p.loads)+p.searching()) * p.longest(p.pool.timeout())
}

// searching is how many steps are taken at most once a load has not been
// carried: about seven to come near, the others to be sure.
func (p *capacity) searching() int { return 14 * p.rounds }

func (p *capacity) Next(done []Measurement) (Step, bool) {
	all := p.read(done)
	load, ok := p.next(all)
	if !ok {
		return Step{}, false
	}
	return p.stepAt(load, len(at(all, load).steps)+1), true
}

func (p *capacity) stepAt(load float64, round int) Step {
	step := p.step()
	step.Label, step.Round, step.Load = p.label(load), round, p.loadOf(load)
	if p.controlled() {
		step.Options = p.given.with(nil)
	}
	return step
}

func (p *capacity) loadOf(load float64) Load {
	if p.rate > 0 {
		return Load{Users: p.users, Rate: load}
	}
	return Load{Users: int(load)}
}

func (p *capacity) label(load float64) string {
	if p.rate > 0 {
		return text.Number(load) + "/s"
	}
	return text.Counted(int(load), "user")
}

// of is the load of a step, in users or in arrivals per second.
func (p *capacity) of(step Step) float64 {
	if p.rate > 0 {
		return step.Load.Rate
	}
	return float64(step.Load.Users)
}

// next is the load to try next; false where the capacity is known as exactly
// as was asked for, or the steps are used up.
func (p *capacity) next(all []tried) (float64, bool) {
	if load, ok := p.climb(all); ok {
		return load, true
	}
	found := p.find(all)
	switch {
	case p.stepsLeft(all) <= 0 || found.exact(p):
		return 0, false
	case found.low < p.wanted && p.wanted <= found.high:
		// A resolution must not decide what is asked.
		if at(all, p.wanted).steps == nil {
			return p.wanted, true
		}
	}
	return p.round(min(max(found.middle, p.least()), p.most())), true
}

// climb goes up the given loads. One that is not carried is tried again: a
// hiccup must not end the search far below the capacity.
func (p *capacity) climb(all []tried) (float64, bool) {
	for _, load := range p.loads {
		t := at(all, load)
		switch {
		case t.missed() > 1:
			return 0, false
		case t.carried() == 0:
			return load, true
		}
	}
	return 0, false
}

// least is the smallest load that is tried. Between no arrivals and nearly none
// there is always a middle.
func (p *capacity) least() float64 {
	const part = 32
	if p.rate > 0 {
		return p.loads[0] / part
	}
	return 1
}

// most is the largest load that is tried.
func (p *capacity) most() float64 { return p.loads[len(p.loads)-1] }

// round makes a load of a number: an integer number of users, or a rate that can be
// read.
func (p *capacity) round(load float64) float64 {
	if p.rate == 0 {
		return math.Round(load)
	}
	const digits = 3
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(load, 'g', digits, 64), 64) // of a number
	return min(rounded, p.most())
}

// found is what is known of the capacity.
type found struct {
	low, middle, high float64 // the ends of the 95 % interval, and the median
}

// find reads the loads that were tried.
func (p *capacity) find(all []tried) found {
	b := newBelief(p.least(), p.most(), all)
	const tail = (1 - confidence) / 2
	return found{b.quantile(tail), b.quantile(0.5), b.quantile(1 - tail)}
}

// exact tells whether the capacity is known to the resolution, or to be beyond
// the loads that can be tried.
func (f found) exact(p *capacity) bool {
	low, high := max(f.low, p.least()/2), min(f.high, p.most())
	switch {
	case p.rate == 0 && math.Floor(high) <= math.Floor(low): // as many users are carried
		return true
	case f.high < p.least():
		return true
	default:
		return high <= low*(1+2*p.resolution)
	}
}

// stepsLeft is how many steps there are still to do at most.
func (p *capacity) stepsLeft(all []tried) int {
	most, done := len(p.loads)+p.searching(), 0
	for _, t := range all {
		done += len(t.steps)
	}
	if climbed := slices.IndexFunc(p.loads, func(load float64) bool { return at(all, load).missed() > 1 }); climbed >= 0 {
		most = climbed + 1 + p.searching()
	}
	return most - done
}

func (p *capacity) left(done []Measurement) (steps int, left time.Duration) {
	all := p.read(done)
	load, more := p.next(all)
	if !more {
		return 0, 0
	}
	return p.expected(slices.Repeat([]Step{p.stepAt(load, 1)}, p.stepsLeft(all)), done)
}

// String says what the plan is about.
func (p *capacity) String() string {
	if p.rate > 0 {
		return fmt.Sprintf("arrivals per second, for at most %s", text.Counted(p.users, "user"))
	}
	return "users thinking for " + text.Setting(p.think)
}
