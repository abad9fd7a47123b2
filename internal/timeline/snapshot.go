package timeline

import "time"

// Snapshot is a run as recorded so far. It is immutable.
type Snapshot struct {
	Start   time.Time // of the first observation; zero where there is none
	Width   time.Duration
	Windows []Window // those in which something happened, in order
	Phases  []Phase  // in order
}

// Window is a short stretch of a run.
type Window struct {
	From   time.Duration // since the run's start; it lasts Snapshot.Width
	Totals Totals
}

// Phase is a named stretch of a run, such as a step of an experiment.
type Phase struct {
	Label    string
	From, To time.Duration // since the run's start; To is 0 while it is open
	Totals   Totals
}

// Snapshot copies what has been recorded.
func (r *Recorder) Snapshot() Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Snapshot{Start: r.start, Width: r.width}
	for i, w := range r.windows {
		if w != nil {
			s.Windows = append(s.Windows, Window{From: time.Duration(i) * r.width, Totals: w.clone()})
		}
	}
	for _, p := range r.phases {
		s.Phases = append(s.Phases, p.snapshot(r.start))
	}
	return s
}

func (p *phase) snapshot(start time.Time) Phase {
	s := Phase{Label: p.label, Totals: p.totals.clone()}
	if !start.IsZero() {
		s.From = max(0, p.from.Sub(start))
		if !p.to.IsZero() {
			s.To = max(s.From, p.to.Sub(start))
		}
	}
	return s
}

// Whole is the sum over the whole run.
func (s Snapshot) Whole() Totals {
	var whole Totals
	for _, w := range s.Windows {
		whole.Merge(w.Totals)
	}
	return whole
}
