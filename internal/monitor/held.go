package monitor

import (
	"time"
)

// Held are sessions idle in a transaction.
type Held struct {
	// Before are those that were so before the watch and stayed so until its
	// end; Since began in its first, second and last third, are idle for at
	// least longIdle and still were so at the end. Ended are those that had been
	// idle for longIdle and went on.
	Before int    `json:"before"`
	Since  [3]int `json:"since"`
	Ended  int    `json:"ended"`
	// Longest is the session that had been idle for longest, of those that
	// still were at the end or else of all; Oldest has the oldest transaction.
	Longest *Session `json:"longest"`
	Oldest  *Session `json:"oldest"`
	// LongestIdle is in seconds.
	LongestIdle float64 `json:"longest_idle_s"`
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
