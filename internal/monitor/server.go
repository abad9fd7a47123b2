package monitor

import (
	"errors"
	"math"
	"slices"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// ServerReport is what the server said about itself and the application's
// databases during the watch.
type ServerReport struct {
	// Limit is the tightest limit of connections at its tightest; nil where
	// none is known.
	Limit *Limit `json:"limit"`
	// Refused counts the samples for which the server had no connection left.
	Refused int `json:"refused"`
	// Restarted says that it started again, after a crash too, or answered that it is
	// starting or shutting down. Unreachable counts the samples that were refused a
	// connection by a server that had answered before.
	Restarted   bool `json:"restarted"`
	Unreachable int  `json:"unreachable"`
	// ReadOnly is how it was at the end, BecameReadOnly says that this changed.
	ReadOnly       bool `json:"read_only"`
	BecameReadOnly bool `json:"became_read_only"`
	// ReadOnlyRole says that it is read-only for the application's role or database.
	ReadOnlyRole bool `json:"read_only_role,omitempty"`
	// Barred is what kept the application from opening connections, nil where nothing
	// is known to have.
	Barred *Barred `json:"barred,omitempty"`
	// Statistics are differences over the watch, of all databases together;
	// Seconds is the time between.
	Statistics Statistics `json:"statistics"`
	Seconds    float64    `json:"seconds"`
	// In milliseconds, as in Database.
	StatementTimeout float64 `json:"statement_timeout_ms,omitempty"`
	IdleTimeout      float64 `json:"idle_timeout_ms,omitempty"`
	SessionTimeout   float64 `json:"session_timeout_ms,omitempty"`
	// Opened counts sessions of the application that were not there before.
	Opened int `json:"sessions_opened"`
}

func (t *Tally) addServer(s Sample) {
	r, d := &t.report.Server, s.Database
	if limit, known := d.Headroom(); known && (r.Limit == nil || limit.Room() <= r.Limit.Room()) {
		r.Limit = &limit
	}
	before := t.last.Database
	if before != nil && math.Abs(d.Started-before.Started) > 1 {
		r.Restarted = true
	}
	if before != nil && d.ReadOnly && !before.ReadOnly {
		r.BecameReadOnly = true
	}
	r.ReadOnly, r.ReadOnlyRole = d.ReadOnly, d.ReadOnlyRole
	if d.Barred != nil {
		r.Barred = d.Barred
	}
	r.StatementTimeout = max(r.StatementTimeout, d.StatementTimeout)
	r.IdleTimeout = max(r.IdleTimeout, d.IdleTimeout)
	r.SessionTimeout = max(r.SessionTimeout, d.SessionTimeout)
	if d.elsewhere != nil {
		t.elsewhere, t.elsewhereLimit = t.elsewhere+1, d.elsewhere
	}
	t.addStatistics(s)
}

// addStatistics keeps the counters that the watch began with.
func (t *Tally) addStatistics(s Sample) {
	if t.first == nil {
		t.first, t.statsFrom, t.ownFirst = map[string]Statistics{}, s.Time, s.Database.own
	}
	for _, row := range s.Database.Statistics {
		if _, known := t.first[row.Database]; !known {
			t.first[row.Database] = row
		}
	}
}

// addFailure looks at why the database did not answer.
func (t *Tally) addFailure(err error) {
	r := &t.report.Server
	refusal, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case IsTooManyConnections(err):
		r.Refused++
	case refused && slices.Contains([]string{"57P01", "57P02", "57P03"}, refusal.Code):
		r.Restarted = true
	case !refused && t.report.Samples > 0 && errors.Is(err, syscall.ECONNREFUSED):
		r.Unreachable++
	}
}

// difference adds up how far the counters went. A database that was met later,
// or whose counters were reset, counts from there. What befell the Sampler's own
// connections is not the application's.
func (t *Tally) difference(now []Statistics, own ownLoad) (sum Statistics) {
	if len(now) > 0 {
		sum.Database = now[0].Database
	}
	for _, row := range now {
		first := t.first[row.Database]
		if row.Sessions < first.Sessions || row.Commits < first.Commits {
			first = Statistics{}
		}
		sum.Sessions += row.Sessions - first.Sessions
		sum.SessionsAbandoned += row.SessionsAbandoned - first.SessionsAbandoned
		sum.SessionsFatal += row.SessionsFatal - first.SessionsFatal
		sum.SessionsKilled += row.SessionsKilled - first.SessionsKilled
		sum.Deadlocks += row.Deadlocks - first.Deadlocks
		sum.Commits += row.Commits - first.Commits
		sum.Rollbacks += row.Rollbacks - first.Rollbacks
		sum.ActiveTime += row.ActiveTime - first.ActiveTime
		sum.IdleInTransaction += row.IdleInTransaction - first.IdleInTransaction
		if row.Database == own.database {
			sum.SessionsKilled = max(0, sum.SessionsKilled-own.killed+t.ownFirst.killed)
			sum.SessionsFatal = max(0, sum.SessionsFatal-own.fatal+t.ownFirst.fatal)
		}
	}
	return sum
}

// Absence is a stretch of samples one after another in which the server had no session
// of the application, after it had had one or without it ever having had one.
type Absence struct {
	Samples int     `json:"samples"`
	Seconds float64 `json:"seconds"` // between the first and the last of them
	// CheckedOut counts those of them in which the application had connections checked
	// out, which it was opening then; Most is how many at most.
	CheckedOut int `json:"checkedout"`
	Most       int `json:"checkedout_peak"`
	// AtEnd says that it lasted to the end of the watch.
	AtEnd bool `json:"at_end"`
}

// addAbsence follows the stretches. The time before the first session is none, if there
// ever is one.
func (t *Tally) addAbsence(s Sample) {
	r, now := &t.report, &t.absence
	if s.Database.Open > 0 {
		if t.open.total == t.open.counts[0]+1 {
			r.Absence = Absence{} // it is the first
		}
		r.Absence.AtEnd, *now = false, Absence{}
		return
	}
	if now.Samples == 0 {
		t.absentFrom = s.Time
	}
	now.Samples++
	now.Seconds, now.AtEnd = s.Time.Sub(t.absentFrom).Seconds(), true
	if a := s.Application; a != nil && a.Complete && a.CheckedOut > 0 {
		now.CheckedOut++
		now.Most = max(now.Most, a.CheckedOut)
	}
	if now.Samples >= r.Absence.Samples {
		r.Absence = *now
	}
}
