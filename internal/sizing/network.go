package sizing

import (
	"math"
	"slices"
)

// network finds the steady state of a closed loop by convolution. Time is
// counted in hold times.
type network struct {
	loop    ClosedLoop
	classic []float64 // log weight of n users at a pool where nobody gives up
	pool    []float64 // log weight of n users at a pool
	think   []float64 // log weight of n users thinking
}

func newNetwork(loop ClosedLoop) *network {
	hold := loop.Hold.Seconds()
	visit, think := -math.Log(float64(loop.Pools)), math.Log(loop.Think.Seconds()/hold) // -Inf for none
	timeout := float64(loop.Connections) * secondsOf(loop.PoolTimeout) / hold
	n := &network{
		loop: loop,
		// M/M/m visited by one request in Pools.
		classic: running(loop.Users, visit, loop.Connections),
		think:   running(loop.Users, think, loop.Users),
	}
	n.pool = slices.Clone(n.classic)
	for k := loop.Connections + 1; k <= loop.Users; k++ {
		n.pool[k] += logAtMost(k-loop.Connections, timeout)
	}
	return n
}

// running are log weights of so many users at a station of so many servers; demand
// is the logarithm of what each brings.
func running(users int, demand float64, servers int) []float64 {
	weights := make([]float64, users+1)
	for k := 1; k <= users; k++ {
		weights[k] = weights[k-1] + demand - math.Log(float64(min(k, servers)))
	}
	return weights
}

func (n *network) solve() *Closed {
	tilt := n.balance()
	pool, poolScale := tilted(n.pool, tilt)
	think, _ := tilted(n.think, tilt)
	rest := convolve(think, pool.power(n.loop.Pools-1, n.loop.Users), n.loop.Users)

	// finding is the weight of a request finding k users at its pool.
	var total, finding float64
	states := make([]float64, n.loop.Users+1)
	for k := range states {
		states[k] = pool.at(k) * rest.at(n.loop.Users-k)
		total += states[k]
		finding += pool.at(k) * rest.at(n.loop.Users-1-k)
	}
	for k := range states {
		states[k] /= total
	}
	hold := n.loop.Hold.Seconds()
	return &Closed{
		loop:     n.loop,
		states:   states,
		queues:   n.queues(rest, tilt, poolScale+math.Log(total)),
		attempts: finding / total * math.Exp(tilt) / float64(n.loop.Pools) / hold,
	}
}

// queues gives Closed.queues; scale is what separates the logarithm of a
// tilted weight of the pool from that of a probability.
func (n *network) queues(rest sequence, tilt, scale float64) []float64 {
	m := n.loop.Connections
	if n.loop.Users < m {
		return nil
	}
	queues := make([]float64, n.loop.Users-m+1)
	for i := range queues {
		k := m + i
		queues[i] = n.classic[k] + tilt*float64(k) + math.Log(rest.at(n.loop.Users-k)) - scale
	}
	return queues
}

// balance finds the tilt t at which the independent stations, each state of k
// users weighted by exp(tk), hold about as many users together as there are. Any
// tilt gives the same result; this one keeps the terms that matter near 1, for
// which half a user more or less makes no difference.
func (n *network) balance() float64 {
	const near = 0.5
	low, high := -1.0, 1.0
	for n.expected(low) > float64(n.loop.Users) {
		low *= 2
	}
	for n.expected(high) < float64(n.loop.Users) {
		high *= 2
	}
	for range 50 {
		middle := (low + high) / 2
		switch excess := n.expected(middle) - float64(n.loop.Users); {
		case math.Abs(excess) <= near:
			return middle
		case excess > 0:
			high = middle
		default:
			low = middle
		}
	}
	return (low + high) / 2
}

func (n *network) expected(tilt float64) float64 {
	pool, _ := tilted(n.pool, tilt)
	think, _ := tilted(n.think, tilt)
	return float64(n.loop.Pools)*pool.mean() + think.mean()
}

// sequence is a distribution over 0, 1, 2 … without its negligible ends:
// terms[i] belongs to first + i.
type sequence struct {
	first int
	terms []float64
}

// negligible is the share of the largest term below which the terms at the
// ends of a sequence are dropped.
const negligible = 1e-30

// tilted makes a distribution of log weights, term k weighted by exp(tilt*k).
// scale is the logarithm of what the weights were divided by.
func tilted(weights []float64, tilt float64) (s sequence, scale float64) {
	terms := make([]float64, len(weights))
	for k, w := range weights {
		terms[k] = w + tilt*float64(k)
	}
	highest, sum := slices.Max(terms), 0.0
	for k, t := range terms {
		terms[k] = math.Exp(t - highest)
		sum += terms[k]
	}
	for k := range terms {
		terms[k] /= sum
	}
	return sequence{terms: terms}.trim(), highest + math.Log(sum)
}

func (s sequence) at(k int) float64 {
	if i := k - s.first; i >= 0 && i < len(s.terms) {
		return s.terms[i]
	}
	return 0
}

func (s sequence) mean() float64 {
	var mean float64
	for i, p := range s.terms {
		mean += p * float64(s.first+i)
	}
	return mean
}

// power convolves n copies of s, dropping everything above limit.
func (s sequence) power(n, limit int) sequence {
	result := sequence{terms: []float64{1}}
	for square := s; n > 0; n /= 2 {
		if n%2 == 1 {
			result = convolve(result, square, limit)
		}
		if n > 1 {
			square = convolve(square, square, limit)
		}
	}
	return result
}

// convolve gives the distribution of the sum of two independent counts,
// dropping everything above limit.
func convolve(a, b sequence, limit int) sequence {
	first := a.first + b.first
	size := min(len(a.terms)+len(b.terms)-1, limit-first+1)
	if size <= 0 {
		return sequence{}
	}
	terms := make([]float64, size)
	for i, p := range a.terms[:min(len(a.terms), size)] {
		if p == 0 {
			continue
		}
		for j, q := range b.terms[:min(len(b.terms), size-i)] {
			terms[i+j] += p * q
		}
	}
	return sequence{first, terms}.trim()
}

func (s sequence) trim() sequence {
	least := slices.Max(s.terms) * negligible
	first, end := 0, len(s.terms)
	for first < end && s.terms[first] <= least {
		first++
	}
	for end > first && s.terms[end-1] <= least {
		end--
	}
	return sequence{s.first + first, s.terms[first:end]}
}
