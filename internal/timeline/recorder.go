package timeline

import (
	"slices"
	"sync"
	"time"
)

const (
	// A run has at most maxWindows windows of equal length. When it outgrows
	// them, neighbours are merged: five minutes are drawn second by second, and
	// a day in steps of five minutes.
	maxWindows = 300
	firstWidth = 250 * time.Millisecond
)

// Recorder records a run. The zero value is ready; all methods may be called
// concurrently.
type Recorder struct {
	mu      sync.Mutex
	start   time.Time
	width   time.Duration // of a window
	windows []*Totals     // by offset over width; nil where nothing happened
	phases  []*phase      // the last one may be open
}

// phase is a named stretch of a run, such as a step of an experiment.
type phase struct {
	label    string
	from, to time.Time // to is zero while the phase is open
	totals   Totals
}

// Record adds observations. They may come in any order; those from before the
// first one of the run belong to its first window.
func (r *Recorder) Record(observations []Observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var open *phase
	if n := len(r.phases); n > 0 && r.phases[n-1].to.IsZero() {
		open = r.phases[n-1]
	}
	for i := range observations {
		o := &observations[i]
		if o.Measure == None {
			continue
		}
		r.window(o.At).add(o)
		if open != nil && !o.At.Before(open.from) {
			open.totals.add(o)
		}
	}
}

// Begin opens a phase: what is observed from at on counts for it too. A phase
// that is open ends.
func (r *Recorder) Begin(label string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(at)
	r.phases = append(r.phases, &phase{label: label, from: at})
}

// End closes the open phase and gives it. Without one it gives an empty phase.
func (r *Recorder) End(at time.Time) Phase {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ended := r.end(at); ended != nil {
		return ended.snapshot(r.start)
	}
	return Phase{}
}

// Current gives the open phase as it stands. Without one it gives an empty phase.
func (r *Recorder) Current() Phase {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.phases); n > 0 && r.phases[n-1].to.IsZero() {
		return r.phases[n-1].snapshot(r.start)
	}
	return Phase{}
}

func (r *Recorder) end(at time.Time) *phase {
	n := len(r.phases)
	if n == 0 || !r.phases[n-1].to.IsZero() {
		return nil
	}
	r.phases[n-1].to = at
	return r.phases[n-1]
}

// window gives the window of a time, after making room for it.
func (r *Recorder) window(at time.Time) *Totals {
	if r.start.IsZero() {
		r.start, r.width = at, firstWidth
	}
	offset := max(0, at.Sub(r.start))
	for offset/r.width >= maxWindows {
		r.halve()
	}
	index := int(offset / r.width)
	for len(r.windows) <= index {
		r.windows = append(r.windows, nil)
	}
	if r.windows[index] == nil {
		r.windows[index] = &Totals{}
	}
	return r.windows[index]
}

// halve merges neighbouring windows.
func (r *Recorder) halve() {
	merged := make([]*Totals, 0, maxWindows)
	for pair := range slices.Chunk(r.windows, 2) {
		whole := pair[0]
		if len(pair) == 2 && pair[1] != nil {
			if whole == nil {
				whole = pair[1]
			} else {
				whole.Merge(*pair[1])
			}
		}
		merged = append(merged, whole)
	}
	r.windows, r.width = merged, 2*r.width
}
