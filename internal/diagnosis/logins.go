package diagnosis

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// An application that cannot open connections: its role or database does not let it, or
// it has connections checked out of which the server shows none.

const (
	fewAbsent     = 4   // samples one after another without a session, and
	absentSeconds = 1.5 // between them
)

// noLogin is what is known of it, whatever the application answers.
func (run *Facts) noLogin() finding {
	w := run.Watched
	if w == nil || w.Open == nil {
		return finding{}
	}
	f := run.barred()
	if run.absent() {
		if f.confidence == "" {
			f = run.absentWithout()
		}
		f.evidence = append(f.evidence, absence(w.Absence))
	}
	if f.confidence.rank() <= Possible.rank() {
		return f
	}
	if n := w.Server.Statistics.SessionsFatal - w.Server.Statistics.Sessions - int64(w.Open.Peak); n > 0 {
		// What ends none of the sessions that there were is a login.
		f.evidence = append(f.evidence, fmt.Sprintf("at least %s refused in the database (sessions_fatal)", text.Counted(n, "login")))
	}
	f.extent = run.Requests.Failed
	f.evidence = append(f.evidence, run.Requests.howFailed()...)
	return f
}

// barred is what the server's catalogs say.
func (run *Facts) barred() finding {
	b := run.Watched.Server.Barred
	if b == nil {
		return finding{}
	}
	f := finding{confidence: Possible, evidence: []string{barredBy(b)}, remedy: allow(b)} // the open ones go on
	if run.wantsConnections() {
		f.confidence = Certain
	}
	return f
}

// absentWithout is what the lack of sessions means where the catalogs do not explain it.
func (run *Facts) absentWithout() finding {
	w := run.Watched
	switch {
	case run.wantsConnections():
		return finding{confidence: Likely, remedy: connectsNoMore}
	case !run.Requests.HTTP && w.Absence.AtEnd && w.CheckedOut == nil:
		return finding{confidence: Possible, remedy: perhapsStopped}
	default:
		return finding{}
	}
}

// absent tells whether the application had no session for long, which nothing else
// explains.
func (run *Facts) absent() bool {
	w := run.Watched
	a := w.Absence
	return a.Samples >= fewAbsent && w.Open != nil && w.Open.Peak > 0 && float64(a.Samples) >= often*float64(w.Samples) && a.Seconds >= absentSeconds &&
		w.Pooler == nil && !w.Server.Restarted && w.Server.Unreachable == 0 && w.Usage.Limited == 0 && w.Server.Refused == 0
}

// wantsConnections tells whether the application tries to open some: its users get
// errors, or it has connections checked out while the server shows none.
func (run *Facts) wantsConnections() bool {
	if run.Requests.HTTP {
		return run.Requests.answersErrors()
	}
	w := run.Watched
	return w.Absence.CheckedOut >= 2
}

func absence(a monitor.Absence) string {
	said := fmt.Sprintf("in %d consecutive samples the server showed no session of it", a.Samples)
	if a.AtEnd {
		said += ", to the end"
	}
	if a.CheckedOut > 0 {
		said += fmt.Sprintf(", with up to %s checked out", text.Counted(int64(a.Most), "connection"))
	}
	return said
}

func barredBy(b *monitor.Barred) string {
	switch b.By {
	case "NOLOGIN":
		return fmt.Sprintf("role %s may not log in (NOLOGIN)", b.Role)
	case "VALID UNTIL":
		return fmt.Sprintf("the password of role %s has expired (VALID UNTIL)", b.Role)
	case "ALLOW_CONNECTIONS":
		return fmt.Sprintf("database %s takes no connections (ALLOW_CONNECTIONS false)", b.Database)
	default:
		return fmt.Sprintf("role %s has no CONNECT privilege for database %s", b.Role, b.Database)
	}
}

// allow is the remedy.
func allow(b *monitor.Barred) string {
	return "Let the application connect again: " + b.Statement() + ". Connections that are open stay open, and its pool opens new ones with the next requests. The pool is not the cause."
}

// findRefusedLogin sees a pool of this process whose logins the server refuses.
func findRefusedLogin(_ *Facts, p *Pool) finding {
	states := []string{invalidPassword, invalidRole}
	if p.opened == 0 {
		states = append(states, noDatabase) // else it may be a statement's own, DROP DATABASE
	}
	f := finding{confidence: Certain, evidence: p.said(states...)}
	if len(f.evidence) == 0 {
		return finding{}
	}
	for _, state := range states {
		f.extent += float64(p.errors[state])
	}
	f.remedy = "The server refuses new logins of the pool: correct user, password or database in DATABASE_URL, or let the role connect again " +
		"(ALTER ROLE … LOGIN, pg_hba.conf). PostgreSQL's log has the reason. The pool's size is not the cause."
	return f
}

// neverConnects tells whether an application has connections checked out of which the
// server, which answers, has not shown one.
func (run *Facts) neverConnects() bool {
	w := run.Watched
	return w != nil && w.Hidden == 0 && w.Open != nil && w.Open.Peak == 0 && w.CheckedOut != nil && w.CheckedOut.Peak > 0 && run.Requests.failsAtOnce()
}

// cannotOpen tells whether connections are checked out because they cannot be opened.
func (run *Facts) cannotOpen() bool {
	return run.neverConnects() || run.noLogin().confidence.rank() > Possible.rank()
}

const (
	// whyRefused is where to look where the server does not say what it refuses.
	whyRefused = "its log says why, and PostgreSQL's has the refusal (FATAL). Check the host, port, database, user and password in its URL " +
		"(was the password changed?), pg_hba.conf and TLS"
	// cannotConnect is for an application that never had a session.
	cannotConnect = "The application opens no session here: " + whyRefused + ", and whether it is the server and the application_name that are watched. The pool is not the cause."
	// connectsNoMore is for one that had some.
	connectsNoMore = "The application cannot open connections any more: " + whyRefused + ". The pool is not the cause."
	perhapsStopped = "Was the application stopped? If it runs, it cannot open connections any more: " + whyRefused + "."
)
