package pool

import (
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowboard/xk6-pgxpool/internal/catalog"
)

// Column describes one column of a result.
type Column struct {
	Name string // as the server names it; not unique
	// OID is the type's object identifier in pg_type.
	OID uint32
	// Format is the wire format of the values: 0 text, 1 binary.
	Format int16
}

// Shape is the description of a result's columns. It is immutable, and
// results of the same statement share one Shape for as long as the statement
// keeps its columns, so that a Shape's address can key a cache.
type Shape struct {
	Columns []Column
	Int8    Int8 // what the pool's int8s become

	rows, bytes atomic.Int64 // about those of the last result, for which the next one makes room

	fields  []pgconn.FieldDescription // as the server sent them
	types   *catalog.Catalog          // with which they were read
	formats any                       // see formatsAsked
	dates   bool                      // some come as text
	floats  bool                      // some come as text
	int8s   []int                     // columns that have to hold numbers
	unasked string                    // a column in binary that was not asked for in binary
	unknown []uint32                  // types that are in no catalog
}

// Result is what one statement returned: every row, read off the wire at once
// and copied, so that it outlives the connection. It is immutable.
type Result struct {
	shape *Shape
	tag   pgconn.CommandTag
	data  []byte // all values, one behind the other
	cells []cell // row by row
	rows  int

	// A row or two of a few columns, which most results are, fit in here: one
	// allocation instead of five.
	smallData  [64]byte
	smallCells [8]cell
}

func newResult() *Result {
	r := &Result{}
	r.data, r.cells = r.smallData[:0], r.smallCells[:0]
	return r
}

// cell is where one value stands in Result.data; a negative size is NULL.
type cell struct {
	offset uint32
	size   int32
}

// Shape describes the columns. It is nil for a result without rows of its own: that
// of Exec and CopyFrom.
func (r *Result) Shape() *Shape { return r.shape }

// Len is the number of rows.
func (r *Result) Len() int { return r.rows }

// Value returns the bytes of one value in the column's wire format, nil for
// NULL (an empty value is empty, not nil). The bytes must not be changed.
func (r *Result) Value(row, column int) []byte {
	c := r.cells[row*len(r.shape.Columns)+column]
	if c.size < 0 {
		return nil
	}
	end := c.offset + uint32(c.size) // #nosec G115 -- not negative
	return r.data[c.offset:end:end]
}

// CommandTag is the server's tag for the statement, such as "INSERT 0 5".
func (r *Result) CommandTag() pgconn.CommandTag { return r.tag }

// NewResult copies values (row by row, nil for NULL) into a Result. Checkouts
// build theirs while reading; this one serves tests and benchmarks.
func NewResult(shape *Shape, tag pgconn.CommandTag, values ...[]byte) *Result {
	r := newResult()
	r.shape, r.tag = shape, tag
	for _, v := range values {
		r.append(v)
	}
	if n := len(shape.Columns); n > 0 {
		r.rows = len(values) / n
	}
	return r
}

func (r *Result) appendRow(values [][]byte, most int) error {
	if len(values) != len(r.shape.Columns) {
		return errRowLength(len(values), len(r.shape.Columns))
	}
	for _, v := range values {
		r.append(v)
	}
	r.rows++
	if r.bytes() > most {
		return errTooLarge
	}
	return nil
}

// The most that is allocated before a row has come.
const (
	mostReserved      = 64 << 10 // bytes
	mostReservedCells = 8 << 10
)

// reserve makes room for as many rows as the statement gave last.
func (r *Result) reserve(rows wanted) {
	if rows != allRows {
		return
	}
	if n := min(r.shape.bytes.Load(), mostReserved); n > int64(len(r.smallData)) {
		r.data = make([]byte, 0, n)
	}
	if n := min(r.shape.rows.Load()*int64(len(r.shape.Columns)), mostReservedCells); n > int64(len(r.smallCells)) {
		r.cells = make([]cell, 0, n)
	}
}

// trim gives back most of the room that was made for more rows than have come: a
// script may keep the result.
func (r *Result) trim() {
	const fewBytes, fewCells = 1 << 10, 1 << 7
	if cap(r.data) > 4*len(r.data)+fewBytes {
		r.data = append(r.smallData[:0], r.data...)
	}
	if cap(r.cells) > 4*len(r.cells)+fewCells {
		r.cells = append(r.smallCells[:0], r.cells...)
	}
}

// noteSize writes only what has changed: all users read the Shape.
func (r *Result) noteSize(rows wanted) {
	if rows != allRows {
		return
	}
	const step = 64
	n, bytes := int64(r.rows), (int64(len(r.data))*9/8+step)/step*step
	if r.shape.rows.Load() != n {
		r.shape.rows.Store(n)
	}
	if r.shape.bytes.Load() != bytes {
		r.shape.bytes.Store(bytes)
	}
}

// bytes is about what the rows take.
func (r *Result) bytes() int { return len(r.data) + len(r.cells)*int(unsafe.Sizeof(cell{})) }

func (r *Result) append(value []byte) {
	c := cell{offset: uint32(len(r.data)), size: -1} // #nosec G115 -- at most maxResult and one row of the protocol's 2 GiB
	if value != nil {
		c.size = int32(len(value)) // #nosec G115 -- the protocol's own limit
		r.data = append(r.data, value...)
	}
	r.cells = append(r.cells, c)
}

// maxShapes is how many shapes each half of the cache holds at most.
const maxShapes = 512

// shapeCache keeps one Shape per statement text, so that what is derived from
// a Shape need not be derived for every result. Of many texts it keeps those
// that were used last: when recent is full it becomes older, and what is not
// used from there is forgotten. Long texts are not kept.
type shapeCache struct {
	mu            sync.Mutex // guards both; a look-up moves an entry
	recent, older map[string]*Shape
}

func (c *shapeCache) of(sql string, fields []pgconn.FieldDescription, types *catalog.Catalog, build func() *Shape) *Shape {
	if len(sql) > maxCachedText {
		return build()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.recent[sql]
	if known == nil {
		if known = c.older[sql]; known != nil {
			c.keep(sql, known)
		}
	}
	if known != nil && known.describes(fields) && known.types == types {
		return known
	}
	shape := build()
	c.keep(sql, shape)
	return shape
}

func (c *shapeCache) keep(sql string, shape *Shape) {
	if _, known := c.recent[sql]; !known && (len(c.recent) >= maxShapes || c.recent == nil) {
		c.recent, c.older = make(map[string]*Shape), c.recent
	}
	c.recent[sql] = shape
}

func (s *Shape) describes(fields []pgconn.FieldDescription) bool {
	return slices.EqualFunc(s.fields, fields, func(a, b pgconn.FieldDescription) bool {
		return a.DataTypeOID == b.DataTypeOID && a.Format == b.Format && a.Name == b.Name
	})
}
