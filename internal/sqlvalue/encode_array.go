package sqlvalue

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// arrayArg is an array whose nested arrays all have the same length, which is
// what PostgreSQL can hold. To pgx it is a pgtype.ArrayGetter for an array
// parameter, JSON for a json parameter, and otherwise an array literal: a type
// that pgx does not know may be an array of an enum.
type arrayArg struct {
	unfit
	items   []any // nil, an encode type, a string, or *arrayArg throughout
	lengths []int // of the dimensions
}

// raggedArg is any other array. Only json can hold it.
type raggedArg struct {
	unfit
	items []any
}

// newArray takes elements that are converted.
func newArray(items []any) any {
	var inner []int
	for i, item := range items {
		lengths, ragged := lengthsOf(item)
		if ragged || i > 0 && !slices.Equal(lengths, inner) {
			return &raggedArg{items: items}
		}
		inner = lengths
	}
	return &arrayArg{items: items, lengths: append([]int{len(items)}, inner...)}
}

func lengthsOf(item any) (lengths []int, ragged bool) {
	switch item := item.(type) {
	case *arrayArg:
		return item.lengths, false
	case *raggedArg:
		return nil, true
	}
	return nil, false
}

// Dimensions implements pgtype.ArrayGetter.
func (a *arrayArg) Dimensions() []pgtype.ArrayDimension {
	if a.empty() {
		return []pgtype.ArrayDimension{}
	}
	dimensions := make([]pgtype.ArrayDimension, len(a.lengths))
	for i, length := range a.lengths {
		dimensions[i] = pgtype.ArrayDimension{Length: int32(length), LowerBound: 1} // #nosec G115 -- a message has no room for more
	}
	return dimensions
}

func (a *arrayArg) empty() bool { return slices.Contains(a.lengths, 0) }

// Index implements pgtype.ArrayGetter: the i-th element, row by row.
func (a *arrayArg) Index(i int) any {
	below := 1
	for _, length := range a.lengths[1:] {
		below *= length
	}
	if below == 1 && len(a.lengths) == 1 {
		return a.items[i]
	}
	return a.items[i/below].(*arrayArg).Index(i % below)
}

// IndexType implements pgtype.ArrayGetter: elements can be of any type.
func (a *arrayArg) IndexType() any { return nil }

func (a *arrayArg) MarshalJSON() ([]byte, error)  { return arrayJSON(a.items) }
func (r *raggedArg) MarshalJSON() ([]byte, error) { return arrayJSON(r.items) }

// arrayJSON gives what JSON.stringify gives, except that it writes a BigInt,
// and refuses an ArrayBuffer instead of making it {}.
func arrayJSON(items []any) ([]byte, error) {
	buf := []byte{'['}
	for i, item := range items {
		if i > 0 {
			buf = append(buf, ',')
		}
		element, err := elementJSON(item)
		if err != nil {
			return nil, err
		}
		buf = append(buf, element...)
	}
	return append(buf, ']'), nil
}

func elementJSON(item any) ([]byte, error) {
	switch item := item.(type) {
	case objectArg:
		return []byte(item.json), nil
	case floatArg:
		if text, err := item.MarshalJSON(); err == nil {
			return text, nil
		}
		return []byte("null"), nil // NaN and the infinities
	}
	return json.Marshal(item)
}

// String is the array in PostgreSQL's text form, every element quoted.
func (a *arrayArg) String() string {
	if a.empty() {
		return "{}"
	}
	var b strings.Builder
	a.writeTo(&b)
	return b.String()
}

func (a *arrayArg) writeTo(b *strings.Builder) {
	b.WriteByte('{')
	for i, item := range a.items {
		if i > 0 {
			b.WriteByte(',')
		}
		switch item := item.(type) {
		case nil:
			b.WriteString("NULL")
		case *arrayArg:
			item.writeTo(b)
		default:
			b.WriteByte('"')
			_, _ = arrayQuoter.WriteString(b, textForm(item))
			b.WriteByte('"')
		}
	}
	b.WriteByte('}')
}

var arrayQuoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func (a *arrayArg) GoString() string  { return "an array" }
func (r *raggedArg) GoString() string { return "an array with nested arrays of different lengths" }
