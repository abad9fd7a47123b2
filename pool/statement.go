package pool

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowboard/xk6-pgxpool/internal/sqltext"

	"github.com/flowboard/xk6-pgxpool/internal/upstream/pgxtext"
)

// call is one statement of a caller.
type call struct {
	sql   string
	args  []any
	rows  wanted
	copy  *Copy // what to send in place of sql
	most  int   // rows, beyond which the result is an error; 0: any number
	again bool  // it failed once because its plan was out of date
}

// wanted is which rows of a statement's result the caller wants.
type wanted int

const (
	noRows wanted = iota
	firstRow
	allRows
)

// Query runs one statement on a connection of its own and returns all rows. The
// connection is back in the pool when it returns. The arguments are pgx's, for the
// parameters $1, $2 and so on.
func (p *Pool) Query(s *Scope, sql string, args []any) (*Result, error) {
	return p.once(s, &call{sql: sql, args: args, rows: allRows, most: s.Limits.MaxRows})
}

// QueryRow is Query for the first row alone. The others are read off the wire
// and dropped, so that the result is as small as that row.
func (p *Pool) QueryRow(s *Scope, sql string, args []any) (*Result, error) {
	return p.once(s, &call{sql: sql, args: args, rows: firstRow})
}

// Exec runs one statement, or without arguments several separated by
// semicolons, on a connection of its own. The result has no rows.
func (p *Pool) Exec(s *Scope, sql string, args []any) (*Result, error) {
	return p.once(s, &call{sql: sql, args: args, rows: noRows})
}

// Copy is what COPY FROM sends. Its values are as arguments of a Query in the mode
// cache_statement.
type Copy struct {
	Table   pgx.Identifier
	Columns []string
	Rows    [][]any
}

func (c *Copy) call() *call { return &call{sql: "COPY " + c.Table.Sanitize() + " FROM STDIN", copy: c} }

// CopyFrom sends rows on a connection of its own. If the server refuses one of them,
// it keeps none. The result has no rows; its tag is such as "COPY 2".
func (p *Pool) CopyFrom(s *Scope, rows *Copy) (*Result, error) { return p.once(s, rows.call()) }

func (c *connection) copyFrom(what *Copy) (*Result, error) {
	c.transport.copying.Store(true)
	defer c.transport.copying.Store(false)
	n, err := c.pgx.CopyFrom(context.Background(), what.Table, what.Columns, pgx.CopyFromRows(what.Rows))
	return &Result{tag: pgconn.NewCommandTag(fmt.Sprintf("COPY %d", n))}, err
}

// once runs a call on a connection of its own.
func (p *Pool) once(s *Scope, c *call) (*Result, error) {
	got, err := p.acquire(s, s.Caller)
	if err != nil {
		return nil, err
	}
	res, err := p.run(s, got.connection, got.at, c, true)
	if err == nil && got.inTransaction() && !got.implicit {
		s.observer.LeftOpen(time.Now(), position(s.Caller))
	}
	p.giveBack(got.connection, s.observer)
	now := time.Now()
	s.observer.Released(now, now.Sub(got.placed))
	return res, err
}

// run runs a call on c and reports it, unless it was cut off. start is when it
// began. last says that no other follows on this checkout.
func (p *Pool) run(s *Scope, c *connection, start time.Time, what *call, last bool) (*Result, error) {
	o := ran{began: start}
	if s.OneCall {
		reserveStack()
	}
	if p.traffic.implicit {
		p.runImplicit(s, c, what, last, &o)
	} else {
		o.res, o.err = p.send(s, c, what)
		o.end = time.Now()
	}
	if c.opening.refused == nil && !errors.Is(o.err, ErrInterrupted) { // a failed BEGIN is no statement
		s.observer.Queried(o.end, o.end.Sub(o.began), o.err)
	}
	if o.err != nil {
		return nil, o.err
	}
	return o.res, nil
}

// reserveStack makes a new goroutine's stack as large as a statement needs while there
// is little on it. It would otherwise grow below all the calls that lead to the
// socket, and their frames would have to be moved. Whoever waits for a connection
// still has a small one.
//
//go:noinline
func reserveStack() {
	var room [10 << 10]byte
	runtime.KeepAlive(&room)
}

// send sends a call's statement and reads its rows. One whose plan was out of
// date has failed before it ran: outside a transaction it is sent again, and all
// connections prepare their statements anew before they use them. One whose
// arguments did not fit the parameters was not sent at all. They may fit those
// that the server describes now; pgx has forgotten what it knew.
func (p *Pool) send(s *Scope, c *connection, what *call) (*Result, error) {
	res, err := p.sendOnce(s, c, what)
	switch {
	case err == nil, c.opening.refused != nil:
	case p.outdated(what, err):
		p.renewed.Add(1)
		if !c.inTransaction() {
			return p.sendOnce(s, c, what)
		}
		if failed, ok := errors.AsType[*QueryError](err); ok {
			failed.outdated = true
		}
	case p.described(what) && pgxtext.IsUnfit(err):
		return p.sendOnce(s, c, what)
	}
	return res, err
}

// described reports whether a call relies on an earlier description of its statement.
func (p *Pool) described(what *call) bool {
	mode := p.config.QueryExecMode
	return (mode == pgx.QueryExecModeCacheStatement || mode == pgx.QueryExecModeCacheDescribe) &&
		what.copy == nil && (what.rows != noRows || len(what.args) > 0)
}

// outdated reports whether a table has changed since the call's statement was
// described, so that the statement failed before it ran.
func (p *Pool) outdated(what *call, err error) bool {
	return pgxtext.IsOutdatedPlan(err) || p.described(what) && pgxtext.IsOutdatedDescription(err)
}

func (p *Pool) sendOnce(s *Scope, c *connection, what *call) (res *Result, err error) {
	if what.rows != noRows && p.config.QueryExecMode == pgx.QueryExecModeSimpleProtocol && sqltext.Several(what.sql) {
		return nil, &QueryError{Err: errSeveralUnsent} // other modes leave it to the server, which runs none
	}
	if err := c.enter(s, what.sql); err != nil {
		return nil, err
	}
	defer c.recovered(&err)
	err = p.prepareValues(c, what.sql)
	carries := c.carryBegin(err)
	if err == nil {
		res, err = p.dispatch(c, what)
		err = c.announced(err)
	}
	how := c.flight.leave()
	if carries {
		if refused := p.carried(c, err, how); refused != nil {
			return nil, refused
		}
	}
	if err = p.statementError(c, what.sql, err, how); err == nil {
		err = p.readable(c, what, res)
	}
	if err != nil {
		c.shape = nil // pgx describes the statement anew
	}
	return res, err
}

func (p *Pool) dispatch(c *connection, what *call) (*Result, error) {
	switch {
	case what.copy != nil:
		return c.copyFrom(what.copy)
	case p.prepares(what):
		return p.execute(c, what)
	case what.rows != noRows:
		return p.query(c, what)
	default:
		return p.exec(c, what)
	}
}

func (p *Pool) exec(c *connection, what *call) (*Result, error) {
	tag, err := c.pgx.Exec(context.Background(), what.sql, p.execArgs(what)...)
	if err == nil && c.transport.completed.Load() == 0 {
		err = errNoResult
		c.distrust(err, func() {})
	}
	return &Result{tag: tag}, err
}

// recovered makes an error of a panic while a statement runs, as an argument's
// own encoding may raise: one user's value must not end every user. What the
// server was told so far is unknown, so the connection is closed.
func (c *connection) recovered(err *error) {
	if problem := recover(); problem != nil {
		c.flight.leave()
		c.transport.begin.Store(beginNone)
		c.close()
		*err = &QueryError{Err: fmt.Errorf("running the statement: internal error: %v; please report it", problem)}
	}
}

func (p *Pool) query(c *connection, what *call) (*Result, error) {
	c.args = append(c.args[:0], p.formatsOf(c, what))
	if len(what.sql) > maxCachedText {
		c.args = append(c.args, p.uncached)
	}
	c.args = append(c.args, what.args...)
	rows, err := c.pgx.Query(context.Background(), what.sql, c.args...)
	clear(c.args)
	if err != nil {
		return nil, err
	}
	res, err := p.collect(c, rows, what)
	c.distrust(err, rows.Close)
	return res, err
}

// formatsOf is how the values of a result are asked for: those of the statement's last
// result on this connection, which pgx need not look up, or one for each type.
func (p *Pool) formatsOf(c *connection, what *call) any {
	if known := c.shape; known != nil && known.formats != nil && p.described(what) {
		return known.formats
	}
	return p.formats
}

// maxCachedText is the longest statement that is prepared under a name and
// remembered, in bytes: asyncpg's limit. The server keeps the text of each in
// every backend.
const maxCachedText = 15 << 10

// uncachedMode is how a text above maxCachedText is sent in a mode.
func uncachedMode(mode pgx.QueryExecMode) pgx.QueryExecMode {
	switch mode {
	case pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe:
		return pgx.QueryExecModeDescribeExec
	default:
		return mode
	}
}

// execArgs are the arguments of a call, with the mode before them where it is
// not the pool's. Without arguments pgx prepares nothing.
func (p *Pool) execArgs(what *call) []any {
	if len(what.sql) <= maxCachedText || len(what.args) == 0 {
		return what.args
	}
	return append([]any{p.uncached}, what.args...)
}

// outsideOnly are the codes of statements that PostgreSQL refuses inside a
// transaction, such as VACUUM, and of procedures that commit. Nothing of them
// has taken effect after a rollback.
var outsideOnly = []string{"25001", "2D000"}

// ran is what came of a statement, and its own times.
type ran struct {
	res        *Result
	began, end time.Time
	err        error
}

// timed is send with the times.
func (p *Pool) timed(s *Scope, c *connection, what *call, o *ran) {
	o.began = time.Now()
	o.res, o.err = p.send(s, c, what)
	o.end = time.Now()
}

// runImplicit is send in a transaction that is opened if none is, as under the
// Python drivers. What changes something is committed at once, since the caller
// knows of no transaction; what only reads shares one transaction until the
// return, as the statements of a SQLAlchemy session do.
func (p *Pool) runImplicit(s *Scope, c *connection, what *call, last bool, o *ran) {
	if o.err = p.openImplicit(s, c, beginsTransaction(what.sql)); o.err != nil {
		o.end = time.Now()
		return
	}
	p.timed(s, c, what, o)
	if !c.inImplicit() {
		return
	}
	if o.err == nil {
		if last || !onlyReads(what.sql, o.res.tag) {
			o.err = p.control(s, c, commit)
		}
		return
	}
	var failed *QueryError
	if !errors.As(o.err, &failed) || !p.endTransaction(c, rollback) {
		return
	}
	switch {
	case p.outdated(what, failed) && !what.again:
		what.again = true // what ran before it in this transaction only read
		p.runImplicit(s, c, what, last, o)
	case slices.Contains(outsideOnly, failed.Code):
		p.timed(s, c, what, o)
	}
}

// openImplicit sees to it that a statement runs in a transaction: the one that
// is open, or a new one; own says that the statement may open one itself.
func (p *Pool) openImplicit(s *Scope, c *connection, own bool) error {
	if c.inImplicit() && c.failed() { // a statement in it was cut off
		p.endTransaction(c, rollback)
	}
	var err error
	switch {
	case own && c.inImplicit():
		err = p.control(s, c, commit)
	case !own && !c.inTransaction():
		err = p.beginImplicit(s, c)
	}
	c.implicit = c.implicit && !own
	return err
}

// beginImplicit opens a transaction of which the caller does not know.
func (p *Pool) beginImplicit(s *Scope, c *connection) error {
	err := p.control(s, c, p.traffic.begin)
	if lost, ok := errors.AsType[*ConnectionLostError](err); ok {
		lost.Outcome = OutcomeNotSent // the caller's statement, that is
	}
	c.implicit = err == nil
	return err
}

// control runs a statement around a transaction, which counts in no metric.
func (p *Pool) control(s *Scope, c *connection, sql string) error {
	if err := c.enter(s, sql); err != nil {
		return err
	}
	err := c.simple(sql)
	return p.statementError(c, sql, err, c.flight.leave())
}

// collect copies the rows that are wanted. A stream that breaks in the middle is an error,
// never a short result.
func (p *Pool) collect(c *connection, rows pgx.Rows, what *call) (*Result, error) {
	a := answer{connection: c, pool: p, what: what, res: newResult()}
	for rows.Next() {
		a.fields = rows.FieldDescriptions()
		if err := a.row(rows.RawValues()); err != nil {
			return nil, err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	a.fields, a.res.tag = rows.FieldDescriptions(), rows.CommandTag()
	return a.result()
}

func errBeyond(rows, most int) error {
	return fmt.Errorf("the result has %d rows, more than maxRows %d, and none of them is given: add LIMIT to the statement, or raise maxRows", rows, most)
}
