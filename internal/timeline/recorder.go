package timeline

import (
	"sync"
	"time"
)

const (
	// A run has at most maxWindows windows: five minutes are drawn second by
	// second, and a day in steps of five minutes.
	maxWindows = 300
	firstWidth = 250 * time.Millisecond
)

// Recorder records a run. The zero value is ready; all methods may be called
// concurrently.
type Recorder struct {
	mu      sync.Mutex
	windows windows[Totals]
	ends    windows[int64] // requests that succeeded, see [LongestStall]
	began   time.Time      // see BoundLoad
	loadEnd time.Time
	levels  map[string]*fineLevels
	phases  []*phase // the last one may be open
}

// phase is a named stretch of a run, such as a step of an experiment.
type phase struct {
	label     string
	from, to  time.Time // to is zero while the phase is open
	totals    Totals
	responses windows[Distribution]
	ends      windows[int64]
}

// BoundLoad says from when to when responses could be expected. Before its end users
// may have stopped asking, what they had begun ends more and more rarely, and that is
// no stall; and where nothing succeeds at the beginning or at the end, it is one.
// Either time may be zero, where it is not known.
func (r *Recorder) BoundLoad(begin, end time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.began, r.loadEnd = begin, end
}

// Record adds observations. They may come in any order; those from before the
// first one of the run belong to its first window.
func (r *Recorder) Record(observations []Observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prepare()
	open := r.open()
	for i := range observations {
		o := &observations[i]
		if o.Measure == None {
			continue
		}
		r.windows.at(o.At).add(o)
		r.fine(o)
		if open != nil && !o.At.Before(open.from) {
			open.add(o)
		}
	}
}

// Merge adds what one pool did around a time.
func (r *Recorder) Merge(at time.Time, pool string, did *Pool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prepare()
	r.windows.at(at).pool(pool).merge(did)
	if open := r.open(); open != nil && !at.Before(open.from) {
		open.totals.pool(pool).merge(did)
	}
}

// fine notes what has shorter windows of its own.
func (r *Recorder) fine(o *Observation) {
	switch o.Measure {
	case Request, RequestFailed:
		*r.ends.at(o.At) += succeeded(o)
	case Active, Waiting:
		levels := r.levels[o.Pool]
		if levels == nil {
			levels = newFineLevels()
			r.levels[o.Pool] = levels
		}
		levels.add(o)
	default: // no other needs them
	}
}

func (r *Recorder) prepare() {
	if r.windows.merge != nil {
		return
	}
	r.windows = windows[Totals]{most: maxWindows, width: firstWidth, merge: func(into, from *Totals) { into.Merge(*from) }}
	r.ends = newEnds()
	r.levels = make(map[string]*fineLevels)
}

// open is the open phase, nil where there is none.
func (r *Recorder) open() *phase {
	if n := len(r.phases); n > 0 && r.phases[n-1].to.IsZero() {
		return r.phases[n-1]
	}
	return nil
}

func (p *phase) add(o *Observation) {
	p.totals.add(o)
	switch o.Measure {
	case Request:
		p.responses.at(o.At).Add(o.Value)
		*p.ends.at(o.At) += succeeded(o)
	case RequestFailed:
		*p.ends.at(o.At) += succeeded(o)
	default: // the totals have it
	}
}

// succeeded is what an observation adds to the requests that succeeded: one that
// failed is a Request and a RequestFailed at the same time.
func succeeded(o *Observation) int64 {
	if o.Measure == Request {
		return 1
	}
	return -int64(o.Value)
}

// Begin opens a phase: what is observed from at on counts for it too. A phase
// that is open ends.
func (r *Recorder) Begin(label string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(at)
	r.phases = append(r.phases, &phase{label: label, from: at, ends: newEnds(), responses: responseWindows(maxWindows, firstWidth)})
}

// End closes the open phase and gives it. Without one it gives an empty phase.
func (r *Recorder) End(at time.Time) Phase {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end(at).snapshot(r.windows.start())
}

// Current gives the open phase as it stands. Without one it gives an empty phase.
func (r *Recorder) Current() Phase {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open().snapshot(r.windows.start())
}

func (r *Recorder) end(at time.Time) *phase {
	ended := r.open()
	if ended != nil {
		ended.to = at
	}
	return ended
}
