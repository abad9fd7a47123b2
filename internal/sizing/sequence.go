package sizing

import "math"

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
