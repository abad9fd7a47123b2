package diagnosis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// login begins the key of an error of a pool of this process that could not open a
// connection: a statement's own may have the same SQLSTATE.
const login = "login: "

// What keeps a connection from opening before the server has said a word.
const (
	wrongCertificate = login + "certificate"
	unknownHost      = login + "host name"
)

// LoginKey is the key of a refused login by the server's SQLSTATE; the SQLSTATE itself
// where that leads to a cause of its own.
func LoginKey(state string) string {
	if slices.Contains(named, state) {
		return state
	}
	return login + state
}

// UntrustedKey is that of a server whose certificate does not pass.
func UntrustedKey() string { return wrongCertificate }

// UnknownHostKey is that of a server whose name is not found.
func UnknownHostKey() string { return unknownHost }

// letIn is what to do about refused logins of a pool of this process.
var letIn = map[string]string{
	login + invalidPassword: "Correct user and password in DATABASE_URL: PostgreSQL's log has the refused logins.",
	login + invalidRole:     "Correct the user in DATABASE_URL, or let the role connect again (ALTER ROLE … LOGIN, pg_hba.conf).",
	login + noPrivilege:     "Let the role connect: GRANT CONNECT ON DATABASE … TO the role.",
	login + noDatabase:      "Correct the database in DATABASE_URL, or create it.",
	login + notReady:        "Let the database take connections: ALTER DATABASE … ALLOW_CONNECTIONS true.",
	wrongCertificate: "The pool does not trust the server's certificate: check sslrootcert, sslmode and the host in DATABASE_URL against the certificate, " +
		"and whether it was renewed or has expired.",
	unknownHost: "The host name in DATABASE_URL cannot be resolved: correct it, or mend the name server.",
}

// findRefusedLogin sees a pool of this process that cannot open connections for a
// reason that is not its size.
func findRefusedLogin(run *Facts, p *Pool) finding {
	f := finding{confidence: Certain}
	var most int64
	for _, key := range slices.Sorted(maps.Keys(p.errors)) {
		reason, ok := strings.CutPrefix(key, login)
		n := p.errors[key]
		// A name server may be late now and then where the name is right.
		late := key == unknownHost && p.opened > 0 && float64(n) <= failedShare*max(run.Requests.Count, p.query.count)
		if !ok || late {
			continue
		}
		f.extent += float64(n)
		said := reason
		if key != wrongCertificate && key != unknownHost {
			said = "SQLSTATE " + reason
		}
		f.evidence = append(f.evidence, fmt.Sprintf("%s not opened: %s", text.Counted(n, "connection"), said))
		if n > most {
			most, f.remedy = n, cmp.Or(letIn[key], fmt.Sprintf("The server refuses new logins with SQLSTATE %s (PostgreSQL's manual, appendix A): its log says why.", reason))
		}
	}
	if most == 0 {
		return finding{}
	}
	f.remedy += " Connections that are open stay open. The pool's size is not the cause."
	return f
}

// findRefusedByPooler sees a pool of this process that PgBouncer refuses. What an
// application's answers tell of is weighed by findRejected, all of them together.
func findRefusedByPooler(_ *Facts, p *Pool) finding {
	return new(Facts).said(p, rejectedByApplication)
}

// refusedStatements are the SQLSTATEs of statements that no pool makes better or worse.
var refusedStatements = []string{
	outOfMemory, diskFull, limitOfRole, noPrivilege, noTable, noColumn, tooLarge, internalError, dataCorrupted, indexCorrupted, fileMissing, fileUnreadable,
}

// findRefusedStatements sees a pool of this process many of whose statements the server
// refuses.
func findRefusedStatements(run *Facts, p *Pool) finding {
	f := finding{confidence: Likely, evidence: p.said(refusedStatements...)}
	var most int64
	for _, state := range refusedStatements {
		n := p.errors[state]
		f.extent += float64(n)
		if n > most {
			most, f.remedy = n, remedies[state]
		}
	}
	if f.extent <= failedShare*p.query.count || run.Requests.Count > 0 && run.Requests.Failed <= failedShare*run.Requests.Count {
		return finding{}
	}
	if run.Requests.Failed > 0 && f.extent >= 0.5*run.Requests.Failed {
		f.confidence = Certain
	}
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
