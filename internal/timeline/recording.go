package timeline

import (
	"math"
	"time"
)

// Recording is what it takes, beyond the end-of-test values, to judge several
// runners as one run: percentiles cannot be averaged, but distributions merge;
// and levels add moment by moment.
type Recording struct {
	Start  time.Time `json:"start"`    // of the first window
	Window float64   `json:"window_s"` // length of each, in seconds
	// Totals are the whole run's, every distribution a mergeable sketch.
	Totals Totals `json:"totals"`
	// Responses are the response times in at most 32 windows: response_drift.
	// Like Ended and Fine they are absent in files of versions before them.
	Responses *Responses `json:"responses,omitempty"`
	// Ended counts the requests that succeeded, from the load's start to its end: the
	// longest stall.
	Ended *Series `json:"ended,omitempty"`
	// Levels are each pool's by name, one for every window that has samples.
	Levels map[string][]Level `json:"levels"`
	// Fine are the levels' samples, in shorter windows.
	Fine map[string]Fine `json:"fine,omitempty"`
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
	// ActiveAt and WaitingAt are how many of the samples were at each level, in
	// files of versions before [Fine].
	ActiveAt  map[int]int64 `json:"active_at,omitempty"`
	WaitingAt map[int]int64 `json:"waiting_at,omitempty"`
}

// Condense makes a recording of a timeline; nil where nothing was recorded. Steps
// of an experiment are no one run: their results have a file of their own.
func Condense(s Snapshot) *Recording {
	if len(s.Windows) == 0 || len(s.Phases) > 0 {
		return nil
	}
	r := &Recording{
		Start: s.Start, Window: s.Width.Seconds(), Totals: s.Whole(), Levels: make(map[string][]Level),
		Responses: s.responses(mostResponses), Ended: s.Ended, Fine: s.fine,
	}
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
	}
}

// Short keeps three decimals: levels are integers, sampled a few times in
// a window.
func Short(mean float64) float64 { return math.Round(1000*mean) / 1000 }

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
