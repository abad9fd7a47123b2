package pool

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// Outcome is what is known of the work that a lost connection was doing.
type Outcome int

// The outcomes.
const (
	// OutcomeUnknown: the statement may have taken effect or not.
	OutcomeUnknown Outcome = iota
	// OutcomeCommitUnknown: the transaction may have been committed or not.
	OutcomeCommitUnknown
	// OutcomeRolledBack: the transaction was not committed, and never will be.
	OutcomeRolledBack
	// OutcomeNotSent: the connection was gone before the statement was sent.
	OutcomeNotSent
)

// ConnectionLostError says that a connection broke while a statement ran on
// it, and what is known of what the statement did.
type ConnectionLostError struct {
	Outcome Outcome
	PrePing bool   // the connection had been tested at checkout
	Trouble string // what is known to be wrong with the server, if anything
	Err     error
}

func (e *ConnectionLostError) Error() string {
	return fmt.Sprintf("connection lost %s: %s; %s", outcomes[e.Outcome], text.Line(e.Err.Error()), e.advice())
}

func (e *ConnectionLostError) Unwrap() error { return e.Err }

var outcomes = [...]string{
	OutcomeUnknown:       "during the statement, whether it took effect is unknown",
	OutcomeCommitUnknown: "during COMMIT, whether the transaction was committed is unknown",
	OutcomeRolledBack:    "during the statement, its transaction is rolled back",
	OutcomeNotSent:       "before the statement, which was not sent",
}

// outcome says what is known of the effect of sql, the last statement on c,
// during which the connection was lost or before which it was already closed.
// It remembers what is not known: after a lost COMMIT the ROLLBACK that follows
// must not say that the transaction is rolled back. pgconn.SafeToRetry does not
// help: it is also true for statements that were sent by the simple protocol
// and answered by the end of the connection.
func (c *connection) outcome(sql string) Outcome {
	switch {
	case c.gone && (c.unsure || !c.inTransaction()):
		return OutcomeNotSent
	case c.gone, (c.inTransaction() || c.opening.begun) && !mayCommit(sql), strings.HasPrefix(sql, begin) && !mayCommit(sql):
		return OutcomeRolledBack
	}
	c.unsure = true
	if sql == commit {
		return OutcomeCommitUnknown
	}
	return OutcomeUnknown
}

// mayCommit is true for every string that can commit an open transaction, and
// for some that cannot.
func mayCommit(sql string) bool {
	sql = strings.ToUpper(sql)
	for _, word := range []string{"COMMIT", "END", "PREPARE TRANSACTION"} {
		if strings.Contains(sql, word) {
			return true
		}
	}
	// After ROLLBACK or ABORT a second statement is on its own.
	return strings.Contains(sql, ";") && (strings.Contains(sql, rollback) || strings.Contains(sql, "ABORT"))
}

// readOnlyTransaction is the code of a write where only reads are allowed, as on
// a standby.
const readOnlyTransaction = "25006"

const queryCanceled = "57014"

func (p *Pool) serverTrouble() string {
	if p.trouble == nil {
		return ""
	}
	return p.trouble()
}

// statementError types the error with which sql ended on c.
func (p *Pool) statementError(c *connection, sql string, err error, how ending) error {
	switch {
	case err == nil:
		return nil
	case how == interrupted:
		return ErrInterrupted
	case c.transport.copyIn.Load():
		return &QueryError{Err: errCopyIn}
	case errors.Is(err, errTooLarge):
		return &QueryError{Err: err}
	case c.lost(err):
		p.invalidate(c)
		err = p.because(how, sql, c.transport.cause(err))
		return &ConnectionLostError{Outcome: c.outcome(sql), PrePing: p.config.PoolPrePing, Trouble: p.serverTrouble(), Err: err}
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return &QueryError{Err: err}
	}
	p.hint(how, sql, pg)
	if pg.Code == readOnlyTransaction {
		c.doubted = true
	}
	return &QueryError{Code: pg.Code, Err: err}
}

// because says why the pool ended a connection, if it did.
func (p *Pool) because(how ending, sql string, err error) error {
	switch how {
	case overdue:
		return fmt.Errorf("the call's timeout, given to with(), was over, and the server did not end the statement: %w", err)
	case expired:
		return fmt.Errorf("the server did not answer for %v (statementTimeout + connectTimeout): %w", p.config.silenceLimit(sql), err)
	default:
		return err
	}
}

// hint says in the server's error why the pool canceled a statement, if it did.
func (p *Pool) hint(how ending, sql string, err *pgconn.PgError) {
	switch {
	case how == overdue && err.Code == queryCanceled:
		err.Hint = "it took longer than its call's timeout, and was canceled: raise the timeout given to with()"
	case how == expired && err.Hint == "":
		err.Hint = fmt.Sprintf("the pool canceled it after %v without an answer (statementTimeout + connectTimeout)", p.config.silenceLimit(sql))
	}
}
