package sqlvalue

import (
	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/pool"
)

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
