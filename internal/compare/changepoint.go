package compare

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

const (
	// MinNights is how many runs, baseline and result among them, it takes to tell
	// a change from noise.
	MinNights = 6
	// split is how likely chance alone may make a change point within one metric.
	split = 0.02
	// falseRate is the share of changes that are none among those that are
	// reported in a night. Every metric is asked every night, so it is small.
	falseRate = 0.005
)

// levels are a metric's values over the nights, oldest first, cut where the
// metric moved for good. Times and rates are taken as logarithms, since their
// noise is a factor.
type levels struct {
	values []float64
	least  float64 // the least deviation that is believed
	factor bool    // whether values are logarithms
	starts []int   // of each stretch, ascending
}

// newLevels finds the change points: the one that sets the two sides apart most
// by their energy distance, then those within each side, for as long as Student's
// t makes chance an unlikely cause.
//
// Sources: D. S. Matteson and N. A. James, "A Nonparametric Approach for Multiple
// Change Point Analysis of Multivariate Data", JASA 109 (2014), e-divisive; D.
// Daly et al., "The Use of Change Point Detection to Identify Software Performance
// Regressions in a Continuous Integration System", ICPE 2020; M. Fleming et al.,
// "Hunter: Using Change Point Detection to Hunt for Performance Regressions", ICPE
// 2023, with the t-test in place of permutations.
func newLevels(values []float64, f metric) *levels {
	const part = 4 // of the tolerance
	l := &levels{values: slices.Clone(values), starts: []int{0}}
	middle := median(values)
	l.least = f.tolerated(middle, middle) / part
	if relative(f.Unit) && slices.Min(values) > 0 {
		l.least, l.factor = math.Log1p(l.least/middle), true
		for i, v := range values {
			l.values[i] = math.Log(v)
		}
	}
	l.mend()
	l.cut(0, len(values))
	slices.Sort(l.starts)
	return l
}

// mend replaces a night that has nothing in common with the nights on either side
// by what is usual there: one broken night is no noise, and hides no change. The
// last nights stay, since nothing says yet what comes after them.
func (l *levels) mend() {
	const beside, far = 3, 5 // nights, and deviations
	var steps []float64
	for i := 1; i < len(l.values); i++ {
		steps = append(steps, math.Abs(l.values[i]-l.values[i-1]))
	}
	// With normal noise the median step is so many deviations.
	const medianStep = 0.6745 * math.Sqrt2
	limit := far * max(median(steps)/medianStep, l.least)
	for i := 1; i+beside < len(l.values); i++ {
		before, after := median(l.values[max(0, i-beside):i]), median(l.values[i+1:i+1+beside])
		if math.Abs(l.values[i]-before) > limit && math.Abs(l.values[i]-after) > limit {
			l.values[i] = (before + after) / 2
		}
	}
}

// cut splits the nights from one to before another.
func (l *levels) cut(from, to int) {
	at := apart(l.values[from:to])
	if at == 0 {
		return
	}
	at += from
	if l.chance(l.values[from:at], l.values[at:to], to-from) > split {
		return
	}
	l.starts = append(l.starts, at)
	l.cut(from, at)
	l.cut(at, to)
}

// apart is where the energy distance of the values before and the rest is
// largest: how much further apart values of different sides lie than values of
// the same. It is 0 where nothing sets them apart. One value after another moves
// from the rest to those before, so that each split costs one pass.
func apart(values []float64) (at int) {
	var between, before, rest float64 // sums of the distances of pairs
	for i, v := range values {
		rest += distances(v, values[i+1:])
	}
	best, total := 0.0, len(values)
	for i := 1; i < total; i++ {
		moved := values[i-1]
		left, stay := distances(moved, values[:i-1]), distances(moved, values[i:])
		before, rest, between = before+left, rest-stay, between+stay-left
		n, m := float64(i), float64(total-i)
		if d := n * m / (n + m) * (2*between/(n*m) - mean(before, i) - mean(rest, total-i)); d > best {
			best, at = d, i
		}
	}
	return at
}

// distances is the sum of a value's distances from others.
func distances(v float64, others []float64) float64 {
	var sum float64
	for _, o := range others {
		sum += math.Abs(v - o)
	}
	return sum
}

// mean is the mean distance of two of n values, of the sum of all pairs.
func mean(sum float64, n int) float64 {
	if n < 2 {
		return 0
	}
	return 2 * sum / float64(n*(n-1))
}

// chance is the probability that noise alone sets two stretches so far apart, by
// Student's t with a common deviation, for as many nights as the change could have
// been on (Bonferroni).
func (l *levels) chance(a, b []float64, nights int) float64 {
	n, m := float64(len(a)), float64(len(b))
	difference := math.Abs(stat.Mean(a, nil) - stat.Mean(b, nil))
	freedom := n + m - 2
	if difference == 0 || freedom < 1 {
		return 1
	}
	deviation := max(math.Sqrt((squares(a)+squares(b))/freedom), l.least)
	t := difference / (deviation * math.Sqrt(1/n+1/m)) // +Inf without any noise
	alone := 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}.Survival(t)
	return math.Min(1, alone*float64(nights-1))
}

// squares is the sum of squared distances from the mean.
func squares(a []float64) float64 {
	mean, sum := stat.Mean(a, nil), 0.0
	for _, x := range a {
		sum += (x - mean) * (x - mean)
	}
	return sum
}

// stretch is that of a night: from its first to before its last.
func (l *levels) stretch(night int) (from, to int) {
	to = len(l.values)
	for _, start := range l.starts {
		if start > night {
			return from, start
		}
		from = start
	}
	return from, to
}

// deviation is the noise from night to night, without what moved for good: the
// standard deviation of values, or of their logarithms.
func (l *levels) deviation() float64 {
	var sum float64
	for _, from := range l.starts {
		_, to := l.stretch(from)
		sum += squares(l.values[from:to])
	}
	return math.Sqrt(sum / float64(max(1, len(l.values)-len(l.starts))))
}

// surely tells which of several chances are so small that at most a share of
// falseRate of those chosen is wrong.
//
// Source: Y. Benjamini and Y. Hochberg, "Controlling the False Discovery Rate",
// Journal of the Royal Statistical Society B 57 (1995).
func surely(chances []float64) []bool {
	order := make([]int, len(chances))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(chances[a], chances[b]) })
	sure := make([]bool, len(chances))
	for rank := len(order); rank > 0; rank-- {
		if chances[order[rank-1]] <= falseRate*float64(rank)/float64(len(chances)) {
			for _, i := range order[:rank] {
				sure[i] = true
			}
			break
		}
	}
	return sure
}

// median of at least one value.
func median(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}
