package experiment

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// capacity looks for the largest load that meets the criteria: up in growing
// steps until one does not, then by halving between the two.
type capacity struct {
	settings
}

func newCapacity(s settings) *capacity {
	if s.from == 0 {
		s.from = firstLoad(s)
	}
	if s.loads == nil {
		s.loads = doubling(s.from, s.most())
	}
	return &capacity{s}
}

// firstLoad is small enough for most configurations to carry it.
func firstLoad(s settings) float64 {
	const users, part = 10, 32
	if s.rate > 0 {
		return s.rate / part
	}
	return math.Min(users, s.most())
}

func doubling(from, most float64) []float64 {
	var loads []float64
	for load := from; load < most; load *= 2 {
		loads = append(loads, load)
	}
	return append(loads, most)
}

func (p *capacity) Name() string         { return planCapacity }
func (p *capacity) Users() int           { return p.users }
func (p *capacity) Think() time.Duration { return p.think }

// Announce implements [Plan]. Steps are called by their load.
func (p *capacity) Announce(step Step, done []Measurement) string {
	return announce(p, step.Load.String(), "at most ", step, done)
}

func (p *capacity) Connections() int {
	if p.http {
		return 0
	}
	return p.pool.connections()
}

func (p *capacity) Prepare(server Server) error {
	if p.http {
		return nil
	}
	return server.check(p.label(p.loads[len(p.loads)-1]), min(p.users, p.pool.connections()))
}

func (p *capacity) MaxDuration() time.Duration {
	steps := p.mostLeft(bracket{}) * p.rounds
	return time.Duration(steps) * p.longest(p.pool.timeout())
}

// Next implements [Plan].
func (p *capacity) Next(done []Measurement) (Step, bool) {
	tried := p.read(done)
	if n := len(tried); n > 0 && !tried[n-1].decided(p.rounds) {
		return p.stepAt(tried[n-1].load, len(tried[n-1].steps)+1), true
	}
	if load, ok := p.next(p.bracket(tried)); ok {
		return p.stepAt(load, 1), true
	}
	return Step{}, false
}

func (p *capacity) stepAt(load float64, round int) Step {
	step := p.step()
	step.Label, step.Round, step.Load = p.label(load), round, p.loadOf(load)
	if !p.http {
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

// bracket encloses the capacity: the largest load that was carried, 0 where
// none was, and the smallest that was not, 0 where none was tried that was not.
type bracket struct{ carried, broke float64 }

// next is the load to try next; false where the capacity is known as exactly
// as was asked for.
func (p *capacity) next(b bracket) (float64, bool) {
	if b.broke == 0 {
		for _, load := range p.loads {
			if load > b.carried {
				return load, true
			}
		}
		return 0, false
	}
	if b.carried < p.wanted && p.wanted < b.broke {
		return p.wanted, true // a resolution must not decide what is asked
	}
	if p.rate > 0 {
		return p.nextRate(b)
	}
	if b.broke-b.carried <= math.Max(1, math.Floor(p.resolution*b.broke)) {
		return 0, false
	}
	return math.Floor((b.carried + b.broke) / 2), true
}

// nextRate gives up below a fraction of the first rate: between nothing and
// nearly nothing there is always a middle.
func (p *capacity) nextRate(b bracket) (float64, bool) {
	const least = 32
	if b.broke-b.carried <= p.resolution*b.broke || b.broke <= p.loads[0]/least {
		return 0, false
	}
	const digits = 4
	middle, err := strconv.ParseFloat(strconv.FormatFloat((b.carried+b.broke)/2, 'g', digits, 64), 64)
	return middle, err == nil && middle > b.carried && middle < b.broke
}

// mostLeft is how many loads there are still to try at most.
func (p *capacity) mostLeft(b bracket) int {
	if b.broke > 0 {
		return p.halvings(b)
	}
	most, steps := 0, 0
	for _, load := range p.loads {
		if load <= b.carried {
			continue
		}
		steps++
		most = max(most, steps+p.halvings(bracket{b.carried, load}))
		b.carried = load
	}
	return most
}

// halvings is how many loads are tried between the two ends at most.
func (p *capacity) halvings(b bracket) int {
	load, ok := p.next(b)
	if !ok {
		return 0
	}
	return 1 + max(p.halvings(bracket{load, b.broke}), p.halvings(bracket{b.carried, load}))
}

// Left implements [Plan].
func (p *capacity) Left(done []Measurement) (steps int, left time.Duration) {
	tried := p.read(done)
	b := p.bracket(tried)
	loads := 0
	if n := len(tried); n > 0 && !tried[n-1].decided(p.rounds) {
		last := tried[n-1]
		steps = p.rounds - len(last.steps)
		loads = max(p.mostLeft(bracket{last.load, b.broke}), p.halvings(bracket{b.carried, last.load}))
	} else {
		loads = p.mostLeft(b)
	}
	steps += loads * p.rounds
	return steps, time.Duration(steps) * (p.settle + p.duration)
}

// String says what the plan is about.
func (p *capacity) String() string {
	if p.rate > 0 {
		return fmt.Sprintf("arrivals per second, for at most %s", text.Counted(p.users, "user"))
	}
	return "users thinking for " + text.Setting(p.think)
}
