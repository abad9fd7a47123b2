package sizing

import (
	"math"
)

// Asymptotes bound the throughput of a closed loop whatever the distributions:
// no more than the connections can serve, no more than the users can ask for.
//
// Source: P. J. Denning and J. P. Buzen, "The Operational Analysis of Queueing
// Network Models", Computing Surveys 10 (1978), pp. 225–261; L. Kleinrock,
// Queueing Systems, volume 2 (1976), section 4.12.
type Asymptotes struct {
	Served float64 // per second: min(m, N)/S over all pools
	Asked  float64 // per second: N/(S + Z)
}

// Throughput is the lower of the two bounds, in requests per second.
func (a Asymptotes) Throughput() float64 { return math.Min(a.Served, a.Asked) }

// Bounds gives the asymptotic bounds of the loop. Timeouts are left out of
// account: without them no loop exceeds the bounds.
func (c ClosedLoop) Bounds() (Asymptotes, error) {
	if err := c.check(); err != nil {
		return Asymptotes{}, err
	}
	busy := math.Min(float64(c.Connections)*float64(c.Pools), float64(c.Users))
	return Asymptotes{
		Served: busy / c.Hold.Seconds(),
		Asked:  float64(c.Users) / (c.Hold + c.Think).Seconds(),
	}, nil
}

// LeastTimeouts bounds from below the share of checkouts that hit the pool
// timeout, whatever the distributions: of N users at most m hold a connection,
// so the others wait (at most T per checkout) or think (Z per checkout), which
// by Little's law is at least (N - m)/(T + Z) checkouts per second for m/S
// that can succeed.
func (c ClosedLoop) LeastTimeouts() (float64, error) {
	if err := c.check(); err != nil {
		return 0, err
	}
	places := float64(c.Connections) * float64(c.Pools)
	others := float64(c.Users) - places
	if others <= 0 {
		return 0, nil
	}
	cycle := secondsOf(c.PoolTimeout) + c.Think.Seconds()
	return math.Max(0, 1-places/c.Hold.Seconds()*cycle/others), nil
}
