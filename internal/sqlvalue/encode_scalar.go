package sqlvalue

import (
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

type boolArg struct {
	unfit
	b bool
}

func (b boolArg) BoolValue() (pgtype.Bool, error) { return pgtype.Bool{Bool: b.b, Valid: true}, nil }
func (b boolArg) MarshalJSON() ([]byte, error)    { return []byte(b.String()), nil }
func (b boolArg) String() string                  { return strconv.FormatBool(b.b) }
func (b boolArg) GoString() string                { return b.String() }

// dateArg is a Date that is valid.
type dateArg struct {
	unfit
	millis int64 // since 1970-01-01 UTC
}

func (d dateArg) utc() time.Time { return time.UnixMilli(d.millis).UTC() }

func (d dateArg) TimestamptzValue() (pgtype.Timestamptz, error) {
	return pgtype.Timestamptz{Time: d.utc(), Valid: true}, nil
}

// TimestampValue is the time of day in UTC, which is how a timestamp arrives.
func (d dateArg) TimestampValue() (pgtype.Timestamp, error) {
	return pgtype.Timestamp{Time: d.utc(), Valid: true}, nil
}

// DateValue takes midnight UTC only, which is how a date arrives: any other
// time would be lost.
func (d dateArg) DateValue() (pgtype.Date, error) {
	if d.millis%millisPerDay != 0 {
		return pgtype.Date{}, unfitError{value: d.String()}
	}
	return pgtype.Date{Time: d.utc(), Valid: true}, nil
}

// MarshalJSON gives what Date.prototype.toJSON gives.
func (d dateArg) MarshalJSON() ([]byte, error) {
	year, sign := d.utc().Year(), "+"
	if year >= 0 && year <= 9999 {
		return fmt.Appendf(nil, `"%04d-%s"`, year, d.withinYear()), nil
	}
	if year < 0 {
		year, sign = -year, "-"
	}
	return fmt.Appendf(nil, `"%s%06d-%s"`, sign, year, d.withinYear()), nil
}

// String is ISO 8601 as PostgreSQL writes years before 1.
func (d dateArg) String() string {
	year, era := d.utc().Year(), ""
	if year <= 0 {
		year, era = 1-year, " BC"
	}
	return fmt.Sprintf("%04d-%s%s", year, d.withinYear(), era)
}

func (d dateArg) GoString() string   { return d.String() }
func (d dateArg) withinYear() string { return d.utc().Format("01-02T15:04:05.000Z") }

// byteaArg is the content of an ArrayBuffer or of a view on one. It has no
// String method: as text it would be other characters than the script has.
type byteaArg struct {
	unfit
	bytes []byte // never nil, which pgx would send as NULL
}

func (b byteaArg) BytesValue() ([]byte, error) { return b.bytes, nil }

// MarshalJSON refuses: JSON.stringify makes {} of an ArrayBuffer.
func (b byteaArg) MarshalJSON() ([]byte, error) { return nil, unfitError{value: b.GoString()} }
func (b byteaArg) hex() string                  { return `\x` + hex.EncodeToString(b.bytes) }
func (b byteaArg) GoString() string {
	return fmt.Sprintf("an ArrayBuffer with byteLength %d", len(b.bytes))
}

// objectArg is a plain object in JSON.
type objectArg struct {
	unfit
	json string
}

// Value implements driver.Valuer. pgx sends a json.RawMessage to json, jsonb
// and text as it is; from a json.Marshaler it would escape characters.
func (o objectArg) Value() (driver.Value, error) { return json.RawMessage(o.json), nil }
func (o objectArg) String() string               { return o.json }
func (o objectArg) GoString() string             { return "an object" }

// Dimensions, Index and IndexType make an array parameter refuse an object:
// pgx would take the bytes of its JSON for the elements.
func (o objectArg) Dimensions() []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: 1, LowerBound: 1}}
}
func (o objectArg) Index(int) any  { return unfitElement{} }
func (o objectArg) IndexType() any { return nil }

// unfitElement fits no array.
type unfitElement struct{ unfit }

func (unfitElement) MarshalJSON() ([]byte, error) { return nil, unfitError{} }
