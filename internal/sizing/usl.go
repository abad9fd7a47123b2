package sizing

import "math"

// Scalability is the Universal Scalability Law: the throughput at concurrency
// N is λN / (1 + σ(N-1) + κN(N-1)). With a pool, N is the number of
// connections in use.
//
// Source: N. J. Gunther, "A Simple Capacity Model of Massively Parallel
// Transaction Systems", CMG 1993; Guerrilla Capacity Planning (2007),
// chapters 4 to 6. The form with λ: B. Schwartz, Practical Scalability
// Analysis with the Universal Scalability Law (2015).
type Scalability struct {
	Lambda float64 // λ, throughput at concurrency 1, per second
	Sigma  float64 // σ, contention: the share of work done one at a time
	Kappa  float64 // κ, coherency: the cost of every pair's exchange
}

// Throughput is the throughput at a concurrency of n, per second.
func (s Scalability) Throughput(n float64) float64 {
	return s.Lambda * n / (1 + s.Sigma*(n-1) + s.Kappa*n*(n-1))
}

// Peak is the concurrency at which throughput is highest, √((1-σ)/κ); beyond
// it more concurrency makes the system slower. It is infinite where κ is 0 and
// 1 where contention alone rules out any gain.
func (s Scalability) Peak() float64 {
	switch {
	case s.Sigma >= 1:
		return 1
	case s.Kappa == 0:
		return math.Inf(1)
	}
	return math.Max(1, math.Sqrt((1-s.Sigma)/s.Kappa))
}

// Limit is the throughput that no concurrency exceeds were there no coherency
// cost, λ/σ (Amdahl's asymptote), infinite where σ is 0.
func (s Scalability) Limit() float64 { return s.Lambda / s.Sigma }
