package timeline

import (
	"math"
	"time"
)

// Recording is what it takes, beyond the end-of-test figures, to judge several
// runners as one run: percentiles cannot be averaged, but distributions merge;
// and levels add moment by moment.
type Recording struct {
	Start  time.Time `json:"start"`    // of the first window
	Window float64   `json:"window_s"` // length of each, in seconds
	// Totals are the whole run's, every distribution a mergeable sketch.
	Totals Totals `json:"totals"`
	// First and Last are the response times, in milliseconds, of the first and
	// the last third of the time in which there were any: response_drift.
	First Distribution `json:"first_third_ms"`
	Last  Distribution `json:"last_third_ms"`
	// Levels are each pool's by name, one for every window that has samples.
	Levels map[string][]Level `json:"levels"`
}

// Level is what a pool's sampled levels were in one window.
type Level struct {
	At         float64 `json:"at_s"` // since Start, in seconds
	Samples    int64   `json:"samples"`
	Active     float64 `json:"active"` // mean
	ActiveMax  float64 `json:"active_max"`
	Waiting    float64 `json:"waiting"` // mean
	WaitingMax float64 `json:"waiting_max"`
	Total      float64 `json:"total"` // mean of the open connections
	TotalMax   float64 `json:"total_max"`
	// ActiveAt and WaitingAt are how many of the samples were at each level: a
	// mean does not tell how long a pool was in overflow. Absent in files of
	// versions before it.
	ActiveAt  map[int]int64 `json:"active_at,omitempty"`
	WaitingAt map[int]int64 `json:"waiting_at,omitempty"`
}

// Condense makes a recording of a timeline; nil where nothing was recorded. Steps of an
// experiment are no one run: their results have a file of their own.
func Condense(s Snapshot) *Recording {
	if len(s.Windows) == 0 || len(s.Phases) > 0 {
		return nil
	}
	r := &Recording{
		Start: s.Start, Window: s.Width.Seconds(), Totals: s.Whole(), Levels: make(map[string][]Level),
	}
	r.First, r.Last = thirds(s)
	for _, w := range s.Windows {
		for name, p := range w.Totals.Pools {
			if p.Active.Count() > 0 {
				r.Levels[name] = append(r.Levels[name], levelOf(w.From, p))
			}
		}
	}
	return r
}

func levelOf(from time.Duration, p *Pool) Level {
	return Level{
		At: from.Seconds(), Samples: p.Active.Count(),
		Active: Short(p.Active.Mean()), ActiveMax: p.Active.Max(),
		Waiting: Short(p.Waiting.Mean()), WaitingMax: p.Waiting.Max(),
		Total: Short(p.Total.Mean()), TotalMax: p.Total.Max(),
		ActiveAt: samplesAt(p.Active), WaitingAt: samplesAt(p.Waiting),
	}
}

// samplesAt counts the samples at each level. Levels are whole numbers, which a
// distribution only comes near: from 100 on one may count for its neighbour.
func samplesAt(d Distribution) map[int]int64 {
	at := make(map[int]int64)
	d.Each(func(value float64, n int64) { at[int(math.Round(value))] += n })
	return at
}

// Short keeps three decimals: levels are whole numbers, sampled a few times in
// a window.
func Short(mean float64) float64 { return math.Round(1000*mean) / 1000 }

// thirds are the response times of the first and the last third of the windows
// from the first response to the last.
func thirds(s Snapshot) (first, last Distribution) {
	var answered []Window
	for _, w := range s.Windows {
		if w.Totals.Requests.Duration.Count() > 0 {
			answered = append(answered, w)
		}
	}
	if len(answered) == 0 {
		return first, last
	}
	begin := answered[0].From
	length := answered[len(answered)-1].From + s.Width - begin
	for _, w := range answered {
		switch middle := w.From - begin + s.Width/2; {
		case middle < length/3:
			first.Merge(w.Totals.Requests.Duration)
		case middle > length-length/3:
			last.Merge(w.Totals.Requests.Duration)
		}
	}
	return first, last
}

// ActiveSamples counts the samples at each level in use.
func (l Level) ActiveSamples() map[int]int64 {
	return orEstimated(l.ActiveAt, l.Samples, l.Active, l.ActiveMax)
}

// WaitingSamples counts the samples at each number of waiting users.
func (l Level) WaitingSamples() map[int]int64 {
	return orEstimated(l.WaitingAt, l.Samples, l.Waiting, l.WaitingMax)
}

// orEstimated has one sample at the largest level and the others at one that
// makes the mean, where a file of an older version tells no more.
func orEstimated(at map[int]int64, samples int64, mean, largest float64) map[int]int64 {
	switch {
	case len(at) > 0:
		return at
	case samples < 2:
		return map[int]int64{int(math.Round(mean)): 1}
	}
	n := float64(samples)
	others := math.Max(0, (n*mean-largest)/(n-1))
	at = map[int]int64{int(math.Round(others)): samples - 1}
	at[int(math.Round(largest))]++
	return at
}
