package sqlvalue

import (
	"encoding/xml"
	"net/netip"

	"github.com/jackc/pgx/v5/pgtype"
)

// Arguments reach pgx as the types of the encode files. Where the server has
// told a parameter's type, the codec of that type asks the argument for its own
// kind of value (Int64Value, TimestamptzValue …) and gets it, or unfitError. A
// type without such a codec (text, an enum, a domain) takes the argument's text
// form, from its String method.

// unfitError says that a value does not fit its parameter. ExplainArgument
// finds the words.
type unfitError struct {
	value string // as a user knows it; empty for the argument itself
}

func (e unfitError) Error() string { return "the value does not fit its parameter" }

// unfit refuses every type whose codec would otherwise be passed over for the
// text form: PostgreSQL takes the text 1 for a bool, 20240101 for a date and
// any text for a bytea. Types that fit shadow its methods. The codecs of
// float and numeric ask for an Int64Value in the end.
type unfit struct{ unfitButNumber }

func (unfit) Int64Value() (pgtype.Int8, error) { return pgtype.Int8{}, unfitError{} }

// unfitButNumber is unfit without the numbers.
type unfitButNumber struct{}

func (unfitButNumber) BoolValue() (pgtype.Bool, error) { return pgtype.Bool{}, unfitError{} }
func (unfitButNumber) BytesValue() ([]byte, error)     { return nil, unfitError{} }
func (unfitButNumber) DateValue() (pgtype.Date, error) { return pgtype.Date{}, unfitError{} }
func (unfitButNumber) TimestampValue() (pgtype.Timestamp, error) {
	return pgtype.Timestamp{}, unfitError{}
}
func (unfitButNumber) TimestamptzValue() (pgtype.Timestamptz, error) {
	return pgtype.Timestamptz{}, unfitError{}
}
func (unfitButNumber) TimeValue() (pgtype.Time, error) { return pgtype.Time{}, unfitError{} }
func (unfitButNumber) IntervalValue() (pgtype.Interval, error) {
	return pgtype.Interval{}, unfitError{}
}
func (unfitButNumber) UUIDValue() (pgtype.UUID, error)                 { return pgtype.UUID{}, unfitError{} }
func (unfitButNumber) BitsValue() (pgtype.Bits, error)                 { return pgtype.Bits{}, unfitError{} }
func (unfitButNumber) NetipPrefixValue() (netip.Prefix, error)         { return netip.Prefix{}, unfitError{} }
func (unfitButNumber) MarshalXML(*xml.Encoder, xml.StartElement) error { return unfitError{} }
