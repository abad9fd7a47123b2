package experiment

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// candidate is one size of a sweep with its measurement of every whole round.
type candidate struct {
	size
	rounds []Measurement
	broke  []judgment // of the rounds that did not meet the criteria
}

// sweep is what the whole rounds of a sweep say.
type sweep struct {
	all       []candidate // by connections, then by size
	tolerance float64
}

// swept sorts the measurements of whole rounds by size.
func (p *tune) swept(done []Measurement) sweep {
	if len(p.sizes) == 0 {
		return sweep{}
	}
	return p.bySize(done[:len(done)/len(p.sizes)*len(p.sizes)])
}

// bySize sorts any measurements by size.
func (p *tune) bySize(done []Measurement) sweep {
	w := sweep{tolerance: p.tolerance}
	for _, v := range p.sizes {
		c := candidate{size: v}
		for _, m := range done {
			if m.Step.Label == v.String() {
				c.rounds = append(c.rounds, m)
				if j := p.judged(m); !j.carried() {
					c.broke = append(c.broke, j)
				}
			}
		}
		w.all = append(w.all, c)
	}
	return w
}

func (w sweep) rounds() int {
	if len(w.all) == 0 {
		return 0
	}
	return len(w.all[0].rounds)
}

// enough is how much of the best share of answered arrivals a pool needs to be
// compared at all: responses that time out early, and arrivals that are dropped,
// make a p95 look good.
const enough = 0.99

// sound are the candidates that can be recommended: their requests, and with a
// rate arrivals, are answered like the best one's, they served something in every
// round, and they met the criteria in most. Where none did, the criteria do not
// decide, and met is false.
func (w sweep) sound() (sound []candidate, met bool) {
	best := 0.0
	for _, c := range w.all {
		best = max(best, sum(c.rounds).answered())
	}
	sound = slices.DeleteFunc(slices.Clone(w.all), func(c candidate) bool {
		silent := slices.ContainsFunc(c.rounds, func(m Measurement) bool { return m.served() <= 0 || m.Request.P95 <= 0 })
		return silent || sum(c.rounds).answered() < enough*best
	})
	meeting := slices.DeleteFunc(slices.Clone(sound), func(c candidate) bool { return !c.meets() })
	if len(meeting) == 0 {
		return sound, false
	}
	return meeting, true
}

// meets tells whether most rounds met the criteria.
func (c candidate) meets() bool { return 2*len(c.broke) < len(c.rounds) }

// knee is the smallest pool that is as good as the best, and how it was found.
type knee struct {
	sound    []candidate
	met      bool   // whether they met the criteria
	chosen   int    // of sound
	p95      twoWay // logarithms
	served   twoWay // logarithms
	p95Limit limit
	served95 limit // of the throughput
	asGood   []bool
}

// limit is how far from the best is still as good, as a difference of
// logarithms.
type limit struct {
	noise float64 // the least difference that noise does not explain; NaN where it is not known
	value float64 // the larger of noise and tolerance
}

// find looks for the knee; false where nothing was served.
//
// The quantities are the logarithms of p95 and of served requests per second, one
// of each per pool and round. With the pool's mean and the round's effect taken
// out, what is left is noise: its standard deviation s has
// (pools-1)(rounds-1) degrees of freedom. A pool is as good as the best when
// its mean is no further from the best mean than t·s·√(2/rounds), t at 95 %
// one-sided, or than the tolerance, whichever is more.
func (w sweep) find() (knee, bool) {
	var k knee
	k.sound, k.met = w.sound()
	if len(k.sound) == 0 || w.rounds() == 0 {
		return k, false
	}
	k.p95, k.served = newTwoWay(logs(k.sound, p95)), newTwoWay(logs(k.sound, throughput))
	tolerance := math.Log1p(w.tolerance)
	k.p95Limit, k.served95 = newLimit(k.p95, tolerance), newLimit(k.served, tolerance)
	k.asGood = k.good(k.p95.means, k.served.means)
	k.chosen = slices.Index(k.asGood, true)
	return k, true
}

func newLimit(t twoWay, tolerance float64) limit {
	l := limit{noise: t.leastDifference(), value: tolerance}
	if l.noise > tolerance { // false for NaN
		l.value = l.noise
	}
	return l
}

func logs(all []candidate, f quantity) [][]float64 {
	table := make([][]float64, len(all))
	for i, c := range all {
		for _, v := range each(c.rounds, f) {
			table[i] = append(table[i], math.Log(v))
		}
	}
	return table
}

// good tells for means of logarithms which pools are as good as the best. Where
// no pool is the best at both, those that come nearest are.
func (k knee) good(p95s, served []float64) []bool {
	fastest, most := slices.Min(p95s), slices.Max(served)
	good := make([]bool, len(p95s))
	nearest, least := -1, math.Inf(1)
	for i := range good {
		slower, fewer := p95s[i]-fastest-k.p95Limit.value, most-served[i]-k.served95.value
		good[i] = slower <= 0 && fewer <= 0
		if miss := max(slower, fewer); miss < least {
			nearest, least = i, miss
		}
	}
	if !slices.Contains(good, true) {
		good[nearest] = true
	}
	return good
}

// noise is the largest difference from the best that noise explains, as a share:
// what is no further from it is taken to be as good.
func (k knee) noise() float64 { return math.Expm1(max(k.p95Limit.noise, k.served95.noise)) }

// lags is how much worse than the best the chosen pool was measured to be, as
// differences of logarithms.
func (k knee) lags() (p95, served float64) {
	return k.p95.means[k.chosen] - slices.Min(k.p95.means), slices.Max(k.served.means) - k.served.means[k.chosen]
}

// behind is the larger of the two, as a share.
func (k knee) behind() float64 {
	slower, fewer := k.lags()
	return math.Expm1(max(slower, fewer))
}

// compromise tells whether no pool is as good as the best at both, so that the
// chosen one is only nearest.
func (k knee) compromise() bool {
	slower, fewer := k.lags()
	return slower > k.p95Limit.value || fewer > k.served95.value
}

// variation is how much one pool's quantity varies from round to round, as a
// share.
func (t twoWay) variation() float64 { return math.Expm1(t.deviation) }

// geometricMean is the mean of a quantity whose noise is a factor.
func geometricMean(all []Measurement, f quantity) float64 {
	return stat.GeometricMean(each(all, f), nil)
}

// resamples is how often the rounds are drawn again.
const resamples = 2000

// confidenceOf is how sure a recommendation is.
type confidenceOf struct {
	sure      bool    // false with a single round or pool, which show no noise
	low, high int     // connections
	agreement float64 // share of resamples that recommend the same pool
}

// bootstrap says between which of the measured sizes the recommendation moves
// when the noise is drawn again: every pool's mean, and for every round one of
// all residuals at random (p95 and throughput of the same step together, scaled
// up for the degrees of freedom that the means took). Then the knee is looked
// for as before. The interval is from the 2.5th to the 97.5th percentile of the
// pools found, in connections.
//
// Source: A. C. Davison and D. V. Hinkley, Bootstrap Methods and their
// Application (1997), section 6.2.3: resampling of residuals, of rounds there
// are too few to resample.
func (k knee) bootstrap(seed int) confidenceOf {
	recommended := k.sound[k.chosen].connections()
	if k.p95.freedom == 0 {
		return confidenceOf{low: recommended, high: recommended}
	}
	random := rand.New(rand.NewPCG(uint64(seed), math.MaxUint64)) // #nosec G115 G404 -- no secret; a seed is not negative
	rows, columns := len(k.sound), len(k.p95.residuals[0])
	scale := math.Sqrt(float64(rows*columns) / float64(k.p95.freedom))
	found := make([]int, resamples)
	same := 0
	p95s, served := make([]float64, rows), make([]float64, rows)
	for b := range found {
		for i := range rows {
			var noise95, noiseServed float64
			for range columns {
				row, column := random.IntN(rows), random.IntN(columns)
				noise95 += k.p95.residuals[row][column]
				noiseServed += k.served.residuals[row][column]
			}
			p95s[i] = k.p95.means[i] + scale*noise95/float64(columns)
			served[i] = k.served.means[i] + scale*noiseServed/float64(columns)
		}
		chosen := slices.Index(k.good(p95s, served), true)
		found[b] = k.sound[chosen].connections()
		if chosen == k.chosen {
			same++
		}
	}
	slices.Sort(found)
	const tail = (1 - confidence) / 2
	// The interval holds the recommendation itself even where noise leans to one side.
	return confidenceOf{
		sure:      true,
		low:       min(found[int(tail*resamples)], recommended),
		high:      max(found[int((1-tail)*resamples)-1], recommended),
		agreement: float64(same) / resamples,
	}
}
