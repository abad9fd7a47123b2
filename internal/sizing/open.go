package sizing

import (
	"cmp"
	"math"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// erlangB is the probability that a request finds every connection busy when
// nobody waits, by the recursion B(k) = aB(k-1) / (k + aB(k-1)), B(0) = 1. All
// its terms are between 0 and 1.
//
// Source: Erlang (1917), as above; the recursion: Gross and Harris, section 2.4.
func erlangB(connections int, load float64) float64 {
	blocked := 1.0
	for k := 1; k <= connections; k++ {
		blocked *= load
		blocked /= float64(k) + blocked
	}
	return blocked
}

// OpenLoop describes requests that arrive at a rate of their own, however long
// the earlier ones take: the queue M/M/m.
type OpenLoop struct {
	Rate        float64       // requests per second, above 0
	Hold        time.Duration // mean time a request holds its connection, above 0
	Connections int           // 1 to MaxConnections
}

// Open is the steady state of an [OpenLoop]. It is immutable.
type Open struct {
	loop OpenLoop
	load float64
	wait float64 // probability of waiting
}

// Solve finds the steady state. It fails for a value out
// of range and with an [OverloadError] when the connections do not suffice.
//
// The probability of waiting is Erlang's C. Source: A. K. Erlang, "Solution of
// some problems in the theory of probabilities of significance in automatic
// telephone exchanges", Elektroteknikeren 13 (1917); L. Kleinrock, Queueing
// Systems, volume 1 (1975), section 3.5. It is computed from Erlang B by
// C = B / (1 - ρ(1 - B)), ρ = load/connections, which needs no factorials:
// D. Gross and C. M. Harris, Fundamentals of Queueing Theory (1998), section 2.4.
func (o OpenLoop) Solve() (*Open, error) {
	err := cmp.Or(checkPositive("rate", o.Rate), checkHold(o.Hold), checkCount("connections", o.Connections, 1, MaxConnections))
	if err != nil {
		return nil, err
	}
	load, connections := o.Rate*o.Hold.Seconds(), float64(o.Connections)
	if load >= connections {
		return nil, &OverloadError{load: load, connections: o.Connections}
	}
	blocked := erlangB(o.Connections, load)
	return &Open{loop: o, load: load, wait: blocked / (1 - load/connections*(1-blocked))}, nil
}

// Utilization is the mean share of busy connections, 0 to 1.
func (o *Open) Utilization() float64 { return o.load / float64(o.loop.Connections) }

// WaitProbability is the share of requests that wait at all.
func (o *Open) WaitProbability() float64 { return o.wait }

// InUseExceeds is the share of time in which more than size connections are
// busy: with the pool size, the time spent in overflow. Below all connections
// the number of busy ones is a Poisson variable cut off there. Source: Gross and
// Harris, section 2.3.
func (o *Open) InUseExceeds(size int) float64 {
	if size >= o.loop.Connections {
		return 0
	}
	if size < 0 {
		return 1
	}
	busy := distuv.Poisson{Lambda: o.load}
	below := busy.CDF(float64(o.loop.Connections - 1))
	return o.wait + (1-o.wait)*(below-busy.CDF(float64(size)))/below
}

// MeanWait is the mean wait of all requests, those that do not wait included:
// C·S/(m - a). Source: Kleinrock, volume 1, section 3.5.
func (o *Open) MeanWait() time.Duration {
	return seconds(o.wait / o.drain())
}

// WaitExceeds is the share of requests that wait longer than t:
// C·exp(-(m - a)t/S). Source: Gross and Harris, section 2.3.
func (o *Open) WaitExceeds(t time.Duration) float64 {
	if t < 0 {
		return 1
	}
	return o.wait * math.Exp(-o.drain()*t.Seconds())
}

// WaitPercentile is the wait that percentile percent of the requests do not
// exceed. percentile is above 0 and below 100.
func (o *Open) WaitPercentile(percentile float64) (time.Duration, error) {
	if err := checkPercentile(percentile); err != nil {
		return 0, err
	}
	exceeding := 1 - percentile/100
	if o.wait <= exceeding {
		return 0, nil
	}
	return seconds(math.Log(o.wait/exceeding) / o.drain()), nil
}

// drain is the rate at which a standing queue shrinks, per second.
func (o *Open) drain() float64 {
	return (float64(o.loop.Connections) - o.load) / o.loop.Hold.Seconds()
}

func checkPercentile(percentile float64) error {
	if !(percentile > 0 && percentile < 100) {
		return &InputError{"percentile", percentile, "a number above 0 and below 100"}
	}
	return nil
}

// seconds converts to a Duration, the longest one where s is beyond it.
func seconds(s float64) time.Duration {
	if ns := s * float64(time.Second); ns < math.MaxInt64 {
		return time.Duration(ns)
	}
	return math.MaxInt64
}

// Little gives the mean number of requests in a system that takes rate
// requests per second and keeps each for residence on average: L = λW. With
// the hold time as residence it is the mean number of busy connections, with
// the wait for a connection it is the mean number waiting. It holds for any
// distribution and any order of service.
//
// Source: J. D. C. Little, "A Proof for the Queuing Formula: L = λW",
// Operations Research 9 (1961), pp. 383–387.
func Little(rate float64, residence time.Duration) float64 { return rate * residence.Seconds() }
