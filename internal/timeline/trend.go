package timeline

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Trend is the course of values over time, read without regard to how they are
// distributed. It takes the values for independent of each other.
type Trend struct {
	// Slope is the change per unit of time: the median of the slopes between all
	// pairs of values, which outliers do not move. Low and High bound it with
	// 95 % confidence.
	//
	// Theil, "A Rank-Invariant Method of Linear and Polynomial Regression
	// Analysis" (1950); Sen, "Estimates of the Regression Coefficient Based on
	// Kendall's Tau", JASA 63 (1968); the bounds as in Gilbert, "Statistical
	// Methods for Environmental Pollution Monitoring" (1987), 16.5.
	Slope, Low, High float64
	// chance is the probability of a course at least this clear in the direction
	// of the slope where there is no trend: the one-sided test of Mann,
	// "Nonparametric Tests Against Trend", Econometrica 13 (1945), by its normal
	// approximation with correction for ties and continuity; Kendall, "Rank
	// Correlation Methods" (1975).
	chance float64
}

const normal95 = 1.959964 // of the normal distribution, 95 % two-sided

// TrendOf reads the trend of values by their times, which rise and are as many.
// Fewer than two have none.
func TrendOf(times, values []float64) Trend {
	n := len(values)
	if n < 2 {
		return Trend{chance: 0.5}
	}
	slopes := make([]float64, 0, n*(n-1)/2)
	for i := range values {
		for j := i + 1; j < n; j++ {
			slopes = append(slopes, (values[j]-values[i])/(times[j]-times[i])) // #nosec G602 -- as many times as values
		}
	}
	slices.Sort(slopes)
	reach := normal95 * math.Sqrt(kendallVariance(n))
	at := func(rank float64) float64 {
		return slopes[min(max(int(math.Round(rank)), 0), len(slopes)-1)]
	}
	all := float64(len(slopes))
	return Trend{
		Slope: middle(slopes), Low: at((all-reach)/2 - 1), High: at((all + reach) / 2),
		chance: mannKendall(values),
	}
}

func mannKendall(values []float64) float64 {
	s := 0
	ties := map[float64]int{}
	for i, earlier := range values {
		ties[earlier]++
		for _, later := range values[i+1:] {
			s += cmp.Compare(later, earlier)
		}
	}
	variance := kendallVariance(len(values))
	for _, equal := range ties {
		variance -= kendallVariance(equal)
	}
	if s == 0 || variance <= 0 {
		return 0.5
	}
	z := (math.Abs(float64(s)) - 1) / math.Sqrt(variance)
	return math.Erfc(z/math.Sqrt2) / 2
}

// serialChance is Chance where values that follow each other may be alike, as when
// a machine is slow for seconds: so many values say no more than a smaller number
// of independent ones, by the correlation of neighbors around the trend.
//
// Bayley and Hammersley, "The Effective Number of Independent Observations in an
// Autocorrelated Time Series", JRSS Supplement 8 (1946); Yue and Wang, "The
// Mann-Kendall Test Modified by Effective Sample Size", Water Resources Management
// 18 (2004).
func (t Trend) serialChance(times, values []float64) float64 {
	const most = 0.9 // beyond it hardly anything is left to ask
	rest := make([]float64, len(values))
	for i, v := range values {
		rest[i] = v - t.Slope*times[i] // #nosec G602 -- as many times as values
	}
	alike := min(max(stat.Correlation(rest[1:], rest[:len(rest)-1], nil), 0), most)
	if !(alike > 0) || t.chance >= 0.5 { // NaN where nothing varies
		return t.chance
	}
	z := distuv.UnitNormal.Quantile(1 - t.chance)
	return distuv.UnitNormal.Survival(z * math.Sqrt((1-alike)/(1+alike)))
}

func kendallVariance(n int) float64 { return float64(n*(n-1)*(2*n+5)) / 18 }

// middle is the median of sorted values, of which there are some.
func middle(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
