package sizing

import (
	"cmp"
	"math"
	"time"
)

// NoTimeout as [ClosedLoop.PoolTimeout] makes users wait for as long as it takes.
const NoTimeout time.Duration = math.MaxInt64

// ClosedLoop describes users who ask a pool for a connection, hold it, give it
// back, think, and ask again: M/M/m//N with a bounded wait. A user who hits the
// pool timeout goes back to thinking. Several pools (the workers of an
// application) share the users: each request goes to one of them at random,
// and whoever is unlucky waits although another pool has connections to spare.
type ClosedLoop struct {
	Users       int           // 1 to MaxUsers, over all pools
	Think       time.Duration // mean time from giving a connection back to asking again, 0 or more
	Hold        time.Duration // mean time a request holds its connection, above 0
	Pools       int           // 1 to MaxPools
	Connections int           // of each pool (size + overflow), 1 to MaxConnections
	PoolTimeout time.Duration // longest wait; 0 fails at once; NoTimeout waits forever
}

func (c ClosedLoop) check() error {
	err := cmp.Or(
		checkCount("users", c.Users, 1, MaxUsers),
		checkThink(c.Think),
		checkHold(c.Hold),
		checkCount("pools", c.Pools, 1, maxPools),
		checkCount("connections", c.Connections, 1, MaxConnections),
	)
	if err != nil {
		return err
	}
	if c.PoolTimeout < 0 {
		return &InputError{"pool timeout", c.PoolTimeout, "0 or more"}
	}
	if c.PoolTimeout == 0 && c.Think == 0 && c.Users > c.Connections {
		return &InputError{"think time", c.Think,
			"more than 0 where the pool timeout is 0, or users would retry endlessly"}
	}
	return nil
}

// Closed is the steady state of a [ClosedLoop]. It is immutable.
type Closed struct {
	loop ClosedLoop
	// states[n] is the share of time in which n users hold or await a
	// connection of one pool.
	states []float64
	// queues[i] is the logarithm of states[m+i] as it would be if nobody
	// gave up, on the scale of states.
	queues   []float64
	attempts float64 // checkouts per second at one pool, timed-out ones included
}

// Solve finds the steady state. It fails for a value out
// of range.
//
// Without a timeout the pools and the thinking users form a closed network in
// product form, solved here by convolution. Sources: F. Baskett, K. M. Chandy,
// R. R. Muntz and F. G. Palacios, Journal of the ACM 22 (1975), pp. 248–260;
// J. P. Buzen, Communications of the ACM 16 (1973), pp. 527–531. For one pool
// it is the machine-repair model: L. Kleinrock, Queueing Systems, volume 1
// (1975), section 3.8; D. Gross and C. M. Harris, Fundamentals of Queueing
// Theory (1998), section 2.7.
//
// The timeout T multiplies the weight of a state with i waiting by the
// probability that i services take no longer than T, P(i, mT/S). Source:
// A. Brandt and M. Brandt, "On the M(n)/M(n)/s queue with impatient calls",
// Performance Evaluation 35 (1999), pp. 1–18.
func (c ClosedLoop) Solve() (*Closed, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return newNetwork(c).solve(), nil
}

// Throughput is the number of requests per second that got a connection, over
// all pools.
func (s *Closed) Throughput() float64 {
	return s.InUse() / s.loop.Hold.Seconds()
}

// InUse is the mean number of connections held, over all pools.
func (s *Closed) InUse() float64 {
	var busy float64
	for n, p := range s.states {
		busy += p * float64(min(n, s.loop.Connections))
	}
	return busy * float64(s.loop.Pools)
}

// Utilization is the mean share of connections held, 0 to 1.
func (s *Closed) Utilization() float64 {
	return s.InUse() / (float64(s.loop.Connections) * float64(s.loop.Pools))
}

// waiting is the mean number of users waiting for a connection, over all pools.
func (s *Closed) waiting() float64 {
	var waiting float64
	for n := s.loop.Connections + 1; n < len(s.states); n++ {
		waiting += s.states[n] * float64(n-s.loop.Connections)
	}
	return waiting * float64(s.loop.Pools)
}

// InUseExceeds is the share of time in which more than size connections of one
// pool are held: with the pool size, the time spent in overflow.
func (s *Closed) InUseExceeds(size int) float64 {
	if size >= s.loop.Connections {
		return 0
	}
	var share float64
	for n := max(size+1, 0); n < len(s.states); n++ {
		share += s.states[n]
	}
	return math.Min(share, 1)
}

// MeanWait is the mean wait of all checkouts, those that do not wait and those
// that time out included, by Little's law.
func (s *Closed) MeanWait() time.Duration {
	return seconds(s.waiting() / (s.attempts * float64(s.loop.Pools)))
}

func secondsOf(timeout time.Duration) float64 {
	if timeout == NoTimeout {
		return math.Inf(1)
	}
	return timeout.Seconds()
}
