package js

import (
	"sync"
	"sync/atomic"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// converter turns values between SQL and one runtime. It belongs to the
// goroutine that runs the runtime, except for what its methods return as Go
// values. All it needs is found when it is first needed: there are as many
// converters as users.
type converter struct {
	rt         *sobek.Runtime
	objectBase *sobek.Object // Object.prototype
	dateClass  sobek.Value
	shape      *pool.Shape // of the last result
	layout     *layout     // of shape
}

func newConverter(rt *sobek.Runtime) *converter {
	return &converter{rt: rt}
}

// firstRow gives the first row as an object, null without one.
func (c *converter) firstRow(r *pool.Result) sobek.Value {
	if r.Len() == 0 {
		return sobek.Null()
	}
	return c.row(r, c.layoutOf(r.Shape()), 0)
}

// row makes an ordinary object of a row. A row is converted whole: an object
// whose columns are converted one by one could not be frozen, and other k6
// modules would not recognise it as an object.
func (c *converter) row(r *pool.Result, l *layout, row int) *sobek.Object {
	object := c.newObject()
	for i := range l.columns {
		column := &l.columns[i]
		value := sobek.Null()
		if src := r.Value(row, column.index); src != nil {
			var err error
			if value, err = column.decode(c, src); err != nil {
				c.throw(column.name, err)
			}
		}
		if err := object.Set(column.name, value); err != nil {
			c.throw(column.name, err)
		}
	}
	if _, err := c.finish(object); err != nil {
		c.throw("", err)
	}
	return object
}

func (c *converter) throw(column string, err error) {
	panic(c.rt.NewTypeError("column %q: %s", column, err.Error()))
}

// newObject makes an object for properties to be set on before it is finished.
// Until then it has no prototype: nothing is inherited that could catch a
// property named __proto__, and nothing is searched.
func (c *converter) newObject() *sobek.Object {
	return c.rt.CreateObject(nil)
}

func (c *converter) finish(object *sobek.Object) (sobek.Value, error) {
	if c.objectBase == nil {
		c.objectBase = c.rt.NewObject().Prototype()
	}
	return object, object.SetPrototype(c.objectBase)
}

// layout is how the rows of a Shape become objects.
type layout struct {
	columns []layoutColumn
}

type layoutColumn struct {
	name   string
	index  int // of the column in the result
	decode decoder
}

// newLayout keeps the order of the columns. Where two have one name the last
// one's value stands in the first one's place, as in node-postgres.
func newLayout(shape *pool.Shape) *layout {
	l := &layout{columns: make([]layoutColumn, 0, len(shape.Columns))}
	places := make(map[string]int, len(shape.Columns))
	for i, column := range shape.Columns {
		place, known := places[column.Name]
		if !known {
			place = len(l.columns)
			places[column.Name] = place
			l.columns = append(l.columns, layoutColumn{name: column.Name})
		}
		l.columns[place].index = i
		l.columns[place].decode = decoderFor(column.OID, column.Format)
	}
	return l
}

func (c *converter) layoutOf(shape *pool.Shape) *layout {
	if c.shape != shape {
		c.shape, c.layout = shape, layouts.of(shape)
	}
	return c.layout
}

// maxLayouts bounds the cache against scripts that build their SQL from
// values, each text of which has a Shape of its own.
const maxLayouts = 4096

// layouts is shared by all users, who run the same statements.
var layouts layoutCache

type layoutCache struct {
	byShape sync.Map // *pool.Shape → *layout
	n       atomic.Int64
}

func (l *layoutCache) of(shape *pool.Shape) *layout {
	if known, ok := l.byShape.Load(shape); ok {
		return known.(*layout)
	}
	if l.n.Add(1) > maxLayouts {
		l.byShape.Clear()
		l.n.Store(1)
	}
	made := newLayout(shape)
	l.byShape.Store(shape, made)
	return made
}
