package sizing

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
)

// haas is R. Haas's pgbench select-only series on PostgreSQL 9.1 (clients and
// transactions per second), as tabulated in N. J. Gunther, "PostgreSQL
// Scalability Analysis Deconstructed", The Pith of Performance, 11 April 2012.
var haas = []Point{
	{1, 4373.30}, {4, 15582.91}, {8, 27353.51}, {12, 37502.23}, {16, 45365.16}, {20, 46926.75},
	{24, 42854.19}, {28, 39835.95}, {32, 38862.98}, {36, 38303.05}, {40, 37881.29}, {44, 37647.48},
	{48, 37379.05}, {52, 37421.44}, {56, 37306.11}, {60, 37235.20}, {64, 37220.38}, {68, 37045.14},
	{72, 36793.40}, {76, 36998.60}, {80, 36734.52},
}

// fitNormalized is [FitScalability] with λ fixed at the throughput measured at
// concurrency 1, the mean of several: the relative capacity of Gunther (2007).
// It gives the first point a weight that it deserves only if measured well.
func fitNormalized(points []Point) (*ScalabilityFit, error) {
	if err := checkPoints(points); err != nil {
		return nil, err
	}
	var sum, count float64
	for _, p := range points {
		if p.Concurrency == 1 {
			sum, count = sum+p.Throughput, count+1
		}
	}
	if count == 0 {
		return nil, &InputError{"points", "without one at concurrency 1", "at least one at concurrency 1"}
	}
	return fitWithin(points, []parameter{sigma, kappa}, parameters{lambda: sum / count})
}

func upTo(points []Point, concurrency float64) []Point {
	var selected []Point
	for _, p := range points {
		if p.Concurrency <= concurrency {
			selected = append(selected, p)
		}
	}
	return selected
}

// Gunther's fit to the points up to 32 clients that Haas plotted, with λ fixed
// at the first: α = 0.0009561 and β = 0.0025427.
func TestFitNormalizedOnHaas(t *testing.T) {
	fit, err := fitNormalized(upTo(haas, 32))
	require.NoError(t, err)
	require.Equal(t, 4373.30, fit.lambda)
	require.InDelta(t, 0.0009561, fit.sigma, 5e-8)
	require.InDelta(t, 0.0025427, fit.kappa, 5e-8)
	require.InDelta(t, 19.82, fit.Peak(), 0.005)
	require.Equal(t, 7, fit.freedom)
}

// Up to the first point past the measured maximum (24 clients) the same fit
// has its peak at N ≈ 22. Beyond, throughput levels off instead of falling,
// which the law cannot follow; all the same no reading puts the optimum far
// from the measured 20.
func TestHaasHasItsOptimumAt22(t *testing.T) {
	fit, err := fitNormalized(upTo(haas, 24))
	require.NoError(t, err)
	require.InDelta(t, 22, fit.Peak(), 0.5)

	peakInterval := fit.PeakInterval()
	require.Less(t, peakInterval.Low, 20.0)
	require.Greater(t, peakInterval.High, 24.0)

	for _, last := range []float64{24, 28, 32} {
		free, err := FitScalability(upTo(haas, last))
		require.NoError(t, err)
		require.InDelta(t, 21, free.Peak(), 2, "up to %g clients", last)
		require.Zero(t, free.sigma, "faster than linear at first")
	}
}

// The SPEC SDM91 measurements of a SPARCcenter 2000 in Gunther (2007), with the
// coefficients and standard errors that the R package usl (Gunther and
// Möding, version 3) publishes for them.
func TestFitScalabilityOnSDM91(t *testing.T) {
	fit, err := FitScalability([]Point{
		{1, 64.9}, {18, 995.9}, {36, 1652.4}, {72, 1853.2}, {108, 1828.9}, {144, 1775}, {216, 1702.2},
	})
	require.NoError(t, err)
	require.InDelta(t, 90.00, fit.lambda, 5e-3)
	require.InDelta(t, 0.02773, fit.sigma, 5e-6)
	require.InDelta(t, 1.044e-4, fit.kappa, 5e-8)
	require.InDelta(t, 96.51956, fit.Peak(), 1e-3)
	require.InDelta(t, 1884, fit.throughput(fit.Peak()), 0.5)

	require.InDelta(t, 14.21, fit.stdError(lambda), 5e-3)
	require.InDelta(t, 9.122e-3, fit.stdError(sigma), 5e-7)
	require.InDelta(t, 1.988e-5, fit.stdError(kappa), 5e-9)
	require.Equal(t, 4, fit.freedom)
	require.InDelta(t, 2.7764451, fit.student(), 1e-6)
}

// The ray tracer of Gunther (2007), table 5.1, first six points, as fitted by
// the R package usl.
func TestFitScalabilityOnTheRayTracer(t *testing.T) {
	fit, err := FitScalability([]Point{{1, 20}, {4, 78}, {8, 130}, {12, 170}, {16, 190}, {20, 200}})
	require.NoError(t, err)
	require.InDelta(t, 0.02444, fit.sigma, 5e-6)
	require.InDelta(t, 0.00163, fit.kappa, 5e-6)
	require.InDelta(t, 20.85605, fit.lambda, 5e-4)
}

func TestFitRecoversTheLaw(t *testing.T) {
	for _, law := range []Scalability{
		{lambda: 1000, sigma: 0.02, kappa: 0.0005},
		{lambda: 1, sigma: 0.02, kappa: 0.02},
		{lambda: 5e4, sigma: 0.3, kappa: 1e-7},
	} {
		var points []Point
		for _, n := range []float64{1, 2, 4, 8, 16, 32, 64, 128} {
			points = append(points, Point{n, law.throughput(n)})
		}
		for _, fit := range []func([]Point) (*ScalabilityFit, error){FitScalability, fitNormalized} {
			found, err := fit(points)
			require.NoError(t, err)
			require.InEpsilon(t, law.lambda, found.lambda, 1e-6)
			require.InEpsilon(t, law.sigma, found.sigma, 1e-5)
			require.InEpsilon(t, law.kappa, found.kappa, 1e-4)
		}
	}
}

// Points so far apart that no arithmetic holds their products are no law.
func TestPointsThatNoLawDescribesAreRefused(t *testing.T) {
	_, err := FitScalability([]Point{{1, 1}, {2, 2}, {3, 3}, {1e300, 4}})
	require.ErrorIs(t, err, errNoFit)
}

func TestFitWithoutRetrogradeHasNoPeak(t *testing.T) {
	fit, err := FitScalability([]Point{{1, 100}, {2, 195}, {4, 370}, {8, 690}, {16, 1300}, {32, 2600}})
	require.NoError(t, err)
	require.Zero(t, fit.kappa)
	require.True(t, math.IsInf(fit.Peak(), 1))
	peakInterval := fit.PeakInterval()
	require.Equal(t, Interval{math.Inf(1), math.Inf(1)}, peakInterval)
}

// Over 400 seeded series with noise, nineteen of twenty intervals at 95 % hold
// the truth, and the peak scatters as much as each series says it does.
func TestIntervalsCoverTheTruth(t *testing.T) {
	const series = 400
	random := rand.New(rand.NewPCG(7, 7))
	for _, law := range []Scalability{
		{lambda: 1000, sigma: 0.03, kappa: 0.0012},
		{lambda: 1000, sigma: 0.6, kappa: 0.003}, // where both parameters move the peak
	} {
		noise := law.throughput(law.Peak()) / 50
		var peak, contention, stdError float64
		var peaks []float64
		for range series {
			var points []Point
			for _, n := range []float64{1, 2, 4, 8, 12, 16, 24, 32, 48, 64} {
				points = append(points, Point{n, law.throughput(n) + noise*random.NormFloat64()})
			}
			fit, err := FitScalability(points)
			require.NoError(t, err)
			peak += covers(fit.PeakInterval(), law.Peak()) / series
			margin := fit.student() * fit.stdError(sigma)
			contention += covers(Interval{fit.sigma - margin, fit.sigma + margin}, law.sigma) / series
			stdError += fit.logPeakStdError() / series
			peaks = append(peaks, math.Log(fit.Peak()))
		}
		require.InDelta(t, 0.95, peak, 0.035)
		require.InDelta(t, 0.95, contention, 0.035)
		require.InEpsilon(t, stat.StdDev(peaks, nil), stdError, 0.15)
	}
}

func covers(interval Interval, value float64) float64 {
	if interval.Low <= value && value <= interval.High {
		return 1
	}
	return 0
}

func TestScalabilityAtItsLimits(t *testing.T) {
	linear := Scalability{lambda: 10}
	require.Equal(t, 100.0, linear.throughput(10))
	require.True(t, math.IsInf(linear.Peak(), 1))
	require.Equal(t, 1.0, Scalability{lambda: 10, sigma: 1}.Peak(), "nothing runs side by side")
	require.Equal(t, 1.0, Scalability{lambda: 10, sigma: 0.5, kappa: 2}.Peak(), "never below one")
}

// A server that merely saturates, gradually (Amdahl) or all at once (as many
// connections as it has cores), has no peak: its interval reaches infinity in 95 of
// 100 series. One that gets slower has one.
func TestAServerThatSaturatesHasNoPeak(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 5))
	const series = 200
	peaks := func(law func(n float64) float64) int {
		finite := 0
		for range series {
			var points []Point
			for _, n := range []float64{2, 4, 8, 15, 16, 32, 60, 64} {
				for range 3 {
					points = append(points, Point{n, law(n) * math.Exp(0.03*random.NormFloat64())})
				}
			}
			fit, err := FitScalability(points)
			require.NoError(t, err)
			peakInterval := fit.PeakInterval()
			if !math.IsInf(peakInterval.High, 1) {
				finite++
			}
		}
		return finite
	}
	saturating := peaks(func(n float64) float64 { return 100 * n / (1 + 0.1*(n-1)) })
	atOnce := peaks(func(n float64) float64 { return 100 * math.Min(n, 12) })
	slowing := peaks(Scalability{lambda: 100, sigma: 0.05, kappa: 0.002}.throughput)
	t.Logf("a peak is said of %d and %d of %d that saturate, and of %d that get slower", saturating, atOnce, series, slowing)
	require.LessOrEqual(t, saturating, series*5/100)
	require.LessOrEqual(t, atOnce, series*5/100)
	require.GreaterOrEqual(t, slowing, series*95/100)
}
