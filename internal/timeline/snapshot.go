package timeline

import "time"

// Snapshot is a run as recorded so far. It is immutable.
type Snapshot struct {
	// Start is a multiple of Width since the Unix epoch, at or before the first
	// observation; zero where there is none.
	Start   time.Time
	Width   time.Duration
	Windows []Window // those in which something happened, in order
	Phases  []Phase  // in order

	Ended *Series // requests that succeeded; nil where none ended

	fine map[string]Fine
}

// Window is a short stretch of a run.
type Window struct {
	From   time.Duration // since the run's start; it lasts Snapshot.Width
	Totals Totals
}

// Phase is a named stretch of a run, such as a step of an experiment.
type Phase struct {
	Label     string
	From, To  time.Duration // since the run's start; To is 0 while it is open
	Totals    Totals
	Responses *Responses
	Ended     *Series // requests that succeeded; nil where none ended
}

// Snapshot copies what has been recorded.
func (r *Recorder) Snapshot() Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Snapshot{Start: r.windows.start(), Width: r.windows.width}
	for i, w := range r.windows.slots {
		if w != nil {
			s.Windows = append(s.Windows, Window{From: time.Duration(i) * s.Width, Totals: w.clone()})
		}
	}
	s.Ended = seriesOf(&r.ends).within(r.began, r.loadEnd)
	for name, levels := range r.levels {
		if s.fine == nil {
			s.fine = make(map[string]Fine)
		}
		s.fine[name] = levels.snapshot()
	}
	for _, p := range r.phases {
		s.Phases = append(s.Phases, p.snapshot(s.Start))
	}
	return s
}

// snapshot is an empty phase of nil.
func (p *phase) snapshot(start time.Time) Phase {
	if p == nil {
		return Phase{}
	}
	s := Phase{Label: p.label, Totals: p.totals.clone(), Responses: responsesOf(&p.responses), Ended: seriesOf(&p.ends)}
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
