package timeline

import (
	"math"
	"slices"
	"time"
)

// Responses are response times in milliseconds by when the requests ended: windows
// of equal length, empty where none did.
type Responses struct {
	Start   time.Time      `json:"start"` // a multiple of Window since the Unix epoch
	Window  float64        `json:"window_s"`
	Windows []Distribution `json:"windows_ms"`
}

func responseWindows(most int, width time.Duration) windows[Distribution] {
	return windows[Distribution]{most: most, width: width, merge: func(into, from *Distribution) { into.Merge(*from) }}
}

func responsesOf(w *windows[Distribution]) *Responses {
	r := &Responses{Start: w.start(), Window: w.width.Seconds(), Windows: make([]Distribution, len(w.slots))}
	for i, slot := range w.slots {
		if slot != nil {
			r.Windows[i].Merge(*slot)
		}
	}
	return r
}

// mostResponses is how many windows of response times a recording has: each is a
// sketch of kilobytes.
const mostResponses = 32

// Responses are the run's, nil where there are none.
func (s Snapshot) Responses() *Responses { return s.responses(maxWindows) }

func (s Snapshot) responses(most int) *Responses {
	w := responseWindows(most, s.Width)
	for _, window := range s.Windows {
		if d := window.Totals.Requests.Duration; d.Count() > 0 {
			w.at(s.Start.Add(window.From)).Merge(d)
		}
	}
	if len(w.slots) == 0 {
		return nil
	}
	return responsesOf(&w)
}

// MergeResponses adds several runners' response times on one grid.
func MergeResponses(all []*Responses) *Responses {
	var longest time.Duration
	for _, r := range all {
		longest = max(longest, r.width())
	}
	w := responseWindows(mostResponses, longest)
	slices.SortFunc(all, func(a, b *Responses) int { return a.Start.Compare(b.Start) })
	for _, r := range all {
		for i, d := range r.Windows {
			w.at(r.Start.Add(time.Duration(float64(i) * r.Window * float64(time.Second)))).Merge(d)
		}
	}
	return responsesOf(&w)
}

func (r *Responses) width() time.Duration { return time.Duration(r.Window * float64(time.Second)) }

// stretch is one of the equal parts of a run.
type stretch struct {
	from, length time.Duration // since the first response
	all          Distribution
}

// stretches divides the time from the first response to the last, without the
// warm-up; those without a response are left out.
func (r *Responses) stretches(most int) []stretch {
	if r == nil {
		return nil
	}
	first := slices.IndexFunc(r.Windows, func(d Distribution) bool { return d.Count() > 0 })
	if first < 0 {
		return nil
	}
	windows := r.Windows[first:]
	for windows[len(windows)-1].Count() == 0 {
		windows = windows[:len(windows)-1]
	}
	skipped := int(math.Round(warmUp * float64(len(windows))))
	windows = windows[skipped:]
	n, width := min(len(windows), most), r.width()
	var parts []stretch
	for i := range n {
		from, to := i*len(windows)/n, (i+1)*len(windows)/n
		s := stretch{from: time.Duration(skipped+from) * width, length: time.Duration(to-from) * width}
		for _, w := range windows[from:to] {
			s.all.Merge(w)
		}
		if s.all.Count() > 0 {
			parts = append(parts, s)
		}
	}
	return parts
}

func countOf(parts []stretch) (responses int64) {
	for _, p := range parts {
		responses += p.all.Count()
	}
	return responses
}
