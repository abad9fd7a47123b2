package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/upstream/pgxtext"
)

// ErrInterrupted is what a call returns whose Scope was cut off while it ran.
// It is not a failure and counts in no metric.
var ErrInterrupted = errors.New("interrupted")

// TimeoutError says that no place in the pool came free within poolTimeout.
// It carries the pool's state at that moment.
type TimeoutError struct {
	Pool    string
	Waited  time.Duration
	Limit   time.Duration // poolTimeout
	Stat    Stat
	Opening int // of the active: connections being opened
	Closing int // of the active: connections being closed
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("pool %q: no connection came free within poolTimeout %v "+
		"(size=%d, maxOverflow=%d, overflow=%d, active=%d, %sidle=%d, waiting=%d, waited=%v); %s",
		e.Pool, e.Limit, e.Stat.Size, e.Stat.MaxOverflow, e.Stat.Overflow, e.Stat.Active, e.between(),
		e.Stat.Idle, e.Stat.Waiting, e.Waited.Round(time.Millisecond), e.advice())
}

// between counts the active connections that are not in use yet, or no longer.
func (e *TimeoutError) between() (text string) {
	if e.Opening > 0 {
		text = fmt.Sprintf("opening=%d, ", e.Opening)
	}
	if e.Closing > 0 {
		text += fmt.Sprintf("closing=%d, ", e.Closing)
	}
	return text
}

func (e *TimeoutError) advice() string {
	if 2*(e.Opening+e.Closing) > e.Stat.Active {
		return "find out why the server is slow to open and close connections"
	}
	return "raise poolSize or maxOverflow, hold connections for less time, or look for a leak"
}

// is tells whether there is an error of a type in a chain.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// QueryError says that a statement failed while its connection lives on, or
// that a call could not be made at all (Code is empty then).
type QueryError struct {
	Code string // SQLSTATE, empty where the server had no part in it
	Err  error
	// outdated: a table has changed since the statement was described.
	outdated bool
}

func (e *QueryError) Error() string {
	pg, ok := errors.AsType[*pgconn.PgError](e.Err)
	if !ok {
		return text.Line(e.Err.Error())
	}
	if pg.Code == "" && pg.Message == "" {
		return "the server sent an error that says nothing: look at its log"
	}
	said := fmt.Sprintf("%s: %s (SQLSTATE %s)", text.Value(pg.Severity), text.Value(pg.Message), text.Value(pg.Code))
	for _, more := range []string{pg.Detail, pg.Hint} {
		if more != "" {
			said += "; " + text.Value(more)
		}
	}
	if e.outdated || pgxtext.IsOutdatedPlan(pg) {
		return said + "; a table has changed since the statement was prepared: run the transaction again, or set queryExecMode to describe_exec or exec"
	}
	if advice := statementAdvice[pg.Code]; advice != "" {
		said += "; " + advice
	}
	return said
}

func (e *QueryError) Unwrap() error { return e.Err }

// misuse is a QueryError for a call that cannot be made as it stands.
func misuse(format string, args ...any) error {
	return &QueryError{Err: fmt.Errorf(format, args...)}
}

// ErrClosed is the QueryError of a call to a pool that is closed.
func ErrClosed(name string) error {
	return misuse("pool %q is closed: create it before the test and close it once, in teardown()", name)
}

// ErrEnded is the same where nobody closed it: the test has ended.
func ErrEnded(name string) error {
	return misuse("pool %q has ended with its test: use it in the default function, setup() or teardown(), and not in handleSummary()", name)
}

// errClosed is for a call to the pool, which is closed, by a holder of its lock or
// not: what it reads does not change any more.
func (p *Pool) errClosed() error {
	if p.outlived {
		return ErrEnded(p.config.Name)
	}
	return ErrClosed(p.config.Name)
}

func errConnReleased() error {
	return misuse("connection is released: acquire() another one")
}

// ConnectError says that a connection could not be opened.
type ConnectError struct {
	Pool   string
	Server string // host:port/database as user, without password
	// Trouble is what is known to be wrong with the server, if anything.
	Trouble string
	// Watched: beside the pool's connections the one of [Watch] is open.
	Watched bool
	Err     error
	hidden  string // a user that may be a password too
}

func (e *ConnectError) Error() string {
	return fmt.Sprintf("pool %q: cannot connect to %s: %s; %s", e.Pool, e.Server, e.tried(), e.Advice())
}

func (e *ConnectError) Unwrap() error { return e.Err }

// Cause is why, in the words of whoever refused: the server, or the operating
// system.
func (e *ConnectError) Cause() string {
	var (
		server *pgconn.PgError
		lookup *net.DNSError
		system *os.SyscallError
	)
	switch {
	case errors.As(e.Err, &server):
		return e.redacted(text.Value(server.Message))
	case errors.As(e.Err, &lookup):
		return fmt.Sprintf("%s: %s", lookup.Err, text.Value(lookup.Name))
	case errors.As(e.Err, &system):
		return system.Err.Error()
	case errors.Is(e.Err, context.DeadlineExceeded):
		return "the server did not answer within connectTimeout"
	default:
		return e.tried()
	}
}

// tried is what came of every attempt, the same of several once.
func (e *ConnectError) tried() string {
	var tried []string
	for _, attempt := range pgxtext.Attempts(e.Err) {
		if line := e.redacted(text.Line(attempt.Error())); !slices.Contains(tried, line) {
			tried = append(tried, line)
		}
	}
	return strings.Join(tried, "; ")
}

// redacted is what a server or pgx says without the user that it repeats.
func (e *ConnectError) redacted(said string) string {
	if e.hidden == "" {
		return said
	}
	return regexp.MustCompile(`(^|[\s"'=:])`+regexp.QuoteMeta(e.hidden)+`($|[\s"',:;])`).ReplaceAllString(said, "${1}"+text.Mask+"${2}")
}
