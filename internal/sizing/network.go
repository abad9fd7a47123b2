package sizing

import (
	"math"
)

// network finds the steady state of a closed loop by convolution. Time is
// counted in hold times.
type network struct {
	loop    ClosedLoop
	users   int
	classic []float64 // log weight of n users at a pool where nobody gives up
	pool    []float64 // log weight of n users at a pool
	think   []float64 // log weight of n users thinking
}

func newNetwork(loop ClosedLoop) *network {
	n := &network{loop: loop, users: loop.Users}
	n.classic = n.classicWeights()
	n.pool = n.poolWeights()
	n.think = n.thinkWeights()
	return n
}

// classicWeights are those of M/M/m visited by one request in Pools.
func (n *network) classicWeights() []float64 {
	visit := -math.Log(float64(n.loop.Pools))
	weights := make([]float64, n.users+1)
	for k := 1; k <= n.users; k++ {
		weights[k] = weights[k-1] + visit - math.Log(float64(min(k, n.loop.Connections)))
	}
	return weights
}

func (n *network) poolWeights() []float64 {
	timeout := float64(n.loop.Connections) * secondsOf(n.loop.PoolTimeout) / n.loop.Hold.Seconds()
	weights := make([]float64, n.users+1)
	copy(weights, n.classic)
	for k := n.loop.Connections + 1; k <= n.users; k++ {
		weights[k] += logAtMost(k-n.loop.Connections, timeout)
	}
	return weights
}

func (n *network) thinkWeights() []float64 {
	think := math.Log(n.loop.Think.Seconds() / n.loop.Hold.Seconds()) // -Inf for none
	weights := make([]float64, n.users+1)
	for k := 1; k <= n.users; k++ {
		weights[k] = weights[k-1] + think - math.Log(float64(k))
	}
	return weights
}

func (n *network) solve() *Closed {
	tilt := n.balance()
	pool, poolScale := tilted(n.pool, tilt)
	think, _ := tilted(n.think, tilt)
	rest := convolve(think, pool.power(n.loop.Pools-1, n.users), n.users)

	// finding is the weight of a request finding k users at its pool.
	var total, finding float64
	states := make([]float64, n.users+1)
	for k := range states {
		states[k] = pool.at(k) * rest.at(n.users-k)
		total += states[k]
		finding += pool.at(k) * rest.at(n.users-1-k)
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
	if n.users < m {
		return nil
	}
	queues := make([]float64, n.users-m+1)
	for i := range queues {
		k := m + i
		queues[i] = n.classic[k] + tilt*float64(k) + math.Log(rest.at(n.users-k)) - scale
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
	for n.expected(low) > float64(n.users) {
		low *= 2
	}
	for n.expected(high) < float64(n.users) {
		high *= 2
	}
	for range 50 {
		middle := (low + high) / 2
		switch excess := n.expected(middle) - float64(n.users); {
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
	highest := math.Inf(-1)
	for k, w := range weights {
		highest = math.Max(highest, w+tilt*float64(k))
	}
	terms := make([]float64, len(weights))
	var sum float64
	for k, w := range weights {
		terms[k] = math.Exp(w + tilt*float64(k) - highest)
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
	var highest float64
	for _, p := range s.terms {
		highest = math.Max(highest, p)
	}
	least := highest * negligible
	first, end := 0, len(s.terms)
	for first < end && s.terms[first] <= least {
		first++
	}
	for end > first && s.terms[end-1] <= least {
		end--
	}
	return sequence{s.first + first, s.terms[first:end]}
}
