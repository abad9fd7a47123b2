package sqlvalue

import (
	"sync"
	"sync/atomic"

	"github.com/flowboard/xk6-pgxpool/pool"
)

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
		l.columns[place].decode = decoderOf(shape, i)
	}
	return l
}

func (c *Converter) layoutOf(shape *pool.Shape) *layout {
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
