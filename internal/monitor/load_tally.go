package monitor

import (
	"cmp"
	"maps"
	"slices"
)

// loadTally follows the counters from sample to sample and counts what sessions
// in use were doing, in bounded memory.
type loadTally struct {
	hidden           int
	active, idle     int // sums of sessions
	others           int
	inUse            levels
	last             Sample
	databases        map[string]bool
	untimed          bool
	total            loadWindow
	rollbacks        int64
	activeMs, idleMs float64
	windows          []loadWindow
	perWindow        int                       // samples
	statements       map[string]*HeldStatement // counts of sessions
	held             int                       // sessions, of those and further statements
}

type loadWindow struct {
	seconds      float64
	transactions int64
	busy         float64 // milliseconds
	samples, sum int
}

const (
	mostWindows    = 80
	mostStatements = 1000
	listed         = 20 // statements
)

func (t *loadTally) add(s Sample) {
	d := s.Database
	if t.perWindow == 0 {
		t.perWindow, t.databases, t.statements = 1, map[string]bool{}, map[string]*HeldStatement{}
	}
	t.hidden = max(t.hidden, d.Hidden)
	t.active += d.Active - d.IdleInTransaction
	t.idle += d.IdleInTransaction
	t.others += d.OthersInUse
	t.inUse.add(d.Active)
	for _, session := range d.watched {
		t.addSession(session)
	}
	w := t.counted(s)
	w.samples, w.sum = 1, d.Active
	t.total.join(w)
	t.addWindow(w)
	t.last = s
}

func (t *loadTally) addSession(s session) {
	if s.hidden || s.state != stateActive && !s.isHeld() {
		return
	}
	t.held++
	key := shownStatement(s.statement)
	h := t.statements[key]
	if h == nil {
		if len(t.statements) == mostStatements {
			return
		}
		h = &HeldStatement{Statement: key}
		t.statements[key] = h
	}
	if s.isHeld() {
		h.IdleInTransaction++
	} else {
		h.Active++
	}
	h.Longest = max(h.Longest, 1000*s.inState)
}

// counted is how far the counters went since the sample before. A database that
// is met only now counts from here, one whose counters were reset from zero.
func (t *loadTally) counted(s Sample) (w loadWindow) {
	before := map[string]Statistics{}
	if t.last.Database != nil {
		w.seconds = s.Time.Sub(t.last.Time).Seconds()
		for _, row := range t.last.Database.Statistics {
			before[row.Database] = row
		}
	}
	for _, row := range s.Database.Statistics {
		t.databases[row.Database] = true
		t.untimed = t.untimed || !row.Timed
		from, known := before[row.Database]
		if !known {
			continue
		}
		if row.Commits < from.Commits || row.ActiveTime < from.ActiveTime {
			from = Statistics{}
		}
		commits, active := row.Commits-from.Commits, row.ActiveTime-from.ActiveTime
		if own, was := s.Database.own, t.last.Database.own; own.database == row.Database {
			commits -= own.transactions - was.transactions
			active -= own.active - was.active
		}
		rollbacks, idle := row.Rollbacks-from.Rollbacks, row.IdleInTransaction-from.IdleInTransaction
		w.transactions += commits + rollbacks
		w.busy += active + idle
		t.rollbacks += rollbacks
		t.activeMs += active
		t.idleMs += idle
	}
	return w
}

// addWindow keeps windows of as many samples each, and makes them twice as long
// when there are too many.
func (t *loadTally) addWindow(w loadWindow) {
	if n := len(t.windows); n > 0 && t.windows[n-1].samples < t.perWindow {
		t.windows[n-1].join(w)
		return
	}
	if len(t.windows) == mostWindows {
		for i := range mostWindows / 2 {
			t.windows[i] = t.windows[2*i]
			t.windows[i].join(t.windows[2*i+1])
		}
		t.windows = t.windows[:mostWindows/2]
		t.perWindow *= 2
	}
	t.windows = append(t.windows, w)
}

func (w *loadWindow) join(other loadWindow) {
	w.seconds += other.seconds
	w.transactions += other.transactions
	w.busy += other.busy
	w.samples += other.samples
	w.sum += other.sum
}

func (t *loadTally) load() Load {
	return Load{Counters: t.counters(), Sampled: t.sampled(), Windows: t.shownWindows(), Statements: t.longestHeld(), Limits: t.limits()}
}

func (t *loadTally) limits() []Limit {
	if t.last.Database == nil {
		return nil
	}
	limits := slices.Clone(t.last.Database.Limits)
	for i := range limits {
		if limits[i].Scope == "server" {
			limits[i].Used-- // the monitor's own
		}
		limits[i].Used = max(0, limits[i].Used-t.last.Database.Open)
	}
	return limits
}

func (t *loadTally) counters() Counters {
	seconds := t.total.seconds
	c := Counters{
		Seconds: seconds, Databases: slices.Sorted(maps.Keys(t.databases)), CannotSee: countersCannotSee,
		// What the monitor asked itself may be counted a little later than it was.
		Transactions: max(0, t.total.transactions), Rollbacks: t.rollbacks,
	}
	if seconds <= 0 {
		return c
	}
	c.PerSecond = float64(c.Transactions) / seconds
	if t.untimed {
		return c
	}
	busy := max(0, t.activeMs) + t.idleMs
	c.Active, c.IdleInTransaction = new(max(0, t.activeMs)), new(t.idleMs)
	c.InUse = new(busy / 1000 / seconds)
	if c.Transactions > 0 {
		c.Hold = new(busy / float64(c.Transactions))
	}
	return c
}

func (t *loadTally) sampled() Sampled {
	s := Sampled{Samples: t.total.samples, Hidden: t.hidden, CannotSee: sampledCannotSee}
	if t.total.samples == 0 || t.hidden > 0 {
		return s
	}
	n := float64(t.total.samples)
	s.InUse, s.Active, s.IdleInTransaction, s.Others = t.inUse.level(), float64(t.active)/n, float64(t.idle)/n, float64(t.others)/n
	if t.total.transactions > 0 && t.total.seconds > 0 {
		s.Hold = new(s.InUse.Mean * 1000 * t.total.seconds / float64(t.total.transactions))
	}
	return s
}

func (t *loadTally) shownWindows() []Window {
	windows := make([]Window, 0, len(t.windows))
	for _, w := range t.windows {
		shown := Window{Seconds: w.seconds, Transactions: max(0, w.transactions)}
		if w.seconds > 0 && !t.untimed {
			shown.InUse = new(max(0, w.busy) / 1000 / w.seconds)
		}
		if t.hidden == 0 {
			shown.SampledInUse = new(float64(w.sum) / float64(w.samples))
		}
		windows = append(windows, shown)
	}
	return windows
}

func (t *loadTally) longestHeld() []HeldStatement {
	all := make([]HeldStatement, 0, len(t.statements))
	samples := float64(t.total.samples)
	for _, h := range t.statements {
		shown := *h
		shown.Share = (h.Active + h.IdleInTransaction) / float64(t.held)
		shown.Active /= samples
		shown.IdleInTransaction /= samples
		all = append(all, shown)
	}
	slices.SortFunc(all, func(a, b HeldStatement) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Statement, b.Statement))
	})
	return all[:min(len(all), listed)]
}
