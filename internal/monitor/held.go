package monitor

import (
	"cmp"
	"slices"
	"time"
)

// Held are sessions idle in a transaction.
type Held struct {
	// Before counts those that were idle from before the watch to its end, Since
	// those that became idle in its first, second and last third and still were at
	// the end, for at least longIdle. Ended counts those that continued after
	// longIdle.
	Before int    `json:"before"`
	Since  [3]int `json:"since"`
	Ended  int    `json:"ended"`
	// Longest is the session that had been idle for longest, of those that
	// still were at the end or else of all; Oldest has the oldest transaction.
	Longest *Session `json:"longest"`
	Oldest  *Session `json:"oldest"`
	// LongestIdle is in seconds.
	LongestIdle float64 `json:"longest_idle_s"`
	// Resting are those that the pool has not got back although they are idle
	// outside a transaction, at the end.
	Resting Resting `json:"resting"`
}

// Resting are sessions idle outside a transaction for longIdle and longer, beyond
// those that the pool has idle as well. The server shows how many of them are
// checked out, but not which.
type Resting struct {
	Sessions int `json:"sessions"`
	Since    int `json:"since"` // of these, surely idle since the watch began
	// IdleFor is how long, in seconds, at least two of them have been idle; 0 for fewer.
	IdleFor float64 `json:"idle_s"`
	// Longest is the one idle for longest, which the pool may have back.
	Longest *Session `json:"longest"`
}

// seenSession is a session of the sample before.
type seenSession struct {
	held    bool
	since   time.Time // its state, as near as a sample can tell
	long    bool      // it had been idle for longIdle
	changed float64   // as in session
}

// addHeld follows the sessions that are idle in a transaction.
func (t *Tally) addHeld(s Sample) {
	h, now := &t.report.Held, make(map[int32]seenSession, len(s.Database.watched))
	t.opening = t.sessions == nil
	if l := s.Database.IdleLongest; l != nil {
		h.LongestIdle = max(h.LongestIdle, l.IdleFor)
		if h.Longest == nil || l.IdleFor >= h.Longest.IdleFor {
			h.Longest = l
		}
	}
	t.live = 0
	for _, session := range s.Database.watched {
		before, known := t.sessions[session.pid]
		if t.sessions != nil && !known {
			t.report.Server.Opened++
			t.opening = true
		}
		if known && session.changed != before.changed {
			t.live++
		}
		now[session.pid] = seenSession{
			held: session.isHeld(), since: s.Time.Add(-Seconds(session.inState)), changed: session.changed,
			long: session.isHeld() && session.inState >= longIdle,
		}
	}
	for pid, before := range t.sessions {
		if before.wentOn(now[pid]) {
			h.Ended++
		}
	}
	t.sessions = now
}

// wentOn tells whether a session that had been idle for long is so no more;
// after is zero for one that has gone.
func (s seenSession) wentOn(after seenSession) bool {
	return s.long && (!after.held || after.since.Sub(s.since) > time.Second)
}

// stuck counts the sessions of the last sample that are idle in a transaction
// and have been so for long.
func (t *Tally) stuck(h *Held) {
	if t.last.Database == nil {
		return
	}
	h.Resting = t.last.resting(t.report.Started)
	if l := t.last.Database.IdleLongest; l != nil && l.IdleFor >= longIdle {
		h.Longest = l
	}
	began, third := t.report.Started, t.last.Time.Sub(t.report.Started)/3
	for _, s := range t.last.Database.watched {
		if !s.isHeld() || s.inState < longIdle {
			continue
		}
		since := t.last.Time.Add(-Seconds(s.inState)).Sub(began)
		switch {
		case since <= 0 || third <= 0:
			h.Before++
		default:
			h.Since[min(2, int(since/third))]++
		}
	}
}

// resting looks for the connections of a sample that are checked out and idle
// outside a transaction for long: the pool can have only so many of them.
func (s Sample) resting(began time.Time) (r Resting) {
	returned, known := s.returned()
	if !known {
		return Resting{}
	}
	var idle []session
	before := 0
	for _, session := range s.Database.watched {
		if session.state != stateIdle || session.inState < longIdle || session.isReturned() {
			continue
		}
		idle = append(idle, session)
		if !s.Time.Add(-Seconds(session.inState)).After(began) {
			before++
		}
	}
	if r.Sessions = len(idle) - returned; r.Sessions <= 0 {
		return Resting{}
	}
	slices.SortFunc(idle, func(a, b session) int { return cmp.Compare(b.inState, a.inState) })
	r.Longest = idle[0].shown()
	if r.Sessions >= 2 {
		r.IdleFor = idle[returned+1].inState
	}
	r.Since = max(0, r.Sessions-before)
	return r
}

// returned is how many connections the pool may have back; not known behind a pooler,
// and where there are more than the application knows of.
func (s Sample) returned() (most int, known bool) {
	if s.Database == nil || s.Pooler != nil {
		return 0, false
	}
	if a := s.Application; a != nil && a.Complete {
		return a.CheckedIn, s.Database.Open <= a.CheckedIn+a.CheckedOut+1
	}
	return s.Pool.Size, true // a QueuePool keeps no more
}
