package timeline

import (
	"math"
	"slices"
	"time"
)

// Course is how long requests took, by when they ended: windows of equal length,
// empty where none did.
type Course struct {
	Width   time.Duration
	Windows []Distribution
}

func courseOf(w *windows[Distribution]) Course {
	c := Course{Width: w.width, Windows: make([]Distribution, len(w.slots))}
	for i, slot := range w.slots {
		if slot != nil {
			c.Windows[i].Merge(*slot)
		}
	}
	return c
}

// Responses is the course of the whole run.
func (s Snapshot) Responses() Course {
	c := Course{Width: s.Width}
	for _, w := range s.Windows {
		for index := int(w.From / s.Width); len(c.Windows) <= index; {
			c.Windows = append(c.Windows, Distribution{})
		}
		c.Windows[int(w.From/s.Width)].Merge(w.Totals.Requests.Duration)
	}
	return c
}

// mostResponses is how many windows of response times a recording has: each is a
// sketch of kilobytes.
const mostResponses = 32

// responses are the run's response times in few windows, nil where there are none.
func (s Snapshot) responses() *Responses {
	w := windows[Distribution]{
		most: mostResponses, width: s.Width, merge: func(into, from *Distribution) { into.Merge(*from) },
	}
	for _, window := range s.Windows {
		if d := window.Totals.Requests.Duration; d.Count() > 0 {
			w.at(s.Start.Add(window.From)).Merge(d)
		}
	}
	if len(w.slots) == 0 {
		return nil
	}
	return &Responses{Start: w.start(), Window: w.width.Seconds(), Windows: courseOf(&w).Windows}
}

// MergeResponses adds several runners' response times on one grid.
func MergeResponses(all []*Responses) *Responses {
	var longest float64
	for _, r := range all {
		longest = max(longest, r.Window)
	}
	w := windows[Distribution]{
		most: mostResponses, width: time.Duration(longest * float64(time.Second)),
		merge: func(into, from *Distribution) { into.Merge(*from) },
	}
	slices.SortFunc(all, func(a, b *Responses) int { return a.Start.Compare(b.Start) })
	for _, r := range all {
		for i, d := range r.Windows {
			w.at(r.Start.Add(time.Duration(float64(i) * r.Window * float64(time.Second)))).Merge(d)
		}
	}
	return &Responses{Start: w.start(), Window: w.width.Seconds(), Windows: courseOf(&w).Windows}
}

// Course is the course of the response times.
func (r *Responses) Course() Course {
	if r == nil {
		return Course{}
	}
	return Course{Width: time.Duration(r.Window * float64(time.Second)), Windows: r.Windows}
}

// stretch is one of the equal parts of a run.
type stretch struct {
	from, length time.Duration // since the first response
	all          Distribution
}

// stretches divides the time from the first response to the last, without the
// warm-up; those without a response are left out.
func (c Course) stretches(most int) []stretch {
	answered := func(d Distribution) bool { return d.Count() > 0 }
	first := slices.IndexFunc(c.Windows, answered)
	if first < 0 {
		return nil
	}
	windows := c.Windows[first:]
	for windows[len(windows)-1].Count() == 0 {
		windows = windows[:len(windows)-1]
	}
	skipped := int(math.Round(warmUp * float64(len(windows))))
	windows = windows[skipped:]
	n := min(len(windows), most)
	var parts []stretch
	for i := range n {
		from, to := i*len(windows)/n, (i+1)*len(windows)/n
		s := stretch{from: time.Duration(skipped+from) * c.Width, length: time.Duration(to-from) * c.Width}
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
