package sqlvalue

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// row gives a row as an object whose columns are converted one by one, when a
// script first reads them: scripts read few of many, and making a property
// costs more than decoding it. To scripts it is an ordinary object, but for
// Object.freeze, accessors and symbols, which the runtime has no means for.
func (c *Converter) row(r *pool.Result, row int) *sobek.Object {
	own, row := r.Row(row)
	return c.rt.NewDynamicObject(&lazyRow{c: c, result: own, layout: c.layoutOf(r.Shape()), row: row})
}

// lazyRow is a JavaScript object over a row.
type lazyRow struct {
	c      *Converter
	result *pool.Result
	layout *layout
	row    int
	// values are those of the layout's columns; nil is a column not yet
	// converted.
	values []sobek.Value
	// own takes the place of all the above once a script has added or deleted
	// a property.
	own *properties
}

type properties struct {
	names  []string // never changed, only replaced: a loop may go over them
	values map[string]sobek.Value
}

// Get implements sobek.DynamicObject.
func (r *lazyRow) Get(key string) sobek.Value {
	if r.own != nil {
		return r.own.values[key]
	}
	place := r.layout.place(key)
	if place < 0 {
		return nil
	}
	return r.value(place)
}

func (r *lazyRow) value(place int) sobek.Value {
	value := r.slot(place)
	if *value == nil {
		*value = r.decode(&r.layout.columns[place])
	}
	return *value
}

func (r *lazyRow) slot(place int) *sobek.Value {
	if r.values == nil {
		r.values = make([]sobek.Value, len(r.layout.columns))
	}
	return &r.values[place]
}

func (r *lazyRow) decode(column *layoutColumn) sobek.Value {
	src := r.result.Value(r.row, column.index)
	if src == nil {
		return sobek.Null()
	}
	value, err := column.decode(r.c, src)
	if err != nil {
		panic(r.c.rt.NewTypeError("column %q: %s", column.name, err.Error()))
	}
	return value
}

// Has implements sobek.DynamicObject.
func (r *lazyRow) Has(key string) bool {
	if r.own != nil {
		return r.own.values[key] != nil
	}
	return r.layout.place(key) >= 0
}

// Keys implements sobek.DynamicObject.
func (r *lazyRow) Keys() []string {
	if r.own != nil {
		return r.own.names
	}
	return r.layout.names
}

// Set implements sobek.DynamicObject.
func (r *lazyRow) Set(key string, value sobek.Value) bool {
	if r.own == nil {
		if place := r.layout.place(key); place >= 0 {
			*r.slot(place) = value
			return true
		}
	}
	own := r.materialize()
	if own.values[key] == nil {
		own.names = append(slices.Clone(own.names), key)
		sortKeys(own.names)
	}
	own.values[key] = value
	return true
}

// Delete implements sobek.DynamicObject.
func (r *lazyRow) Delete(key string) bool {
	if !r.Has(key) {
		return true
	}
	own := r.materialize()
	own.names = slices.DeleteFunc(slices.Clone(own.names), func(name string) bool { return name == key })
	delete(own.values, key)
	return true
}

func (r *lazyRow) materialize() *properties {
	if r.own == nil {
		own := &properties{names: r.layout.names, values: make(map[string]sobek.Value, len(r.layout.names)+1)}
		for place := range r.layout.columns {
			own.values[r.layout.columns[place].name] = r.value(place)
		}
		r.own, r.values, r.result = own, nil, nil
	}
	return r.own
}

// MarshalJSON writes what the same object not being lazy gives: k6 encodes what
// setup() returns from Go. It must run where the runtime runs.
func (r *lazyRow) MarshalJSON() ([]byte, error) {
	exported := make(map[string]any, len(r.Keys()))
	if thrown := r.c.rt.Try(func() {
		for _, key := range r.Keys() {
			exported[key] = r.Get(key).Export()
		}
	}); thrown != nil {
		return nil, thrown
	}
	return json.Marshal(exported)
}

// sortKeys puts array indexes first, in ascending order, as in every
// JavaScript object.
func sortKeys(names []string) {
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(arrayIndex(a), arrayIndex(b))
	})
}

const notAnIndex = 1<<32 - 1

func arrayIndex(name string) uint64 {
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != name {
		return notAnIndex
	}
	return n
}
