package sizing

import (
	"cmp"
	"math"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// WaitTarget is the longest wait that Percentile percent of the checkouts may
// have.
type WaitTarget struct {
	Wait       time.Duration // 0 or more
	Percentile float64       // above 0 and below 100
}

func (t WaitTarget) check() error {
	if t.Wait < 0 || t.Wait > MaxDuration {
		return &InputError{"wait target", t.Wait, "0 to 24h"}
	}
	return checkPercentile(t.Percentile)
}

// share is the share of checkouts that may wait longer.
func (t WaitTarget) share() float64 { return 1 - t.Percentile/100 }

// SmallestConnections finds the fewest connections of each pool that meet the
// target, at most one for each user; c.Connections is not looked at. A
// checkout that times out misses the target.
func (c ClosedLoop) SmallestConnections(target WaitTarget) (int, error) {
	c.Connections = 1
	if err := cmp.Or(target.check(), c.checkTarget(target), c.check()); err != nil {
		return 0, err
	}
	met := func(connections int) bool {
		c.Connections = connections
		return newNetwork(c).solve().exceeding(target.Wait) <= target.share()
	}
	busy := float64(c.Users) * c.Hold.Seconds() / (c.Hold + c.Think).Seconds()
	return smallest(c.Users, int(math.Ceil(busy/float64(c.Pools))), met), nil
}

func (c ClosedLoop) checkTarget(target WaitTarget) error {
	if c.PoolTimeout >= 0 && target.Wait > c.PoolTimeout {
		return &InputError{"wait target", target.Wait,
			"at most the pool timeout, " + c.PoolTimeout.String()}
	}
	return nil
}

// SmallestConnections finds the fewest connections that meet the target;
// o.Connections is not looked at. It fails with an [OverloadError] where
// MaxConnections would not suffice.
func (o OpenLoop) SmallestConnections(target WaitTarget) (int, error) {
	o.Connections = MaxConnections
	if _, err := o.Solve(); err != nil {
		return 0, err
	}
	if err := target.check(); err != nil {
		return 0, err
	}
	load := o.Rate * o.Hold.Seconds()
	met := func(connections int) bool {
		o.Connections = connections
		open, err := o.Solve()
		return err == nil && open.WaitExceeds(target.Wait) <= target.share()
	}
	return smallest(MaxConnections, int(load)+1, met), nil
}

// headroom is how full a pool may be: at the given percentile of time less than share
// of its connections are in use. The runbook's is less than 80 %.
type headroom struct {
	share      float64 // above 0, at most 1
	percentile float64 // above 0 and below 100
}

// Runbook is the room that the runbook asks for.
var Runbook = headroom{share: 0.8, percentile: 95}

// SmallestSize finds the fewest connections of each pool of which so much room
// stays where nobody waits; c.Connections is not looked at.
func (c ClosedLoop) SmallestSize(room headroom) (int, error) {
	c.Connections = min(c.Users, MaxConnections)
	closed, err := c.Solve()
	if err != nil {
		return 0, err
	}
	return room.smallest(closed.InUseExceeds), nil
}

// SmallestSize finds the fewest connections of which so much room stays where
// nobody waits, which is when as many are in use as a Poisson variable says (M/M/∞).
func (o OpenLoop) SmallestSize(room headroom) (int, error) {
	if err := cmp.Or(checkPositive("rate", o.Rate), checkHold(o.Hold)); err != nil {
		return 0, err
	}
	busy := distuv.Poisson{Lambda: o.Rate * o.Hold.Seconds()}
	return room.smallest(func(n int) float64 { return busy.Survival(float64(n)) }), nil
}

// smallest goes by the share of time in which more than n are in use.
func (r headroom) smallest(exceeds func(n int) float64) int {
	const rounding = 1e-9
	return smallest(MaxConnections, 1, func(size int) bool {
		most := int(math.Ceil(r.share*float64(size)-rounding)) - 1 // that are less than the share
		return exceeds(most) <= 1-r.percentile/100
	})
}

// smallest finds the smallest count from 1 to highest that is met, where every
// count above one that is met is met too and highest is. The search starts at
// guess and moves away from it in growing steps, because a count far below the
// answer is the most expensive to judge.
func smallest(highest, guess int, met func(int) bool) int {
	high := min(max(guess, 1), highest)
	low := 0 // not met
	for step := 1; high < highest && !met(high); step *= 2 {
		low, high = high, min(high+step, highest)
	}
	for high-low > 1 {
		if middle := (low + high) / 2; met(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// DeadlockFree is the fewest connections with which requests that each hold
// several at once cannot wait for each other forever: with one more than all of
// them hold without their last, some request always gets its last and ends.
//
// Source: B. Wooldridge, "About Pool Sizing", HikariCP's wiki: Tn × (Cm - 1) + 1.
func DeadlockFree(requests, perRequest int) (int, error) {
	err := cmp.Or(
		checkCount("requests at once", requests, 1, MaxUsers),
		checkCount("connections per request", perRequest, 1, MaxConnections),
	)
	if err != nil {
		return 0, err
	}
	return requests*(perRequest-1) + 1, nil
}
