package pool

import (
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5/pgconn"
)

// Driver names the Python driver whose round trips a pool has: what a ping
// sends, when BEGIN is sent and what a return sends are as under SQLAlchemy 2.0.
// It changes the traffic only: what a statement does is committed when it has
// succeeded, whatever the driver.
type Driver string

// The drivers.
const (
	// DriverPgx is the leanest: a ping is one round trip, and BEGIN is sent for
	// transactions alone.
	DriverPgx Driver = "pgx"
	// DriverAsyncpg pings with BEGIN, an empty statement and ROLLBACK, and sends
	// BEGIN before the first statement of a checkout.
	DriverAsyncpg Driver = "asyncpg"
	// DriverPsycopg pings with SELECT 1, and sends BEGIN before the first
	// statement of a checkout.
	DriverPsycopg Driver = "psycopg"
)

// Reset is what a return does to a transaction that is open or has failed
// (SQLAlchemy's reset_on_return).
type Reset string

// The resets.
const (
	ResetRollback Reset = "rollback"
	ResetCommit   Reset = "commit"
	// ResetNone leaves the transaction to the next checkout of the connection.
	ResetNone Reset = "none"
)

// IsolationLevel is the isolation of a pool's transactions, by SQLAlchemy's
// name. "" leaves it to the server.
type IsolationLevel string

// The isolation levels.
const (
	ReadUncommitted IsolationLevel = "READ UNCOMMITTED"
	ReadCommitted   IsolationLevel = "READ COMMITTED"
	RepeatableRead  IsolationLevel = "REPEATABLE READ"
	Serializable    IsolationLevel = "SERIALIZABLE"
	// Autocommit sends BEGIN for the transactions of Conn.Begin alone, under
	// every driver.
	Autocommit IsolationLevel = "AUTOCOMMIT"
)

// The statements around a transaction. The first two are their own command tags.
const (
	begin    = "BEGIN"
	commit   = "COMMIT"
	rollback = "ROLLBACK"
)

// traffic is what a pool sends beside the statements of its callers.
type traffic struct {
	ping     []string // each is a round trip
	pingOpen []string // the same inside a transaction, which ResetNone leaves open
	begin    string   // opens a transaction
	implicit bool     // a transaction is opened before the first statement
}

func trafficOf(c *Config) traffic {
	t := traffic{ping: []string{"-- ping"}, begin: begin}
	switch c.Driver {
	case DriverAsyncpg:
		t.ping = []string{begin, ";", rollback}
		if c.IsolationLevel == Autocommit {
			t.ping = []string{";"}
		}
	case DriverPsycopg:
		t.ping = []string{"SELECT 1"}
	case DriverPgx:
	}
	t.pingOpen = []string{"-- ping"} // passes in a failed transaction too
	if c.IsolationLevel != "" && c.IsolationLevel != Autocommit {
		t.begin += " ISOLATION LEVEL " + string(c.IsolationLevel)
	}
	t.implicit = c.Driver != DriverPgx && c.IsolationLevel != Autocommit
	return t
}

// beginsTransaction reports whether sql may open a transaction itself, with its
// first statement or one behind a semicolon.
func beginsTransaction(sql string) bool {
	first := true
	for word := range strings.FieldsFuncSeq(sql, func(r rune) bool { return !isWord(r) && r != ';' }) {
		for i, part := range strings.Split(word, ";") {
			first = first || i > 0
			if part == "" {
				continue
			}
			if first && (strings.EqualFold(part, begin) || strings.EqualFold(part, "START")) {
				return true
			}
			first = false
		}
	}
	return false
}

// writing are the words of statements that change something, though their
// command tag may be SELECT, or that lock rows.
var writing = []string{"INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "SHARE"}

// onlyReads reports whether sql, which succeeded with tag, is one statement that
// changes nothing, but for what functions may do.
func onlyReads(sql string, tag pgconn.CommandTag) bool {
	if !tag.Select() || strings.Contains(strings.TrimRight(sql, "; \t\r\n"), ";") {
		return false
	}
	for word := range strings.FieldsFuncSeq(sql, func(r rune) bool { return !isWord(r) }) {
		for _, w := range writing {
			if strings.EqualFold(word, w) {
				return false
			}
		}
	}
	return true
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
