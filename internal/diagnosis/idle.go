package diagnosis

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// The troubles of connections that are held while nothing is asked of the database.

// findIdleInTransaction sees connections that are held in a transaction in
// which nothing is done: by most of the pool, or by a few for very long.
func findIdleInTransaction(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil {
		return finding{}
	}
	var f finding
	if run.pressedOften() && share(w.Usage.Held, w.Usage) >= most && !run.answersLate() {
		f.confidence = Likely
		f.evidence = append(f.evidence, fmt.Sprintf("%.0f %% of them were idle in a transaction, for %s on average",
			100*share(w.Usage.IdleInTransaction, w.Usage), meanIdle(w.Usage)), inUse(w))
	}
	if w.Held.Before > 0 && w.Held.Longest != nil {
		f.confidence = Certain
		f.evidence = append(f.evidence, text.Counted(w.Held.Before, "session")+
			" idle in a transaction from before the watch to its end")
	}
	if f.confidence != "" && w.Held.Longest != nil {
		f.evidence = append(f.evidence, "the longest: "+shown(w.Held.Longest))
	}
	if f.confidence == Certain {
		f.remedy = fmt.Sprintf("End them, SELECT pg_terminate_backend(%d), and find the code that keeps them: give every session back "+
			"in a finally block or a with statement. idle_in_transaction_session_timeout ends such sessions on its own.",
			w.Held.Longest.PID)
	}
	return f
}

func meanIdle(u monitor.Usage) string {
	return text.Millis(1000 * u.IdleSeconds / float64(max(1, u.IdleInTransaction)))
}

// answersLate tells whether the application took longer to say how full its
// pool is than its sessions were idle: it was busy, so they were.
func (run *Facts) answersLate() bool {
	w := run.Watched
	if w.Fullest == nil || w.Usage.IdleInTransaction == 0 {
		return false
	}
	idle := w.Usage.IdleSeconds / float64(w.Usage.IdleInTransaction)
	return idle < 2*monitor.BriefIdle && w.Fullest.Took >= 1000*idle
}

// findWatchedLeak sees sessions that stay in a transaction for ever.
func findWatchedLeak(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil || w.Held.Longest == nil {
		return finding{}
	}
	stuck := w.Held.Since[0] + w.Held.Since[1] + w.Held.Since[2]
	idle := w.Held.Longest.IdleFor
	if stuck < 2 || w.Held.Ended > 0 || idle <= run.longestRequest()+1 {
		return finding{}
	}
	f := finding{confidence: Possible, extent: float64(stuck), remedy: returnEverywhere}
	if run.Requests.HTTP && run.Requests.Count > 0 || idle >= leakAge {
		f.confidence = Likely
	}
	f.evidence = append(f.evidence,
		fmt.Sprintf("%d sessions stayed idle in a transaction until the end of the watch; %d, %d and %d of them since the first, second and last third of the watch",
			stuck, w.Held.Since[0], w.Held.Since[1], w.Held.Since[2]),
		"the longest: "+shown(w.Held.Longest))
	f.evidence = append(f.evidence, run.noRequestAsLong()...)
	return f
}

// returnEverywhere is for a pool that does not log who takes its connections.
const returnEverywhere = "Check for connection leaks (not closed properly): return every connection in a finally block or a with statement. " +
	"The sessions' last statement tells which code took them."

// keptOutside is for connections that may be kept on purpose.
const keptOutside = returnEverywhere + " What is kept on purpose (LISTEN, advisory locks) needs an engine of its own."

// findRestingLeak sees connections that are not returned although nothing is done
// with them, outside a transaction: after COMMIT, or in AUTOCOMMIT.
func findRestingLeak(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil || w.Held.Resting.Sessions < 2 || w.Held.Resting.Longest == nil || w.Held.Resting.IdleFor <= run.longestRequest()+1 {
		return finding{}
	}
	f := finding{
		confidence: run.surelyLeaked(), extent: float64(w.Held.Resting.Sessions), remedy: returnEverywhere,
		evidence: append(run.restLong(), run.noRequestAsLong()...),
	}
	if w.Held.Resting.Since < 2 {
		f.remedy = keptOutside
	}
	return f
}

// surelyLeaked is how sure it is that connections that rest are a leak. Where the
// application does not say what it has back, they may be another process's.
func (run *Facts) surelyLeaked() Confidence {
	w, r := run.Watched, run.Watched.Held.Resting
	told := w.Fullest != nil
	_, waited := run.poolTimeout()
	switch {
	case r.Since < 2 && told && run.pressedOften() && run.restingShare() >= most:
		return Possible
	case r.Since < 2:
		return ""
	case told && (run.Requests.HTTP || r.IdleFor >= leakAge):
		return Likely
	case !run.often(w.Usage.Full):
		return ""
	case len(waited) > 0:
		return Likely
	default:
		return Possible
	}
}

// restLong says which connections are out and idle for long, outside a transaction.
func (run *Facts) restLong() []string {
	r := run.Watched.Held.Resting
	if r.Sessions < 2 || r.Longest == nil {
		return nil
	}
	return []string{
		fmt.Sprintf("at the end %d connections were checked out and idle outside a transaction, two of them for %s and longer, and at least %d since the watch began",
			r.Sessions, text.Length(monitor.Seconds(r.IdleFor)), r.Since),
		"the session idle for longest: " + shown(r.Longest),
	}
}

func (run *Facts) noRequestAsLong() []string {
	if !run.Requests.HTTP || run.Requests.Count == 0 {
		return nil
	}
	return []string{"no request took longer than " + text.Millis(run.Requests.duration.max)}
}

// leakAge is in seconds: hardly a request holds its connection idle for longer.
const leakAge = 15

// longestRequest is in seconds.
func (run *Facts) longestRequest() float64 { return run.Requests.duration.max / 1000 }

// findNestedWatched sees a full pool all of whose holders are idle in a
// transaction until the pool's timeout, and then fail: they wait for a second
// connection of the same pool.
func findNestedWatched(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil || w.Usage.AllHeld < 2 || share(w.Usage.IdleInTransaction, w.Usage) < most {
		return finding{}
	}
	timeout, waited := run.poolTimeout()
	limit := timeout / 1000 // seconds
	if limit == 0 {
		return either((*Facts).nestedByDefault, (*Facts).perhapsNested)(run, nil)
	}
	if w.Held.LongestIdle < 0.75*limit || w.Held.LongestIdle > 1.1*limit+0.3 || run.Requests.HTTP && len(waited) == 0 {
		return finding{}
	}
	return finding{confidence: Likely, extent: float64(w.Usage.AllHeld), evidence: append([]string{
		fmt.Sprintf("in %d of %d samples every connection was in use and every session idle in its transaction",
			w.Usage.AllHeld, w.Samples),
		fmt.Sprintf("they stay so for up to %s, as long as the pool's timeout of %s",
			text.Length(monitor.Seconds(w.Held.LongestIdle)), text.Millis(timeout)),
	}, waited...)}
}

// The ages at which transactions end that wait for the timeout which SQLAlchemy's
// pool has by default, 30 s, as samples a second apart show them.
const (
	defaultTimeout                = 30.0 // seconds
	soonestTimeout, latestTimeout = defaultTimeout - 1.5, defaultTimeout + 1
)

// nestedByDefault sees the pattern by the timeout that a pool has where nobody sets
// one, while nobody knows how requests failed: the pool is hardly ever full without
// every session of it being idle, and none of them is so for longer.
func (run *Facts) nestedByDefault(_ *Pool) finding {
	w := run.Watched
	idle := w.Held.LongestIdle
	if run.Requests.HTTP || float64(w.Usage.AllHeld) < standstill*float64(w.Usage.Full) || idle < soonestTimeout || idle > latestTimeout {
		return finding{}
	}
	return finding{confidence: Likely, extent: float64(w.Usage.AllHeld), evidence: []string{
		fmt.Sprintf("in %d of %d samples with every connection in use every session was idle in its transaction", w.Usage.AllHeld, w.Usage.Full),
		fmt.Sprintf("they stay so for up to %s, as long as SQLAlchemy's pool waits by default (30 s); set DB_POOL_TIMEOUT if yours waits otherwise",
			text.Length(monitor.Seconds(idle))),
	}}
}

// standstill is the share of the samples of a full pool in which nobody makes
// progress; where sessions come and go one by one it is smaller.
const standstill = 0.8

// perhapsNested is said where the pool's timeout is not known: sessions that are
// idle for long may wait for anything.
func (run *Facts) perhapsNested(_ *Pool) finding {
	w := run.Watched
	if !run.often(w.Usage.AllHeld) || w.Held.LongestIdle < 1 {
		return finding{}
	}
	return finding{confidence: Possible, extent: float64(w.Usage.AllHeld), evidence: []string{
		fmt.Sprintf("in %d of %d samples every connection was in use and every session idle in its transaction, for up to %s",
			w.Usage.AllHeld, w.Samples, text.Length(monitor.Seconds(w.Held.LongestIdle))),
		"if that is the pool's timeout, they wait for a second connection: set DB_POOL_TIMEOUT to find out",
	}}
}
