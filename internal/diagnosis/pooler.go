package diagnosis

import (
	"cmp"
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// The troubles of a pooler between the application and the server.

// findPrepared sees prepared statements that are not where they were prepared.
func findPrepared(run *Facts, p *Pool) finding {
	if heard := run.heard(p, duplicateStatement, noSuchStatement); heard.confidence != "" {
		return heard
	}
	w := run.Watched
	if w == nil || !run.Requests.failsQuickly() || run.said(p, poolerSaturated).confidence != "" || run.crowdedPooler(p).confidence != "" {
		return finding{}
	}
	f := run.poolerWithoutStatements()
	if f.confidence != "" {
		f.evidence = append(f.evidence, run.Requests.howFailed()...)
	}
	return f
}

// poolerWithoutStatements sees a pooler that keeps no prepared statements, as
// far as is known.
func (run *Facts) poolerWithoutStatements() finding {
	w := run.Watched
	f := finding{confidence: Likely}
	switch p := w.Pooler; {
	case p != nil && p.Told && keepsNone(p):
		f.evidence = []string{poolerName(p) + " is between application and server and keeps no prepared statements (max_prepared_statements)"}
	case p != nil && !p.Told:
		f.evidence = []string{"a pooler is between application and server"}
	case p == nil && run.often(w.Usage.Pooled) && !run.connectsFail():
		if 2*w.Usage.Pooled < w.Samples {
			f.confidence = Possible
		}
		f.evidence = []string{fmt.Sprintf("in %d of %d samples the application had more connections than there were sessions: a pooler is between application and server",
			w.Usage.Pooled, w.Samples)}
	default:
		return finding{}
	}
	return f
}

// keepsNone tells whether prepared statements may be on another server connection;
// nobody has a mode who has not connected yet.
func keepsNone(p *monitor.PoolerReport) bool {
	return p.PoolMode != "" && p.PoolMode != "session" && p.PreparedStatements == 0
}

// connectsFail tells whether connections that are being opened, or were ended, may be
// those that the server does not show.
func (run *Facts) connectsFail() bool {
	s := run.Watched.Server
	return s.Restarted || s.Unreachable > 0 || s.Refused > 0 || s.Statistics.SessionsKilled > 0 || run.Watched.Usage.Limited > 0
}

func poolerName(p *monitor.PoolerReport) string {
	switch {
	case p.Version == "":
		return "a pooler"
	case p.PoolMode == "":
		return p.Version
	default:
		return fmt.Sprintf("%s in %s mode", p.Version, p.PoolMode)
	}
}

// findPoolerSaturated sees the queue in the pooler rather than in the pool.
func findPoolerSaturated(run *Facts, _ *Pool) finding {
	w := run.Watched
	if w == nil {
		return finding{}
	}
	if w.Pooler != nil && w.Pooler.Told {
		return toldByPooler(w.Pooler)
	}
	if w.Pooler != nil && w.CheckedOut == nil {
		return run.behindPooler()
	}
	return run.queuedInside()
}

// queuedInside sees an application with more connections than there are sessions.
func (run *Facts) queuedInside() finding {
	w := run.Watched
	if run.connectsFail() || run.cannotOpen() {
		return finding{} // those that are missing are being opened
	}
	// Without any session it watches another application, or none has come yet.
	if w.Open == nil || w.Open.Peak == 0 || w.CheckedOut == nil || w.CheckedOut.Peak <= w.Open.Peak+1 ||
		w.Usage.Queued < 3 || 2*w.Usage.Queued < w.Usage.Pressed {
		return finding{}
	}
	return finding{confidence: Likely, extent: float64(w.Usage.Queued), evidence: []string{fmt.Sprintf(
		"the application had up to %s checked out, while at most %s open on the server: a pooler is between application and server",
		text.Counted(w.CheckedOut.Peak, "connection"), text.Counted(w.Open.Peak, "session"))}}
}

// toldByPooler is what PgBouncer's console says. Clients wait for a moment while
// server connections are opened, too.
func toldByPooler(p *monitor.PoolerReport) finding {
	if p.Waiting < 2 || float64(p.Waiting) < often*float64(p.Samples) || 2*p.Full < p.Waiting {
		return finding{}
	}
	return finding{
		confidence: Certain, extent: float64(p.Waiting),
		evidence: []string{
			fmt.Sprintf("in %d of %d samples clients waited in %s, up to %d at once and up to %s (cl_waiting, maxwait)",
				p.Waiting, p.Samples, poolerName(p), p.MostQueued, text.Length(monitor.Seconds(p.LongestWait))),
			fmt.Sprintf("in %d of them all %d server connections of database %s were in use (sv_active, %s)",
				p.Full, p.PoolSize, p.Database, cmp.Or(p.Setting, "pool_size")),
		},
		remedy: fmt.Sprintf("Raise %s of PgBouncer from %d as far as max_connections allows, "+
			"or shorten the transactions. A larger pool in the application only moves the queue.", settingOf(p), p.PoolSize),
	}
}

// crowdedPooler sees a pooler with as many clients as it takes; where each of them
// finds its place nobody fails for it.
func (run *Facts) crowdedPooler(_ *Pool) finding {
	if run.Watched == nil || run.Watched.Pooler == nil {
		return finding{}
	}
	p := run.Watched.Pooler
	if !run.often(p.Crowded) || run.Requests.HTTP && run.Requests.Failed == 0 {
		return finding{}
	}
	f := finding{confidence: Likely, extent: float64(p.Crowded), remedy: "Raise max_client_conn" + fewerClients}
	if p.Refused {
		f.confidence = Certain
		f.evidence = append(f.evidence, "PgBouncer refused the monitor's own connection: no more connections allowed (max_client_conn)")
	} else {
		f.evidence = append(f.evidence, fmt.Sprintf("in %d of %d samples %s had as many clients as it takes (%d, max_client_conn)",
			p.Crowded, p.Samples, poolerName(p), p.MaxClients))
	}
	f.evidence = append(f.evidence, run.Requests.howFailed()...)
	return f
}

// settingOf is what bounds the server connections.
func settingOf(p *monitor.PoolerReport) string {
	switch p.Setting {
	case "pool_size":
		return "pool_size of database " + p.Database
	case "max_db_connections", "max_user_connections":
		return p.Setting
	default:
		return "default_pool_size (or pool_size of database " + p.Database + ")"
	}
}

// behindPooler is said of a pooler that does not answer: all of its sessions
// were at work, and users waited for much longer than their statements took. Without
// users' times: it had the same few sessions although hardly one was ever free.
func (run *Facts) behindPooler() finding {
	w, statement := run.Watched, 1000*run.Watched.LongestStatement
	if w.Active == nil || w.Open == nil || w.Active.P95 < w.Open.P95 || statement == 0 {
		return finding{}
	}
	busy := float64(w.Usage.AllInUse) / float64(max(1, w.Open.P95*w.Seen))
	f := finding{confidence: Likely, evidence: []string{fmt.Sprintf("%s is between application and server; of its %s %s were at work on average",
		poolerName(w.Pooler), text.Counted(w.Open.P95, "session"), perSample(w.Usage.AllInUse, w))}}
	switch {
	case run.Requests.HTTP && busy >= 0.8 && run.Requests.succeeded.median >= 1.5*statement:
		f.evidence = append(f.evidence, fmt.Sprintf("users waited %s (median), and no statement took longer than %s",
			text.Millis(run.Requests.succeeded.median), text.Millis(statement)))
	case !run.Requests.HTTP && busy >= 0.8 && w.Open.P95 >= 3 && w.Open.Peak == w.Open.P95:
		f.evidence = append(f.evidence, "it never had more, where the application's pool may have "+text.Counted(w.Pool.Capacity(), "connection"))
	default:
		return finding{}
	}
	return f
}
