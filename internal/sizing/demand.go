package sizing

import (
	"math"
	"time"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Demand is a load that was measured at the database: requests that arrive at a
// rate of their own at all the pools of an application together.
type Demand struct {
	InUse    float64       // mean number of connections in use, above 0
	Hold     time.Duration // mean time a request holds its connection, above 0
	Interval *Interval     // of InUse, at 95 %; nil where too little was measured for it
	Peak     int           // most connections seen in use at once, 0 where not known
}

// Rate is the number of requests per second, by Little's law.
func (d Demand) Rate() float64 { return d.InUse / d.Hold.Seconds() }

// Times is the demand of so many times the requests.
func (d Demand) Times(growth float64) Demand {
	d.InUse *= growth
	d.Peak = int(math.Ceil(float64(d.Peak) * growth))
	if d.Interval != nil {
		d.Interval = &Interval{Low: d.Interval.Low * growth, High: d.Interval.High * growth}
	}
	return d
}

// On is the load of one of so many pools among which the requests are spread at
// random; Connections is left open.
func (d Demand) On(pools int) OpenLoop {
	return OpenLoop{Rate: d.Rate() / float64(pools), Hold: d.Hold}
}

// SmallestPool is the fewest connections of each pool that meet the target and
// leave room.
func (d Demand) SmallestPool(pools int, target WaitTarget, room headroom) (int, error) {
	waiting, err := d.On(pools).SmallestConnections(target)
	if err != nil {
		return 0, err
	}
	roomy, err := d.On(pools).SmallestSize(room)
	return max(waiting, roomy), err
}

// Bounds are the demands at the ends of the interval, the demand itself where
// there is none.
func (d Demand) Bounds() (low, high Demand) {
	low, high = d, d
	if d.Interval != nil {
		const least = 1e-6 // sessions: no load at all has no size
		low.InUse, high.InUse = max(least, d.Interval.Low), max(least, d.Interval.High)
	}
	return low, high
}

// MeanInterval is the 95 % confidence interval of the mean of what was measured
// in windows of time one after the other, by batch means: windows that follow
// each other are alike, long batches of them are not. It is nil below leastBatches
// windows.
//
// Source: A. M. Law, Simulation Modeling and Analysis, section 9.5.3.
func MeanInterval(mean float64, windows []float64) *Interval {
	const leastBatches, mostBatches = 5, 20
	size := (len(windows) + mostBatches - 1) / mostBatches
	var batches []float64
	for i := 0; size > 0 && i+size <= len(windows); i += size {
		batches = append(batches, stat.Mean(windows[i:i+size], nil))
	}
	n := float64(len(batches))
	if len(batches) < leastBatches {
		return nil
	}
	const upper = 0.975
	margin := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(upper) * stat.StdDev(batches, nil) / math.Sqrt(n)
	return &Interval{Low: max(0, mean-margin), High: mean + margin}
}
