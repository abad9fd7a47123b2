package monitor

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/internal/sqltext"
)

// The states of pg_stat_activity that are told apart.
const (
	stateIdle     = "idle"
	stateActive   = "active"
	stateInTx     = "idle in transaction"
	stateInFailed = "idle in transaction (aborted)"
	stateDisabled = "disabled" // track_activities is off

	// What holds locks and is no session of a client.
	StatePrepared = "a prepared transaction"
	StateNoClient = "not a client (autovacuum, for example)"
)

// BriefIdle is how long, in seconds, a session may be idle in a transaction
// without being held: a busy application or the network takes that long
// between two statements.
const BriefIdle = 0.1

// ManyStatements is the age of a transaction, in ages of its last statement, that
// shows that it had many: half of the samples of ten equal ones do.
const ManyStatements = 10

// longIdle is the idle time, in seconds, after which a transaction may never be
// continued.
const longIdle = 5

// assumedReset begins what asyncpg's own pool sends for a returned connection.
const assumedReset = "SELECT pg_advisory_unlock_all();"

// session is one client backend: of the watched application, waiting for a
// lock, or in the way of one that does.
type session struct {
	pid           int32
	watched       bool
	application   string
	state         string // as in pg_stat_activity, "" while the session starts
	hidden        bool   // the role may not see the state
	waitEventType string
	waitEvent     string
	age           float64        // seconds since connecting
	transaction   float64        // seconds since the transaction began, 0 without one
	inState       float64        // seconds since the state changed
	changed       float64        // when it did, by the server's clock: of two samples exactly
	statement     string         // the last one
	blockedBy     []int32        // pids, while it waits for a lock
	client        netip.AddrPort // invalid for a Unix socket, and where the role may not see it
}

// statementLength is how much of a statement is read: enough to know it by.
const statementLength = "300"

// Beside the watched sessions those that wait for a lock, of whatever
// application, and those they wait for: the root may be anybody's.
const readSessions = `
WITH ` + clients + `, blocked AS MATERIALIZED (
	SELECT pid, pg_blocking_pids(pid) AS by FROM client WHERE wait_event_type = 'Lock'
)
SELECT pid,
	watched,
	application_name,
	coalesce(state, ''),
	backend_type IS NULL,
	coalesce(wait_event_type, ''),
	coalesce(wait_event, ''),
	coalesce(extract(epoch FROM clock_timestamp() - backend_start), 0)::float8,
	coalesce(extract(epoch FROM clock_timestamp() - xact_start), 0)::float8,
	greatest(0, coalesce(extract(epoch FROM clock_timestamp() - state_change), 0))::float8,
	coalesce(extract(epoch FROM state_change), 0)::float8,
	coalesce(left(query, ` + statementLength + `), ''),
	coalesce(by, '{}'),
	coalesce(host(client_addr), ''),
	greatest(0, coalesce(client_port, 0))
FROM client LEFT JOIN blocked USING (pid)
WHERE watched OR by IS NOT NULL OR pid IN (SELECT unnest(by) FROM blocked)
ORDER BY pid`

func scanSession(row pgx.CollectableRow) (s session, err error) {
	var host string
	var port uint16
	err = row.Scan(&s.pid, &s.watched, &s.application, &s.state, &s.hidden, &s.waitEventType, &s.waitEvent,
		&s.age, &s.transaction, &s.inState, &s.changed, &s.statement, &s.blockedBy, &host, &port)
	if address, invalid := netip.ParseAddr(host); invalid == nil {
		s.client = netip.AddrPortFrom(address.Unmap(), port)
	}
	return s, err
}

// working finds a backend by its process id and its age, which differs from that of
// a later one with the same id; two machines' clocks may differ, but not in their
// speed. A backend that waits for its client does not work.
const working = `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active'
	AND wait_event_type IS DISTINCT FROM 'Client' AND clock_timestamp() - backend_start >= make_interval(secs => $2))`

// Working tells whether the backend with this process id, connected for at least
// age, runs a statement.
func Working(ctx context.Context, q Querier, pid uint32, age time.Duration) (yes bool, err error) {
	const drift = time.Second
	err = q.QueryRow(ctx, working, int64(pid), max(0, age-drift).Seconds()).Scan(&yes)
	return yes, err
}

// Session is one backend, for a reader who has to find it.
type Session struct {
	PID         int32   `json:"pid"`
	Application string  `json:"application"`
	State       string  `json:"state"`
	Age         float64 `json:"transaction_s"` // seconds since the transaction began
	IdleFor     float64 `json:"idle_s"`        // seconds since the state changed, 0 for one that works
	// Statement is the last one, without its literals.
	Statement string `json:"statement,omitempty"`
	// Waiting is how many sessions wait for its locks, directly or not.
	Waiting int `json:"waiting,omitempty"`
}

// Sessions is what the sessions of the watched application were doing at one
// moment. It is immutable.
type Sessions struct {
	// Open counts the sessions; Active those whose state is not idle, which is
	// how a connection that is checked out looks from the server. Hidden ones,
	// whose state the role may not see, are open and neither active nor idle.
	Open   int `json:"open"`
	Active int `json:"active"`
	Idle   int `json:"idle"`
	Hidden int `json:"hidden"`
	// Reset are those idle since asyncpg's own pool took them back, Fresh those
	// idle that never ran a statement.
	Reset int `json:"reset,omitempty"`
	Fresh int `json:"fresh,omitempty"`
	// IdleInTransaction, LockWaits, Working and Sleeping are parts of Active:
	// holding a transaction without using it, waiting for a lock, running a
	// statement on the server's CPU or I/O, and in one that waits for a time or
	// for the client.
	IdleInTransaction int `json:"idle_in_transaction"`
	LockWaits         int `json:"lock_waits"`
	Working           int `json:"working"`
	Sleeping          int `json:"sleeping"`
	// BrieflyIdle are those idle in a transaction for less than BriefIdle.
	BrieflyIdle int `json:"briefly_idle_in_transaction"`
	// IdleSeconds is how long those idle in a transaction have been so, together.
	IdleSeconds float64 `json:"idle_in_transaction_s"`
	// Repeating are those idle in a transaction that is so much older than its last
	// statement that it had many.
	Repeating int `json:"-"`
	// OldestSession, LongestTransaction and LongestStatement are ages in
	// seconds, 0 without any.
	OldestSession      float64 `json:"oldest_session_s"`
	LongestTransaction float64 `json:"longest_transaction_s"`
	LongestStatement   float64 `json:"longest_statement_s"`
	// States and Waits count the sessions by state, and the active ones by wait
	// event ("Lock:transactionid", "IO:DataFileRead").
	States map[string]int `json:"states"`
	Waits  map[string]int `json:"waits"`
	// Blocked are the sessions that wait for a lock, and whom they wait for.
	Blocked []Blocked `json:"blocked"`
	// Blocker is the root of the largest tree of sessions waiting for locks, of
	// whatever application; nil without one.
	Blocker *Session `json:"blocker,omitempty"`
	// IdleLongest has been idle in its transaction for longest, Oldest has the
	// oldest transaction; nil without one.
	IdleLongest *Session `json:"idle_longest,omitempty"`
	Oldest      *Session `json:"oldest,omitempty"`

	untracked bool      // a session has track_activities switched off
	watched   []session // those counted
}

// count sums up the watched sessions of one moment.
func count(sessions []session) Sessions {
	sum := Sessions{States: map[string]int{}, Waits: map[string]int{}, Blocked: []Blocked{}}
	for _, s := range sessions {
		if s.watched {
			sum.add(s)
			sum.watched = append(sum.watched, s)
		}
	}
	sum.Blocker = rootBlocker(sessions)
	return sum
}

func (sum *Sessions) add(s session) {
	sum.Open++
	sum.OldestSession = max(sum.OldestSession, s.age)
	if s.hidden || s.state == stateDisabled {
		sum.Hidden++
		sum.untracked = sum.untracked || !s.hidden
		return
	}
	sum.States[s.stateName()]++
	if s.transaction > sum.LongestTransaction {
		sum.LongestTransaction, sum.Oldest = s.transaction, s.shown()
	}
	switch s.state {
	case stateIdle:
		sum.addIdle(s)
		return
	case stateInTx, stateInFailed:
		sum.addHeld(s)
	case stateActive:
		sum.addActive(s)
	}
	sum.Active++
}

func (sum *Sessions) addIdle(s session) {
	sum.Idle++
	switch {
	case s.statement == "":
		sum.Fresh++
	case s.isReturned():
		sum.Reset++
	}
}

// isReturned tells whether a session is idle since its pool took it back, or was
// never used.
func (s session) isReturned() bool {
	return s.statement == "" || strings.HasPrefix(s.statement, assumedReset)
}

func (sum *Sessions) addHeld(s session) {
	sum.IdleInTransaction++
	sum.IdleSeconds += s.inState
	if s.inState < BriefIdle {
		sum.BrieflyIdle++
	}
	if s.transaction >= ManyStatements*s.inState {
		sum.Repeating++
	}
	if sum.IdleLongest == nil || s.inState > sum.IdleLongest.IdleFor {
		sum.IdleLongest = s.shown()
	}
}

// addActive looks at what an executing session waits for, if anything.
func (sum *Sessions) addActive(s session) {
	sum.LongestStatement = max(sum.LongestStatement, s.inState)
	if s.waitEventType != "" {
		sum.Waits[s.waitEventType+":"+s.waitEvent]++
	}
	switch s.waitEventType {
	case "Lock":
		sum.LockWaits++
		sum.Blocked = append(sum.Blocked, Blocked{PID: s.pid, By: s.blockedBy})
	case "Client", "Timeout":
		sum.Sleeping++
	default: // on CPU, or waits inside the server: IO, LWLock, IPC, BufferPin …
		sum.Working++
	}
}

func (s session) stateName() string {
	switch {
	case s.hidden:
		return "hidden"
	case s.state == "":
		return "starting"
	}
	return s.state
}

func (s session) isHeld() bool { return s.state == stateInTx || s.state == stateInFailed }

func (s session) shown() *Session {
	shown := &Session{
		PID: s.pid, Application: s.application, State: s.stateName(),
		Age: s.transaction, Statement: shownStatement(s.statement),
	}
	if s.state != stateActive {
		shown.IdleFor = s.inState
	}
	return shown
}

const longestStatement = 120 // runes, as much as a line holds

// shownStatement is a statement without its literals, as much as a line holds.
func shownStatement(statement string) string {
	shown := []rune(sqltext.WithoutLiterals(statement))
	if len(shown) > longestStatement {
		return string(shown[:longestStatement-1]) + "…"
	}
	return string(shown)
}
