package timeline

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

const (
	// minResponses is how many responses a drift needs after the warm-up.
	minResponses = 40

	warmUp = 0.1 // share of the run that is left out

	// A run is looked at in so many stretches, the larger number where each has
	// enough responses. How much worse the worst is, is told of tenths: the
	// highest of many noisy percentiles is mostly noise.
	fewStretches, manyStretches = 20, 40
	perStretch                  = 10
	leastStretches              = 5
	tenths                      = 10

	// Of fewer responses than this each counts for itself in the trend: in
	// stretches of a few each the test would see a part of what they say.
	fewResponses = 400

	// A course is told from chance where chance makes one like it in fewer runs
	// than this, each of two trends or the only one; and the worst stretch where it
	// is so many of the neighbors' standard deviations off, or all are so much
	// further apart than neighbors: in one of a thousand runs, as simulated.
	trendChance        = 0.0025
	onlyTrendChance    = 0.004
	worstDeviations    = 5.5
	changingDeviations = 1.7

	// leastDrift is a change in milliseconds below which nothing is looked at: a
	// neighbor on a shared machine makes a request of 8 ms take 13, and nobody
	// notices.
	leastDrift = 8
)

// DriftOf is the ratio by which responses got slower, 1 where it is not told from
// chance or too small to matter: in a trend, by the test of Mann and
// Kendall with the slope of Theil and Sen (see [TrendOf]) on the geometric means
// and on the 95th percentiles of twenty or forty stretches of the run (batch
// means: Law, "Simulation Modeling and Analysis", chapter 9), of few responses on
// these themselves; or in a tenth of the run that is worse than the others, where
// stretches differ by more than chance.
// The first tenth is left out: an empty pool connects, caches fill. With too few
// responses it fails and says what is missing.
//
// What is significant need not matter: see leastDrift. The simulation in this
// package's tests says how often it errs.
func DriftOf(all *Responses) (ratio float64, err error) {
	parts := all.stretches(fewStretches)
	if finer := all.stretches(manyStretches); countOf(finer) >= manyStretches*perStretch {
		parts = finer
	}
	responses := countOf(parts)
	if responses < minResponses || len(parts) < leastStretches {
		return 0, fmt.Errorf("%d responses ended after the warm-up (the first tenth): at least %d are needed; "+
			"run for longer or with more users", responses, minResponses)
	}
	if responses < fewResponses {
		ratio = trendRatio(all.stretches(fewResponses), geometricMean, onlyTrendChance)
	} else {
		ratio = max(trendRatio(parts, geometricMean, trendChance), trendRatio(parts, p95, trendChance))
	}
	if isUneven(parts) {
		worst := all.stretches(tenths)
		ratio = max(ratio, worstRatio(worst, geometricMean), worstRatio(worst, p95))
	}
	return ratio, nil
}

// trendRatio is what the trend of one statistic ends with over what it begins
// with, at least 1: 1 where chance makes such a trend more often than in a share
// of runs, or where it is too small to matter. It is taken of the logarithms: a
// growth is a factor.
func trendRatio(parts []stretch, of func(Distribution) float64, chance float64) float64 {
	times, logs := make([]float64, len(parts)), logsOf(parts, of)
	for i, p := range parts {
		times[i] = (p.from + p.length/2).Seconds()
	}
	trend := TrendOf(times, logs)
	if len(parts) > manyStretches { // single responses, and no means that hold what follows each other
		trend.chance = trend.serialChance(times, logs)
	}
	if trend.Slope <= 0 || trend.chance > chance {
		return 1
	}
	last := parts[len(parts)-1]
	ratio := math.Exp(trend.Slope * (last.from + last.length - parts[0].from).Seconds())
	if half := math.Sqrt(ratio); math.Exp(median(logs))*(half-1/half) < leastDrift {
		return 1
	}
	return ratio
}

// least is what takes less, in milliseconds, to have a logarithm.
const least = 1e-3

func logsOf(parts []stretch, of func(Distribution) float64) []float64 {
	logs := make([]float64, len(parts))
	for i, p := range parts {
		logs[i] = math.Log(max(of(p.all), least))
	}
	return logs
}

func p95(d Distribution) float64 { return d.Quantile(0.95) }

func geometricMean(d Distribution) float64 {
	sum := 0.0
	d.each(func(value float64, count int64) { sum += float64(count) * math.Log(max(value, least)) })
	return math.Exp(sum / float64(d.Count()))
}

// isUneven tells whether stretches differ by more than chance: one stands out, or
// all differ more than neighbors do, as in a sawtooth. Differences between
// neighbors hold what requests do to each other for a while, such as a queue, and
// not what changes over the run.
func isUneven(parts []stretch) bool {
	slow, usual := logsOf(parts, p95), logsOf(parts, geometricMean)
	alone := slices.Max(slow)-median(slow) >= worstDeviations*neighborDeviation(slow)
	return alone || stat.StdDev(usual, nil) >= changingDeviations*neighborDeviation(usual)
}

// worstRatio compares the worst of some stretches with the median one, by one
// statistic: 1 where the difference is too small to matter.
func worstRatio(parts []stretch, of func(Distribution) float64) float64 {
	all := make([]float64, len(parts))
	for i, p := range parts {
		all[i] = of(p.all)
	}
	worst, usual := slices.Max(all), median(all)
	if worst-usual < leastDrift {
		return 1
	}
	return worst / max(usual, least)
}

// neighborDeviation estimates the standard deviation of single values from the
// differences between neighbors: von Neumann et al., "The Mean Square Successive
// Difference", Annals of Mathematical Statistics 12 (1941), without the largest
// fifth of them, so that a few steps do not count.
func neighborDeviation(values []float64) float64 {
	var squares []float64
	for i := range values[1:] {
		d := values[i+1] - values[i]
		squares = append(squares, d*d)
	}
	slices.Sort(squares)
	kept := squares[:len(squares)-len(squares)/5]
	sum := 0.0
	for _, square := range kept {
		sum += square
	}
	// Of a normal distribution's squares the smaller four fifths have this mean.
	const trimmed = 0.438
	return math.Sqrt(sum / float64(len(kept)) / trimmed / 2)
}

func median(values []float64) float64 {
	return middle(slices.Sorted(slices.Values(values)))
}
