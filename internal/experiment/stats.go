package experiment

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// confidence is the level of every interval.
const confidence = 0.95

// interval is a value with its confidence interval.
type interval struct {
	value     float64
	low, high float64 // of the confidence interval; NaN where there is none
	min, max  float64 // of what was measured
	n         int     // rounds; 0: nothing is known
}

func (i interval) known() bool { return i.n > 0 }

// hasInterval tells whether there were enough rounds for low and high.
func (i interval) hasInterval() bool { return !math.IsNaN(i.low) }

// pairedRatio compares two quantities that were measured in the same rounds, one
// after the other, so that what changes from round to round falls out: the
// geometric mean of after over before, with Student's t-interval on the
// logarithms of the rounds' ratios. It assumes that those are about normal and
// independent. A round in which either is not above 0 is left out.
//
// Source: J. M. Bland and D. G. Altman, "Transformations, means, and confidence
// intervals", BMJ 312 (1996), p. 1079.
func pairedRatio(before, after []float64) interval {
	var logs []float64
	for i := range min(len(before), len(after)) {
		if before[i] > 0 && after[i] > 0 {
			logs = append(logs, math.Log(after[i]/before[i]))
		}
	}
	if len(logs) == 0 {
		return interval{}
	}
	ratio := interval{low: math.NaN(), high: math.NaN(), min: math.Inf(1), max: math.Inf(-1), n: len(logs)}
	for _, l := range logs {
		ratio.min, ratio.max = math.Min(ratio.min, math.Exp(l)), math.Max(ratio.max, math.Exp(l))
	}
	mean := stat.Mean(logs, nil)
	ratio.value = math.Exp(mean)
	if len(logs) > 1 {
		half := studentT((1+confidence)/2, len(logs)-1) * stat.StdErr(stat.StdDev(logs, nil), float64(len(logs)))
		ratio.low, ratio.high = math.Exp(mean-half), math.Exp(mean+half)
	}
	return ratio
}

// studentT is a quantile of Student's t distribution.
func studentT(quantile float64, freedom int) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(freedom)}.Quantile(quantile)
}

// twoWay takes row means (pools) and column effects (rounds) out of a table:
// what is left is noise. The residual standard deviation has
// (rows-1)(columns-1) degrees of freedom; with none of them deviation is NaN.
//
// Source: H. Scheffé, The Analysis of Variance (1959), section 4.2: two-way
// layout with one observation per cell.
type twoWay struct {
	means     []float64   // of the rows
	residuals [][]float64 // by row and column
	deviation float64
	freedom   int
}

func newTwoWay(table [][]float64) twoWay {
	rows, columns := len(table), len(table[0])
	t := twoWay{means: make([]float64, rows), residuals: make([][]float64, rows), freedom: (rows - 1) * (columns - 1)}
	effects := make([]float64, columns)
	for i, row := range table {
		t.means[i] = stat.Mean(row, nil)
		for j, v := range row {
			effects[j] += v / float64(rows)
		}
	}
	grand := stat.Mean(t.means, nil)
	var sum float64
	for i, row := range table {
		t.residuals[i] = make([]float64, columns)
		for j, v := range row {
			r := v - t.means[i] - effects[j] + grand
			t.residuals[i][j] = r
			sum += r * r
		}
	}
	t.deviation = math.NaN()
	if t.freedom > 0 {
		t.deviation = math.Sqrt(sum / float64(t.freedom))
	}
	return t
}

// leastDifference is the difference between two row means that noise alone
// exceeds in one of twenty cases: t·s·√(2/columns), one-sided. It is NaN where
// the noise is not known.
func (t twoWay) leastDifference() float64 {
	if t.freedom == 0 {
		return math.NaN()
	}
	columns := float64(len(t.residuals[0]))
	return studentT(confidence, t.freedom) * t.deviation * math.Sqrt(2/columns)
}
