package diagnosis

import (
	"fmt"
	"math"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// The troubles of an application that is watched from outside: what its
// connections are held for, as the database and the application itself show it.

const (
	// often is the share of the samples from which on something is no moment's.
	often = 0.10
	// most of the connections in use do what a cause says.
	most = 0.5
	// slowWatched is in seconds, as slowStatement.
	slowWatched = slowStatement / 1000.0
)

// often tells whether something was so in a good part of the samples.
func (run *Facts) often(samples int) bool {
	return samples >= 2 && float64(samples) >= often*float64(run.Watched.Samples)
}

// pressedOften tells whether the watched pool was under pressure.
func (run *Facts) pressedOften() bool {
	return run.Watched != nil && run.often(run.Watched.Usage.Pressed)
}

// share is the part of the connections in use under pressure.
func share(part int, u monitor.Usage) float64 {
	if u.InUse == 0 {
		return 0
	}
	return float64(part) / float64(u.InUse)
}

// inUse is "13.4 of 15 connections in use under pressure".
func inUse(w *monitor.Report) string {
	mean := float64(w.Usage.InUse) / float64(max(1, w.Usage.Pressed))
	least := ""
	if w.AtLeast >= often {
		least = "at least "
	}
	return fmt.Sprintf("%s%s of %s in use while the pool was under pressure",
		least, text.Number(mean), text.Counted(w.Pool.Capacity(), "connection"))
}

// shown is "pid 4711 (psql), active, in a transaction for 31 s, idle for 2 s: ALTER TABLE …".
func shown(s *monitor.Session) string {
	if s.PID == 0 {
		return s.State
	}
	name := s.Application
	if name == "" {
		name = "no application_name"
	}
	line := fmt.Sprintf("pid %d (%s), %s", s.PID, name, s.State)
	if s.IdleFor > 0 {
		line += " for " + text.Length(monitor.Seconds(s.IdleFor))
	}
	if s.Age > s.IdleFor {
		line += ", in a transaction for " + text.Length(monitor.Seconds(s.Age))
	}
	if s.Statement != "" {
		line += ": " + s.Statement
	}
	return line
}

// findLocks sees most of the pool wait for locks, and who holds them.
func findLocks(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil || !run.often(w.Usage.Locked) || w.Blocker == nil {
		return finding{}
	}
	// Rows that several change make some wait for a moment.
	if !run.pressedOften() && 2*w.Usage.Locked < w.Samples && w.LongestStatement < 1 {
		return finding{}
	}
	f := finding{confidence: Certain, extent: float64(w.Usage.Locked)}
	f.evidence = append(f.evidence,
		fmt.Sprintf("in %d of %d samples at least half of the connections in use waited for a lock", w.Usage.Locked, w.Samples),
		fmt.Sprintf("%s waited for %s", text.Counted(w.Blocker.Waiting, "session"), shown(w.Blocker)))
	f.remedy = remedyOfBlocker(w.Blocker)
	return f
}

// findNPlusOneWatched sees transactions of many short statements from outside: each
// is much older than its last statement. Of statements without a transaction, each
// is one itself, and there are many to a request.
func findNPlusOneWatched(run *Facts, _ *Pool) finding {
	w := run.Watched
	if !run.pressedOften() {
		return finding{}
	}
	u := w.Usage
	f := finding{confidence: Likely, extent: float64(u.Repeating)}
	transactions := float64(w.Server.Statistics.Commits + w.Server.Statistics.Rollbacks)
	switch {
	case share(u.IdleInTransaction, u) >= 0.2 && float64(u.Repeating) >= most*float64(u.IdleInTransaction):
		f.evidence = append(f.evidence, fmt.Sprintf("%d %% of the transactions between two statements were more than %d times as old as the last statement: they had many",
			100*u.Repeating/u.IdleInTransaction, monitor.ManyStatements))
	case run.Requests.HTTP && run.Requests.Count > 0 && transactions >= manyStatements*run.Requests.Count && run.restingShare() >= most &&
		w.Load.Sampled.Others < 1:
		f.evidence = append(f.evidence, fmt.Sprintf("%.1f transactions per request (pg_stat_database): statements without a transaction, or transactions of few",
			transactions/run.Requests.Count))
	default:
		return finding{}
	}
	if len(w.Load.Statements) > 0 {
		f.evidence = append(f.evidence, fmt.Sprintf("seen most: %s", w.Load.Statements[0].Statement))
	}
	f.evidence = append(f.evidence, inUse(w))
	return f
}

// findSlowWatched sees most connections run statements on the server, and each
// of them for long.
func findSlowWatched(run *Facts, _ *Pool) finding {
	w := run.Watched
	if !run.pressedOften() || share(w.Usage.Working, w.Usage) < most || w.LongestStatement < slowWatched || run.databaseBusy() {
		return finding{}
	}
	return finding{confidence: Likely, extent: share(w.Usage.Working, w.Usage), evidence: []string{
		fmt.Sprintf("%.0f %% of them ran a statement on the server's CPU or I/O, the longest for %s",
			100*share(w.Usage.Working, w.Usage), text.Length(monitor.Seconds(w.LongestStatement))),
		inUse(w),
	}}
}

func perSample(sum int, w *monitor.Report) string {
	return text.Number(math.Round(10*float64(sum)/float64(max(1, w.Samples))) / 10)
}
