package diagnosis

import (
	"fmt"
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// The trouble of a watched pool that is too small, or whose connections are held
// for too long.

// findExhaustedWatched sees a watched pool, or the pool of one worker, with
// every connection in use, or requests that failed for waiting on it.
func findExhaustedWatched(run *Facts, _ *Pool) finding {
	w := run.Watched
	_, waited := run.poolTimeout()
	if w == nil || w.Active == nil {
		return run.unseen(waited)
	}
	u := w.Usage
	switch {
	case run.cannotOpen():
		return finding{}
	case u.Full == 0 && w.Pool.Workers <= 1:
		return run.elsewhere(waited)
	case !run.often(u.Full) && len(waited) == 0:
		return finding{}
	}
	f := finding{confidence: Likely, extent: float64(u.Full), evidence: append([]string{run.fullest()}, waited...)}
	switch {
	case len(waited) > 0:
		f.confidence = Certain
	case w.Waiting != nil && w.Waiting.Peak > 0:
		f.confidence = Certain
		f.evidence = append(f.evidence, fmt.Sprintf("up to %s waiting", text.Counted(w.Waiting.Peak, "user")))
	}
	f.evidence = append(f.evidence, run.resting()...)
	f.remedy = run.remedyOfExhausted()
	return f
}

// elsewhere is said of requests that wait as for a pool, while the watched one has
// connections left: for another pool of the application, whose sessions may be seen.
func (run *Facts) elsewhere(waited []string) finding {
	w := run.Watched
	if len(waited) == 0 || w.AtLeast >= often || w.Hidden > 0 || run.pressedOften() {
		return finding{}
	}
	f := finding{confidence: Possible, evidence: append(slices.Clone(waited), fmt.Sprintf("at most %d of %s in use in the pool that is watched",
		w.Active.Peak, text.Counted(w.Pool.Capacity(), "connection")))}
	if w.Load.Sampled.Others >= 1 {
		f.confidence = Likely
		f.evidence = append(f.evidence, fmt.Sprintf("%s sessions of other names were in use on average", text.Number(math.Round(10*w.Load.Sampled.Others)/10)))
	}
	f.remedy = "These answers are those of a pool's timeout, but not of this pool's: watch the application's other pool (a second engine) by its own application_name and sizes. " +
		"A service that the application calls may time out, too: its log says which."
	return f
}

// unseen is what failures alone say of a pool that nobody watched.
func (run *Facts) unseen(waited []string) finding {
	if len(waited) == 0 {
		return finding{}
	}
	const answers = "An application gives this answer when its pool times out. "
	if run.Watched != nil && run.Watched.Hidden > 0 {
		return finding{confidence: Possible, evidence: waited, remedy: answers + seeFirst}
	}
	return finding{confidence: Possible, evidence: waited, remedy: answers +
		"Set DATABASE_URL and DB_APPLICATION_NAME to watch its pool: what holds the connections decides what helps."}
}

// seeFirst is the remedy where the monitor's role may not see what holds the
// connections.
const seeFirst = "First see what the connections do, which decides what helps: GRANT pg_read_all_stats to the monitor's role (of DATABASE_URL)."

// fullest says how full the pool was, or that of one worker.
func (run *Facts) fullest() string {
	w := run.Watched
	if worker := w.Fullest; worker != nil && worker.Workers > 1 && worker.Full > 0 && w.Active.P95 < w.Pool.Capacity() {
		return fmt.Sprintf("one of %d workers%s had %d of %d connections in use in %d of %d answers, all together at most %d of %d",
			worker.Workers, withPID(worker.PID), worker.CheckedOut.Peak, worker.Capacity, worker.Full, worker.Samples,
			w.Active.Peak, w.Pool.Capacity())
	}
	if w.Pool.Workers > 1 && w.Active.Peak < w.Pool.Capacity() {
		return fmt.Sprintf("one of %d workers: all together had at most %d of %d connections in use, and users waited all the same",
			w.Pool.Workers, w.Active.Peak, w.Pool.Capacity())
	}
	least := ""
	if w.AtLeast >= often {
		least = "at least "
	}
	return fmt.Sprintf("%s%d of %s in use at the 95th percentile", least, w.Active.P95, text.Counted(w.Pool.Capacity(), "connection"))
}

func withPID(pid int) string {
	if pid == 0 {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}

// restingShare of the connections in use is idle to the server.
func (run *Facts) restingShare() float64 {
	u := run.Watched.Usage
	return share(u.InUse-u.Working-u.Sleeping-u.LockWaits-u.IdleInTransaction, u)
}

func (run *Facts) resting() []string {
	if run.restingShare() < most || run.often(run.Watched.Usage.Limited) { // those that cannot be opened count as checked out
		return nil
	}
	said := []string{fmt.Sprintf("%.0f %% of them are outside a transaction: checked out, but idle for the database", 100*run.restingShare())}
	if findRestingLeak(run, nil).confidence == "" {
		said = append(said, run.restLong()...)
	}
	return said
}

// remedyOfExhausted advises a larger pool only where its holders work in the
// database, and where the server has room for it.
func (run *Facts) remedyOfExhausted() string {
	w := run.Watched
	switch l := w.Server.Limit; {
	case w.Hidden > 0 && w.Usage.InUse == 0:
		return seeFirst
	case run.restingShare() >= most:
		return "Connections are held without using the database: return each before other work. " +
			"If that is not possible, the pool needs as many connections as there are active users."
	case l != nil && l.Room() <= 0:
		return fmt.Sprintf("Optimize slow queries and hold connections for less time: %s leaves no room for a larger pool (%d of %d in use).",
			limitName(*l), l.Used, l.Max)
	case w.Pool.Workers > 1 && w.Active.P95 < w.Pool.Capacity():
		return fmt.Sprintf("Spread the users over the workers: the others have connections left (long keep-alive connections stay with one worker). "+
			"Or increase DB_POOL_SIZE, which applies to each of the %d workers.", w.Pool.Workers)
	default:
		return "" // the rule's
	}
}
