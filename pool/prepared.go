package pool

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/flowboard/xk6-pgxpool/internal/catalog"
)

// In the mode cache_statement a connection prepares each statement under a name,
// remembers its description and sends it by that name from then on, as pgx does. The
// pool does it itself, on pgconn: pgx's Query and Rows took 5 % of the CPU of a query
// for what the pool has no use for (docs/performance.md).

// statements are those that one connection has prepared. What has failed is forgotten
// and prepared anew, since its table may have changed.
type statements struct {
	capacity int
	bySQL    map[string]*list.Element // of *prepared
	order    list.List                // the one used last in front
	last     *prepared                // in front; nil where that is not known
	stale    []string                 // names that the server still has to forget

	// Scratch of the statement that runs.
	parameters parameters
	bind       pgproto3.Bind
	row        [][]byte
}

// prepared is a statement that the server knows by a name.
type prepared struct {
	description *pgconn.StatementDescription
	formats     []int16                   // that are asked for
	fields      []pgconn.FieldDescription // of its results, in these formats
	encoders    []encoder                 // of its last arguments
	types       *catalog.Catalog          // with which they were encoded

	// Of its last result: mostly the next one's too.
	shape *Shape // nil before the first
	tag   pgconn.CommandTag
}

// encoder is how pgx encodes values of a Go type for a parameter.
type encoder struct {
	of     reflect.Type
	format int16
	plan   pgtype.EncodePlan // nil: pgx has to look
}

// parameters are encoded arguments.
type parameters struct {
	bytes   []byte
	values  [][]byte
	formats []int16
}

// prepares reports whether a call's statement is prepared under a name.
func (p *Pool) prepares(what *call) bool {
	return p.config.QueryExecMode == pgx.QueryExecModeCacheStatement && what.copy == nil && what.sql != "" &&
		len(what.sql) <= maxCachedText && (what.rows != noRows || len(what.args) > 0)
}

// execute runs a statement that is, or now becomes, prepared under a name.
func (p *Pool) execute(c *connection, what *call) (*Result, error) {
	if c.pgx.IsClosed() {
		return nil, pgconn.ErrConnClosed
	}
	s, err := p.prepared(c, what.sql)
	if err != nil {
		return nil, err
	}
	err = c.send(s, what.args)
	if err != nil {
		c.statements.forget(s)
		return nil, err
	}
	a := answer{connection: c, pool: p, prepared: s, what: what, res: newResult()}
	if err = a.read(); err != nil {
		c.statements.forget(s)
		c.distrust(err, func() {})
		return nil, err
	}
	return a.result()
}

// prepared gives a statement, which is prepared if the connection does not know it.
func (p *Pool) prepared(c *connection, sql string) (*prepared, error) {
	s := &c.statements
	if err := c.deallocate(); err != nil {
		return nil, err
	}
	if s.last != nil && s.last.description.SQL == sql {
		return s.last, nil
	}
	if known := s.bySQL[sql]; known != nil {
		s.order.MoveToFront(known)
		s.last = known.Value.(*prepared)
		return s.last, nil
	}
	// A name that says what it stands for is right on whatever server connection a
	// pooler gives.
	digest := sha256.Sum256([]byte(sql))
	name := "pgxpool_" + hex.EncodeToString(digest[:24])
	description, err := c.pgx.PgConn().Prepare(context.Background(), name, sql, nil)
	if err != nil {
		if failed, ok := errors.AsType[*pgconn.PrepareError](err); ok && failed.ParseComplete {
			s.stale = append(s.stale, name)
		}
		return nil, err
	}
	added := s.add(newPrepared(description, p.formats))
	if len(s.bySQL) > s.capacity {
		s.forget(s.order.Back().Value.(*prepared))
		err = c.deallocate()
	}
	return added, err
}

func newPrepared(d *pgconn.StatementDescription, formats pgx.QueryResultFormatsByOID) *prepared {
	s := &prepared{description: d, fields: slices.Clone(d.Fields), formats: make([]int16, len(d.Fields))}
	for i := range s.fields {
		s.formats[i] = formats[s.fields[i].DataTypeOID]
		s.fields[i].Format = s.formats[i]
	}
	return s
}

func (s *statements) add(p *prepared) *prepared {
	if s.bySQL == nil {
		s.bySQL = make(map[string]*list.Element)
	}
	s.bySQL[p.description.SQL] = s.order.PushFront(p)
	s.last = p
	return p
}

func (s *statements) forget(p *prepared) {
	s.order.Remove(s.bySQL[p.description.SQL])
	delete(s.bySQL, p.description.SQL)
	s.stale = append(s.stale, p.description.Name)
	if s.last == p {
		s.last = nil
	}
}

// forgetAll is for a server that has forgotten them too.
func (s *statements) forgetAll() { *s = statements{capacity: s.capacity} }

// deallocate has the server forget what the connection has forgotten, in a transaction
// that has failed too. It reads the answer to its end, as pgconn's own does not where it
// is an error: that may be the error of a BEGIN that it takes along.
func (c *connection) deallocate() error {
	s := &c.statements
	if len(s.stale) == 0 {
		return nil
	}
	front := c.pgx.PgConn().Frontend()
	for _, name := range s.stale {
		front.SendClose(&pgproto3.Close{ObjectType: 'S', Name: name})
	}
	front.SendSync(&pgproto3.Sync{})
	if err := c.await(); err != nil {
		return fmt.Errorf("failed to deallocate cached statement(s): %w", err)
	}
	s.stale = s.stale[:0]
	return nil
}

// send asks the server to run s with these arguments.
func (c *connection) send(s *prepared, args []any) error {
	d := s.description
	if len(d.ParamOIDs) != len(args) {
		return fmt.Errorf("expected %d arguments, got %d", len(d.ParamOIDs), len(args)) // as pgx says it, see pgxtext.Count
	}
	values, formats, err := c.encode(s, args)
	if err != nil {
		return err
	}
	front := c.pgx.PgConn().Frontend()
	c.statements.bind = pgproto3.Bind{
		PreparedStatement: d.Name, ParameterFormatCodes: formats, Parameters: values, ResultFormatCodes: s.formats,
	}
	front.SendBind(&c.statements.bind)
	if len(d.Fields) == 0 { // as of FETCH from a cursor that was not open when it was prepared
		front.SendDescribe(&pgproto3.Describe{ObjectType: 'P'})
	}
	front.SendExecute(&pgproto3.Execute{})
	front.SendSync(&pgproto3.Sync{})
	if size(values) > muchToWrite {
		err = c.transport.whileWriting(c.flush)
	} else {
		err = c.flush()
	}
	c.statements.bind = pgproto3.Bind{} // its values may be large
	if cap(c.statements.parameters.bytes) > longestText {
		c.statements.parameters = parameters{}
	}
	return err
}

// muchToWrite may be more bytes than fit into the socket's buffers.
const muchToWrite = 16 << 10

func size(values [][]byte) (n int) {
	for _, value := range values {
		n += len(value)
	}
	return n
}

// encode encodes arguments, which are no more or fewer than s has parameters. pgx looks
// up for each value how that is done; here it is known for types that s was given last.
func (c *connection) encode(s *prepared, args []any) (values [][]byte, formats []int16, err error) {
	if p := &c.statements.parameters; s.types == c.catalog && p.encode(s.encoders, args) {
		return p.values, p.formats, nil
	}
	var b pgx.ExtendedQueryBuilder
	if err := b.Build(c.pgx.TypeMap(), s.description, args); err != nil {
		return nil, nil, err
	}
	s.types, s.encoders = c.catalog, make([]encoder, len(args))
	for i, arg := range args {
		if arg != nil {
			plan := c.pgx.TypeMap().PlanEncode(s.description.ParamOIDs[i], b.ParamFormats[i], arg)
			s.encoders[i] = encoder{reflect.TypeOf(arg), b.ParamFormats[i], plan}
		}
	}
	return b.ParamValues, b.ParamFormats, nil
}

// encode is false for whatever pgx has to look at, whose errors say what is wrong.
func (p *parameters) encode(encoders []encoder, args []any) bool {
	if len(encoders) != len(args) {
		return false
	}
	p.bytes, p.values, p.formats = p.bytes[:0], p.values[:0], p.formats[:0]
	for i, arg := range args {
		e, from := &encoders[i], len(p.bytes)
		if arg == nil {
			p.values, p.formats = append(p.values, nil), append(p.formats, e.format)
			continue
		}
		if e.plan == nil || reflect.TypeOf(arg) != e.of || isNil(arg) {
			return false
		}
		to, err := e.plan.Encode(arg, p.bytes)
		if err != nil || to == nil {
			return false
		}
		p.bytes, p.values, p.formats = to, append(p.values, to[from:]), append(p.formats, e.format)
	}
	return true
}

// isNil is true for a nil of a type, which pgx sends as NULL and its plans may not.
func isNil(arg any) bool {
	switch v := reflect.ValueOf(arg); v.Kind() { //nolint:exhaustive // the others have no nil
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Pointer, reflect.Slice, reflect.UnsafePointer:
		return v.IsNil()
	default:
		return false
	}
}
