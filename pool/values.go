package pool

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/flowboard/xk6-pgxpool/internal/catalog"
	"github.com/flowboard/xk6-pgxpool/internal/upstream/pgxtext"
)

// What a statement's values depend on beside their bytes: the server's own
// types, the settings of the session (see pinnedSettings) and the types that a
// cached description promised. A result that cannot be read as what it is, or
// only in part, is a statement that failed, never a value that is wrong or throws
// when it is touched.

var errSeveralUnsent = errors.New("the text holds several statements, none of which was sent, and query() gives the rows of one: call it once for each, or exec()")

var (
	errCopyOut  = errors.New("COPY … TO STDOUT is not supported: its rows would be lost; use SELECT")
	errTooLarge = errors.New("the rows of the result take more than 1 GiB, and its connection was closed: add LIMIT to the statement, or give maxRows to with()")
	errSeveral  = errors.New("the string has several statements, all of which ran, and query() gives the rows of one: call it once for each, or use exec()")
)

// learn asks the server for its types, unless that is known already. An answer
// that makes no sense is none: values are then read as without. The error says
// that the connection is lost.
func (p *Pool) learn(conn *pgconn.PgConn) error {
	p.learning.Lock()
	defer p.learning.Unlock()
	if p.catalog.Load() != nil {
		return nil
	}
	loaded, err := catalog.Load(context.Background(), conn)
	if err != nil {
		if conn.IsClosed() {
			return err
		}
		loaded = &catalog.Catalog{ExtraFloatDigits: 1}
	}
	p.catalog.Store(loaded)
	return nil
}

// relearn asks again, for types that were made since. It asks once for each.
func (p *Pool) relearn(c *connection, types []uint32) {
	p.learning.Lock()
	defer p.learning.Unlock()
	news := slices.DeleteFunc(slices.Clone(types), func(oid uint32) bool { return p.asked[oid] })
	if len(news) == 0 || c.failed() || c.transport.SetDeadline(time.Now().Add(p.config.ConnectTimeout)) != nil {
		return
	}
	loaded, err := catalog.Load(context.Background(), c.pgx.PgConn())
	_ = c.transport.SetDeadline(time.Time{}) // a lost connection is found by the next who uses it
	if err != nil {
		return
	}
	for _, oid := range news {
		p.asked[oid] = true
	}
	p.catalog.Store(loaded)
}

// prepareValues runs before each statement.
func (p *Pool) prepareValues(c *connection, sql string) error {
	if encoding := c.pgx.PgConn().ParameterStatus("client_encoding"); encoding != "UTF8" && encoding != "" {
		return misuse("the session's client_encoding is %s, and values are exchanged in UTF8 only: do not change client_encoding", encoding)
	}
	if sql != c.sql {
		c.digits = c.digits || namesDigits(sql)
		c.sql, c.shape = "", nil
		if len(sql) <= maxCachedText {
			c.sql = sql
		}
	}
	if known := p.catalog.Load(); c.catalog != known {
		c.catalog = known
		known.Register(c.pgx.TypeMap())
	}
	var err error
	if renewed := p.renewed.Load(); c.renewed != renewed && !c.failed() {
		c.renewed, c.shape = renewed, nil
		c.statements.forgetAll()
		err = c.pgx.DeallocateAll(context.Background())
	}
	if c.transport.copyOut.Load() {
		c.transport.copyOut.Store(false)
	}
	c.transport.completed.Store(0)
	return err
}

// readable is the error for a result that came and cannot be given as it is.
func (p *Pool) readable(c *connection, what *call, res *Result) error {
	switch {
	case c.transport.copyOut.Load():
		return &QueryError{Err: errCopyOut}
	case what.rows == noRows:
		return nil
	case c.transport.completed.Load() > 1:
		return &QueryError{Err: errSeveral}
	}
	if unknown := res.shape.unknown; len(unknown) > 0 {
		p.relearn(c, unknown)
		res.shape = p.shape(c, what.sql, res.shape.fields)
	}
	return p.decodable(c, res)
}

// decodable is the error for values that are not in the form that was asked for.
func (p *Pool) decodable(c *connection, res *Result) error {
	shape := res.shape
	switch {
	case shape.unasked != "":
		p.renewed.Add(1)
		return misuse("the type of column %q has changed since the statement was described, and its values cannot be read; "+
			"the next call describes it again (queryExecMode %s)", shape.unasked, modeName(p.config.QueryExecMode))
	case shape.dates && res.rows > 0:
		if style := c.pgx.PgConn().ParameterStatus("DateStyle"); style != "" && !strings.HasPrefix(style, "ISO") {
			return misuse("the session's DateStyle is %q, in which a date that arrives as text cannot be told apart from another: do not change DateStyle, or select to_char()", style)
		}
	case shape.floats && res.rows > 0:
		if err := p.wholeFloats(c); err != nil {
			return err
		}
	}
	return res.safeIntegers()
}

// wholeFloats is the error for floats that have come as text and lost digits. The
// server does not tell when a session changes extra_float_digits, so that it is
// asked on a connection where a statement named the setting.
func (p *Pool) wholeFloats(c *connection) error {
	const advice = "with which a float that arrives as text loses digits: "
	if c.digits {
		if err := c.transport.SetDeadline(time.Now().Add(p.config.ConnectTimeout)); err != nil {
			return &QueryError{Err: err}
		}
		digits, err := catalog.FloatDigits(context.Background(), c.pgx.PgConn())
		_ = c.transport.SetDeadline(time.Time{}) // a lost connection is found by the next who uses it
		switch {
		case err != nil:
			return &QueryError{Err: err}
		case digits < 1:
			return misuse("the session's extra_float_digits is %d, %sdo not change extra_float_digits, or set queryExecMode to one that knows types", digits, advice)
		}
		return nil
	}
	if digits := p.catalog.Load().ExtraFloatDigits; digits < 1 {
		return misuse("extra_float_digits of the role or the database is %d, %sALTER ROLE … RESET extra_float_digits, or set queryExecMode to one that knows types", digits, advice)
	}
	return nil
}

const floatDigits = "extra_float_digits"

// namesDigits reports whether a statement names the setting, and may change it.
func namesDigits(sql string) bool {
	return strings.Contains(sql, floatDigits) || strings.Contains(sql, strings.ToUpper(floatDigits))
}

// maxSafeInteger is JavaScript's Number.MAX_SAFE_INTEGER.
const maxSafeInteger = 1<<53 - 1

var digits = regexp.MustCompile(`-?[0-9]+`)

// safeIntegers is the error for an int8 that has to be a number and is none that
// JavaScript holds to the last digit.
func (r *Result) safeIntegers() error {
	for _, i := range r.shape.int8s {
		column := r.shape.Columns[i]
		for row := range r.rows {
			if n := unsafeInteger(r.Value(row, i), column.Format); n != 0 {
				return misuse("column %q has %d, which a JavaScript number cannot hold: set int8 to bigint or string", column.Name, n)
			}
		}
	}
	return nil
}

// unsafeInteger is one in an int8 or an array of them, 0 if there is none.
func unsafeInteger(value []byte, format int16) int64 {
	unsafe := func(n int64) bool { return n > maxSafeInteger || n < -maxSafeInteger }
	if format == pgx.BinaryFormatCode {
		if len(value) == 8 {
			if n := int64(binary.BigEndian.Uint64(value)); unsafe(n) { // #nosec G115 -- the wire's two's complement
				return n
			}
		}
		return 0
	}
	const shortest = 16 // digits of the least of them
	if len(value) < shortest {
		return 0
	}
	for _, text := range digits.FindAll(value, -1) {
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil && unsafe(n) {
			return n
		}
	}
	return 0
}

// shape is the one that results of sql have with these columns.
func (p *Pool) shape(c *connection, sql string, fields []pgconn.FieldDescription) *Shape {
	types := p.catalog.Load()
	if known := c.shape; known != nil && c.sql == sql && known.types == types && known.describes(fields) {
		return known
	}
	shape := p.shapes.of(sql, fields, types, func() *Shape {
		shape := &Shape{types: types, Int8: p.config.Int8}
		shape.describe(fields, p.formats)
		return shape
	})
	if c.sql == sql {
		c.shape = shape
	}
	return shape
}

func modeName(mode pgx.QueryExecMode) string { return strings.ReplaceAll(mode.String(), " ", "_") }

var (
	dateTypes = []uint32{
		pgtype.DateOID, pgtype.TimestampOID, pgtype.TimestamptzOID, pgtype.DateArrayOID, pgtype.TimestampArrayOID, pgtype.TimestamptzArrayOID,
	}
	floatTypes = []uint32{pgtype.Float4OID, pgtype.Float8OID, pgtype.Float4ArrayOID, pgtype.Float8ArrayOID}
)

// describe fills in what readable asks of a shape.
func (s *Shape) describe(fields []pgconn.FieldDescription, formats pgx.QueryResultFormatsByOID) {
	s.Columns = make([]Column, len(fields))
	s.fields = slices.Clone(fields)
	s.formats = formatsAsked(fields)
	for i, f := range fields {
		oid := s.types.Alias(f.DataTypeOID)
		s.Columns[i] = Column{Name: f.Name, OID: oid, Format: f.Format}
		text := f.Format == pgx.TextFormatCode
		s.dates = s.dates || text && slices.Contains(dateTypes, oid)
		s.floats = s.floats || text && slices.Contains(floatTypes, oid)
		if s.Int8 == Int8Number && (oid == pgtype.Int8OID || oid == pgtype.Int8ArrayOID) {
			s.int8s = append(s.int8s, i)
		}
		if !text && formats[oid] != pgx.BinaryFormatCode {
			s.unasked = f.Name
		}
		if !s.types.Knows(f.DataTypeOID) {
			s.unknown = append(s.unknown, f.DataTypeOID)
		}
	}
}

// formatsAsked are the formats that the next result of a statement is to have, or nil
// where all are text: perhaps nothing could be asked for.
func formatsAsked(fields []pgconn.FieldDescription) any {
	asked := make(pgx.QueryResultFormats, len(fields))
	for i, f := range fields {
		asked[i] = f.Format
	}
	if !slices.Contains(asked, pgx.BinaryFormatCode) {
		return nil
	}
	return asked
}

// malformedError is a server's mistake, after which nothing that it sends can be
// trusted.
type malformedError struct{ what string }

func (e *malformedError) Error() string { return "malformed answer: " + e.what }

var (
	errNoResult    error = &malformedError{"no result and no error for a statement"}
	errUnannounced error = &malformedError{"a row without a description of its columns"}
)

// distrust ends a connection whose server has sent a malformed answer, or one
// without end. stop ends what pgx still reads.
func (c *connection) distrust(err error, stop func()) {
	if err == nil { // of nearly every statement, and errors.As allocates
		return
	}
	if !is[*malformedError](err) && !errors.Is(err, errTooLarge) {
		return
	}
	c.transport.abort()
	stop()
	_ = c.pgx.Close(context.Background()) // it is aborted already
}

// announced ends a connection whose server has sent a row that it had not described,
// after which pgx would go on with it.
func (c *connection) announced(err error) error {
	if err == nil || !pgxtext.IsUnannouncedRow(err) {
		return err
	}
	c.distrust(errUnannounced, func() {})
	return errUnannounced
}

func errRowLength(values, columns int) error {
	return &malformedError{fmt.Sprintf("a row of %d values for %d columns", values, columns)}
}
