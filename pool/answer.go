package pool

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// answer reads what the server says to one request, up to the word that it is ready for
// the next one.
type answer struct {
	*connection
	what *call
	err  error // the server's

	// Of a caller's statement.
	pool     *Pool
	prepared *prepared                 // nil where pgx has sent it
	fields   []pgconn.FieldDescription // that have come with the answer
	res      *Result
	beyond   int // rows that are more than the call's most
}

// withoutRows is a call of which only counts whether it succeeds.
var withoutRows = call{rows: noRows}

// simple runs statements by the simple protocol, each a round trip.
func (c *connection) simple(statements ...string) error {
	for _, sql := range statements {
		if c.pgx.IsClosed() {
			return pgconn.ErrConnClosed
		}
		c.pgx.PgConn().Frontend().SendQuery(&pgproto3.Query{String: sql})
		if err := c.await(); err != nil {
			return err
		}
	}
	return nil
}

// await sends what has been written to pgx's buffer and reads the answer, of which only
// counts whether it is an error.
func (c *connection) await() error {
	if err := c.flush(); err != nil {
		return err
	}
	a := answer{connection: c, what: &withoutRows}
	return a.read()
}

// flush sends what has been written to pgx's buffer. The connection must have been open
// before: where it is closed, pgx may still write its goodbye into that buffer.
func (c *connection) flush() error {
	err := c.pgx.PgConn().Frontend().Flush()
	if err != nil {
		c.lose()
	}
	return err
}

// lose ends a connection on which an answer was cut off, as pgx does it for its own
// statements: what runs is canceled and the connection closed, both in the background.
func (c *connection) lose() {
	if !c.pgx.IsClosed() {
		c.transport.fail()
		_ = c.pgx.PgConn().Exec(context.Background(), "").Close() // it fails to write, and pgx ends the connection
	}
}

func (a *answer) read() error {
	pg := a.pgx.PgConn()
	for {
		heard, ready, err := a.take(pg)
		if !heard {
			ready, err = a.receive(pg)
		}
		switch {
		case err != nil:
			return err
		case ready:
			return a.err
		}
	}
}

// receive reads the next message through pgx.
func (a *answer) receive(pg *pgconn.PgConn) (ready bool, err error) {
	message, err := pg.ReceiveMessage(context.Background())
	if err == nil {
		return a.hear(message)
	}
	a.lose()
	return false, cmp.Or(a.err, errors.Unwrap(err), err) // pgx says "receive message failed" before it
}

// hear takes a message that has come through pgx. The error is that of a row; ready says
// that it was the last one.
func (a *answer) hear(message pgproto3.BackendMessage) (ready bool, err error) {
	switch m := message.(type) {
	case *pgproto3.DataRow:
		return false, a.row(m.Values)
	case *pgproto3.RowDescription:
		a.describe(m)
	case *pgproto3.CommandComplete:
		a.complete(m.CommandTag)
	case *pgproto3.ErrorResponse:
		if a.err == nil {
			a.err = pgconn.ErrorResponseToPgError(m)
		}
	case *pgproto3.ReadyForQuery:
		return true, nil
	}
	return false, nil
}

// take reads the next message itself if pgx need not know of it: through pgx each takes
// three calls and a copy. heard is false if it is for pgx.
func (a *answer) take(pg *pgconn.PgConn) (heard, ready bool, err error) {
	if pg.Frontend().ReadBufferLen() > 0 {
		return false, false, nil // pgx has read on
	}
	kind, body, ok := a.transport.messages.next()
	if !ok {
		return false, false, nil
	}
	switch kind {
	case bindComplete, emptyQueryResponse:
	case dataRow:
		values, ok := splitRow(body, a.statements.row[:0])
		if !ok {
			return false, false, nil
		}
		a.statements.row = values
		err = a.row(values)
	case commandComplete:
		text := len(body) - 1
		if text < 0 || body[text] != 0 {
			return false, false, nil
		}
		a.complete(body[:text])
	case readyForQuery:
		if len(body) != 1 || body[0] != pg.TxStatus() {
			return false, false, nil // pgx has to know that a transaction has begun, failed or ended
		}
		ready = true
	default:
		return false, false, nil
	}
	a.transport.messages.drop(body)
	return true, ready, err
}

// splitRow appends a row's values, nil for NULL. The body is a count and the values, each
// behind its length. It is false for a body that is no row.
func splitRow(body []byte, into [][]byte) (values [][]byte, ok bool) {
	const countSize, lengthSize = 2, 4
	if len(body) < countSize {
		return nil, false
	}
	count := binary.BigEndian.Uint16(body)
	body = body[countSize:]
	for range count {
		if len(body) < lengthSize {
			return nil, false
		}
		length := int32(binary.BigEndian.Uint32(body)) // #nosec G115 -- the wire's two's complement
		body = body[lengthSize:]
		switch {
		case length == -1:
			into = append(into, nil)
		case length < 0 || int(length) > len(body):
			return nil, false
		default:
			into = append(into, body[:length:length])
			body = body[length:]
		}
	}
	return into, true
}

func (a *answer) row(values [][]byte) error {
	switch {
	case a.what.rows == noRows, a.what.rows == firstRow && a.res.rows == 1:
		return nil
	case a.what.most > 0 && a.res.rows == a.what.most:
		a.beyond++
		return nil
	}
	if a.res.shape == nil {
		a.res.shape = a.shapeNow()
		a.res.reserve(a.what.rows)
	}
	return a.res.appendRow(values, a.pool.maxResult)
}

func (a *answer) shapeNow() *Shape {
	if a.fields != nil || a.prepared == nil {
		return a.pool.shape(a.connection, a.what.sql, a.fields)
	}
	s := a.prepared
	if s.shape == nil || s.shape.types != a.pool.catalog.Load() {
		s.shape = a.pool.shape(a.connection, a.what.sql, s.fields)
	}
	return s.shape
}

func (a *answer) describe(m *pgproto3.RowDescription) {
	if a.what.rows == noRows {
		return
	}
	a.fields = make([]pgconn.FieldDescription, len(m.Fields))
	for i, f := range m.Fields {
		a.fields[i] = pgconn.FieldDescription{
			Name: string(f.Name), TableOID: f.TableOID, TableAttributeNumber: f.TableAttributeNumber,
			DataTypeOID: f.DataTypeOID, DataTypeSize: f.DataTypeSize, TypeModifier: f.TypeModifier, Format: f.Format,
		}
	}
}

func (a *answer) complete(tag []byte) {
	if a.prepared == nil {
		return
	}
	if a.prepared.tag.String() != string(tag) {
		a.prepared.tag = pgconn.NewCommandTag(string(tag))
	}
	a.res.tag = a.prepared.tag
}

// result is what the answer has brought.
func (a *answer) result() (*Result, error) {
	if a.transport.completed.Load() == 0 {
		a.distrust(errNoResult, func() {})
		return nil, errNoResult
	}
	if a.what.rows == noRows {
		return a.res, nil
	}
	if a.res.shape == nil {
		a.res.shape = a.shapeNow()
	}
	a.res.noteSize(a.what.rows)
	a.res.trim()
	if a.beyond > 0 {
		return nil, errBeyond(a.res.rows+a.beyond, a.what.most)
	}
	return a.res, nil
}
