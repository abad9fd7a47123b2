package pool

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Query runs one statement on a connection of its own and returns all rows.
// The connection is back in the pool when it returns.
func (p *Pool) Query(s *Scope, sql string, args []any) (*Result, error) {
	return p.withRecord(s, func(r *record, at time.Time) (*Result, error) {
		return p.query(s, r, at, sql, args)
	})
}

// Exec runs one statement, or without arguments several separated by
// semicolons, on a connection of its own. The result has no rows.
func (p *Pool) Exec(s *Scope, sql string, args []any) (*Result, error) {
	return p.withRecord(s, func(r *record, at time.Time) (*Result, error) {
		return p.exec(s, r, at, sql, args)
	})
}

func (p *Pool) withRecord(
	s *Scope, run func(*record, time.Time) (*Result, error),
) (*Result, error) {
	r, acquired, err := p.acquire(s)
	if err != nil {
		return nil, err
	}
	res, err := run(r, acquired)
	p.giveBack(r, s.observer)
	now := time.Now()
	s.observer.Released(now, now.Sub(acquired))
	return res, err
}

// query runs sql on r and reads every row. start is when it began.
func (p *Pool) query(s *Scope, r *record, start time.Time, sql string, args []any) (*Result, error) {
	if err := r.enter(s, sql); err != nil {
		return nil, err
	}
	r.args = append(append(r.args[:0], p.formats), args...)
	rows, err := r.conn.Query(context.Background(), sql, r.args...)
	clear(r.args)
	var res *Result
	if err == nil {
		res, err = p.collect(rows, sql)
	}
	how := r.flight.leave()
	end := time.Now()
	err = p.statementError(r, sql, err, how)
	observeStatement(s, end, end.Sub(start), err)
	if err != nil {
		return nil, err
	}
	return res, nil
}

// exec is query for a statement whose rows nobody wants.
func (p *Pool) exec(s *Scope, r *record, start time.Time, sql string, args []any) (*Result, error) {
	if err := r.enter(s, sql); err != nil {
		return nil, err
	}
	tag, err := r.conn.Exec(context.Background(), sql, args...)
	how := r.flight.leave()
	end := time.Now()
	err = p.statementError(r, sql, err, how)
	observeStatement(s, end, end.Sub(start), err)
	if err != nil {
		return nil, err
	}
	return &Result{tag: tag}, nil
}

// observeStatement reports a statement, unless it was cut off.
func observeStatement(s *Scope, at time.Time, took time.Duration, err error) {
	if !errors.Is(err, ErrInterrupted) {
		s.observer.Queried(at, took, err)
	}
}

// collect copies all rows. A stream that breaks in the middle is an error,
// never a short result.
func (p *Pool) collect(rows pgx.Rows, sql string) (*Result, error) {
	res := newResult()
	for rows.Next() {
		if res.shape == nil {
			res.shape = p.shapes.of(sql, rows.FieldDescriptions())
		}
		for _, v := range rows.RawValues() {
			res.append(v)
		}
		res.rows++
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if res.shape == nil {
		res.shape = p.shapes.of(sql, rows.FieldDescriptions())
	}
	res.tag = rows.CommandTag()
	return res, nil
}

// maxShapes bounds the cache: a script that builds its SQL from values would
// otherwise fill the memory.
const maxShapes = 1024

// shapeCache keeps one Shape per statement text, so that what is derived from
// a Shape need not be derived for every result.
type shapeCache struct {
	bySQL sync.Map // string → *Shape
	n     atomic.Int64
}

func (c *shapeCache) of(sql string, fields []pgconn.FieldDescription) *Shape {
	known, ok := c.bySQL.Load(sql)
	if ok && known.(*Shape).describes(fields) {
		return known.(*Shape)
	}
	shape := &Shape{Columns: make([]Column, len(fields))}
	for i, f := range fields {
		shape.Columns[i] = Column{Name: f.Name, OID: f.DataTypeOID, Format: f.Format}
	}
	if ok || c.n.Add(1) <= maxShapes {
		c.bySQL.Store(sql, shape)
	}
	return shape
}

func (s *Shape) describes(fields []pgconn.FieldDescription) bool {
	if len(s.Columns) != len(fields) {
		return false
	}
	for i := range fields {
		c, f := &s.Columns[i], &fields[i]
		if c.OID != f.DataTypeOID || c.Format != f.Format || c.Name != f.Name {
			return false
		}
	}
	return true
}
