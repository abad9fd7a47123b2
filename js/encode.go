package js

import (
	"encoding/xml"
	"net/netip"

	"github.com/jackc/pgx/v5/pgtype"
)

// Arguments reach pgx as the types of the encode files. Where the server has
// told a parameter's type, the codec of that type asks the argument for its own
// kind of value (Int64Value, TimestamptzValue …) and gets it, or errUnfit. A
// type without such a codec (text, an enum, a domain) takes the argument's text
// form, from its String method.

// errUnfit says that a value does not fit its parameter. explainArgument
// finds the words.
type errUnfit struct {
	value string // as a user knows it; empty for the argument itself
}

func (e errUnfit) Error() string { return "the value does not fit its parameter" }

// unfit refuses every type whose codec would otherwise be passed over for the
// text form: PostgreSQL takes the text 1 for a bool, 20240101 for a date and
// any text for a bytea. Types that fit shadow its methods.
type unfit struct{ unfitButNumber }

func (unfit) Int64Value() (pgtype.Int8, error)      { return pgtype.Int8{}, errUnfit{} }
func (unfit) Float64Value() (pgtype.Float8, error)  { return pgtype.Float8{}, errUnfit{} }
func (unfit) NumericValue() (pgtype.Numeric, error) { return pgtype.Numeric{}, errUnfit{} }

// unfitButNumber is unfit without the numbers.
type unfitButNumber struct{}

func (unfitButNumber) BoolValue() (pgtype.Bool, error) { return pgtype.Bool{}, errUnfit{} }
func (unfitButNumber) BytesValue() ([]byte, error)     { return nil, errUnfit{} }
func (unfitButNumber) DateValue() (pgtype.Date, error) { return pgtype.Date{}, errUnfit{} }
func (unfitButNumber) TimestampValue() (pgtype.Timestamp, error) {
	return pgtype.Timestamp{}, errUnfit{}
}
func (unfitButNumber) TimestamptzValue() (pgtype.Timestamptz, error) {
	return pgtype.Timestamptz{}, errUnfit{}
}
func (unfitButNumber) TimeValue() (pgtype.Time, error)                 { return pgtype.Time{}, errUnfit{} }
func (unfitButNumber) IntervalValue() (pgtype.Interval, error)         { return pgtype.Interval{}, errUnfit{} }
func (unfitButNumber) UUIDValue() (pgtype.UUID, error)                 { return pgtype.UUID{}, errUnfit{} }
func (unfitButNumber) BitsValue() (pgtype.Bits, error)                 { return pgtype.Bits{}, errUnfit{} }
func (unfitButNumber) NetipPrefixValue() (netip.Prefix, error)         { return netip.Prefix{}, errUnfit{} }
func (unfitButNumber) MarshalXML(*xml.Encoder, xml.StartElement) error { return errUnfit{} }
