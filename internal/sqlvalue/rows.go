package sqlvalue

import (
	"encoding/json"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// Rows gives an array of row objects. A row becomes an object when a script
// first touches it, and is the same object from then on.
func (c *Converter) Rows(r *pool.Result) sobek.Value {
	return c.rt.NewDynamicArray(&lazyRows{c: c, result: r, length: r.Len()})
}

// Arrays gives an array of rows that are arrays, with every column in its place
// though two have one name. Its property fields describes the columns, of an
// empty result too.
func (c *Converter) Arrays(r *pool.Result) sobek.Value {
	rows := make([]any, r.Len())
	for i := range rows {
		rows[i] = c.array(r, i)
	}
	shape := r.Shape()
	fields := make([]any, len(shape.Columns))
	for i, column := range shape.Columns {
		field := c.rt.NewObject()
		c.set(field, "name", column.Name)
		c.set(field, "oid", column.OID)
		fields[i] = field
	}
	array := c.rt.NewArray(rows...)
	if err := array.DefineDataProperty("fields", c.rt.NewArray(fields...), sobek.FLAG_FALSE, sobek.FLAG_TRUE, sobek.FLAG_FALSE); err != nil {
		panic(c.rt.NewTypeError("fields: %s", err.Error()))
	}
	return array
}

func (c *Converter) set(object *sobek.Object, name string, value any) {
	if err := object.Set(name, value); err != nil {
		panic(c.rt.NewTypeError("%s: %s", name, err.Error()))
	}
}

// FirstArray gives the first row as an array, null if there is none.
func (c *Converter) FirstArray(r *pool.Result) sobek.Value {
	if r.Len() == 0 {
		return sobek.Null()
	}
	return c.array(r, 0)
}

func (c *Converter) array(r *pool.Result, row int) *sobek.Object {
	values := make([]any, len(r.Shape().Columns))
	for i, column := range r.Shape().Columns {
		values[i] = c.column(r, row, &layoutColumn{name: column.Name, index: i, decode: decoderOf(r.Shape(), i)})
	}
	return c.rt.NewArray(values...)
}

// FirstRow gives the first row as an object, null if there is none.
func (c *Converter) FirstRow(r *pool.Result) sobek.Value {
	if r.Len() == 0 {
		return sobek.Null()
	}
	return c.row(r, 0)
}

// FirstValue gives the first column of the first row, null if there is none.
func (c *Converter) FirstValue(r *pool.Result) sobek.Value {
	if r.Len() == 0 || len(r.Shape().Columns) == 0 {
		return sobek.Null()
	}
	column := r.Shape().Columns[0]
	return c.column(r, 0, &layoutColumn{name: column.Name, decode: decoderOf(r.Shape(), 0)})
}

// lazyRows is a JavaScript array over a result. Scripts may write to it as to
// any array, except that it takes no properties other than elements.
type lazyRows struct {
	c      *Converter
	result *pool.Result
	length int
	// values is nil until an element is touched. A nil element is the result's
	// row of that index, not yet an object.
	values []sobek.Value
	single [1]sobek.Value // serves as values where one row is all
}

// maxRowsLength bounds what a script can grow an array to: unlike those of the
// runtime, this one is as large in memory as it is long.
const maxRowsLength = 1 << 24

// Len implements sobek.DynamicArray.
func (l *lazyRows) Len() int { return l.length }

// Get implements sobek.DynamicArray.
func (l *lazyRows) Get(i int) sobek.Value {
	if i < 0 || i >= l.length {
		return nil
	}
	l.touch()
	if l.values[i] == nil {
		l.values[i] = l.c.row(l.result, i)
	}
	return l.values[i]
}

func (l *lazyRows) touch() {
	switch {
	case l.values != nil:
	case l.length == 1:
		l.values = l.single[:]
	default:
		l.values = make([]sobek.Value, l.length)
	}
}

// Set implements sobek.DynamicArray.
func (l *lazyRows) Set(i int, value sobek.Value) bool {
	if i < 0 {
		return false
	}
	if i >= l.length {
		l.resize(i + 1)
	}
	l.touch()
	l.values[i] = value
	return true
}

// SetLen implements sobek.DynamicArray.
func (l *lazyRows) SetLen(length int) bool {
	if length < 0 {
		return false
	}
	l.resize(length)
	return true
}

func (l *lazyRows) resize(length int) {
	if length > maxRowsLength {
		panic(l.c.rt.NewTypeError("an array of rows cannot grow to %d elements, the most is %d", length, maxRowsLength))
	}
	l.touch()
	for len(l.values) < length {
		l.values = append(l.values, sobek.Undefined())
	}
	clear(l.values[length:])
	l.values = l.values[:length]
	l.length = length
}

// MarshalJSON writes what the same rows in an ordinary array give: k6 encodes
// what setup() returns from Go. It must run where the runtime runs.
func (l *lazyRows) MarshalJSON() ([]byte, error) {
	elements := make([]any, l.length)
	if thrown := l.c.rt.Try(func() {
		for i := range elements {
			elements[i] = l.Get(i).Export()
		}
	}); thrown != nil {
		return nil, thrown
	}
	return json.Marshal(elements)
}

// row gives a row as an ordinary object: the modules of k6 take nothing else for
// one. It keeps nothing of its result.
func (c *Converter) row(r *pool.Result, row int) *sobek.Object {
	layout := c.layoutOf(r.Shape())
	// Without a prototype nothing is inherited that could catch a key such as
	// __proto__.
	object := c.rt.CreateObject(nil)
	for i := range layout.columns {
		column := &layout.columns[i]
		if err := object.Set(column.name, c.column(r, row, column)); err != nil {
			panic(c.rt.NewTypeError("column %q: %s", column.name, err.Error()))
		}
	}
	if err := c.inherit(object); err != nil {
		panic(c.rt.NewTypeError("a row: %s", err.Error()))
	}
	return object
}

func (c *Converter) column(r *pool.Result, row int, column *layoutColumn) sobek.Value {
	src := r.Value(row, column.index)
	if src == nil {
		return sobek.Null()
	}
	value, err := column.decode(c, src)
	if err != nil {
		panic(c.rt.NewTypeError("column %q: %s", column.name, err.Error()))
	}
	return value
}
