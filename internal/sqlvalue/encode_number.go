package sqlvalue

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// integerArg is a number without fraction, or a BigInt that float64 and int64
// both hold.
type integerArg struct {
	unfit
	n int64
}

func (i integerArg) Int64Value() (pgtype.Int8, error) {
	return pgtype.Int8{Int64: i.n, Valid: true}, nil
}

func (i integerArg) Float64Value() (pgtype.Float8, error) {
	return pgtype.Float8{Float64: float64(i.n), Valid: true}, nil
}

func (i integerArg) NumericValue() (pgtype.Numeric, error) {
	return pgtype.Numeric{Int: big.NewInt(i.n), Valid: true}, nil
}

func (i integerArg) MarshalJSON() ([]byte, error) { return []byte(i.String()), nil }
func (i integerArg) String() string               { return strconv.FormatInt(i.n, 10) }
func (i integerArg) GoString() string             { return i.String() }

// floatArg is any other number. A fraction is rounded to the precision of a
// float4 or numeric parameter, as PostgreSQL rounds it.
type floatArg struct {
	unfit
	f float64
}

// newFloat gives the text form where pgx would make 0 or infinity of a number
// that is beyond float4, if that is what the parameter turns out to be.
func newFloat(f float64) any {
	if single := float64(float32(f)); f != 0 && single != f && (single == 0 || math.IsInf(single, 0)) {
		return numeralArg{f: f}
	}
	return floatArg{f: f}
}

// Int64Value is for -0 and for what is beyond the safe integers.
func (f floatArg) Int64Value() (pgtype.Int8, error) {
	const limit = 1 << 63
	if f.f != math.Trunc(f.f) || f.f < -limit || f.f >= limit {
		return pgtype.Int8{}, unfitError{value: f.String()}
	}
	return pgtype.Int8{Int64: int64(f.f), Valid: true}, nil
}

func (f floatArg) Float64Value() (pgtype.Float8, error) {
	return pgtype.Float8{Float64: f.f, Valid: true}, nil
}

// NumericValue has the shortest digits that give the number back.
func (f floatArg) NumericValue() (pgtype.Numeric, error) {
	var n pgtype.Numeric
	text := f.String()
	if strings.ContainsRune(text, 'e') { // Scan reads no exponent
		text = strconv.FormatFloat(f.f, 'f', -1, 64)
	}
	err := n.Scan(text)
	return n, err
}

// infinity is how a timestamp or date that is infinite arrives, and goes back.
func (f floatArg) infinity() (pgtype.InfinityModifier, error) {
	switch {
	case math.IsInf(f.f, 1):
		return pgtype.Infinity, nil
	case math.IsInf(f.f, -1):
		return pgtype.NegativeInfinity, nil
	}
	return 0, unfitError{value: f.String()}
}

func (f floatArg) DateValue() (pgtype.Date, error) {
	infinity, err := f.infinity()
	return pgtype.Date{InfinityModifier: infinity, Valid: true}, err
}

func (f floatArg) TimestampValue() (pgtype.Timestamp, error) {
	infinity, err := f.infinity()
	return pgtype.Timestamp{InfinityModifier: infinity, Valid: true}, err
}

func (f floatArg) TimestamptzValue() (pgtype.Timestamptz, error) {
	infinity, err := f.infinity()
	return pgtype.Timestamptz{InfinityModifier: infinity, Valid: true}, err
}

func (f floatArg) MarshalJSON() ([]byte, error) {
	if math.IsNaN(f.f) || math.IsInf(f.f, 0) {
		return nil, unfitError{value: f.String()}
	}
	return []byte(f.String()), nil
}

func (f floatArg) String() string   { return numberText(f.f) }
func (f floatArg) GoString() string { return f.String() }

// numberText is a number as JavaScript writes it, except that -0 keeps its sign
// and an integer has all of its digits: 2**60 is 1152921504606846976, where
// JavaScript ends it in zeros. PostgreSQL reads all of it.
func numberText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if f == math.Trunc(f) && math.Abs(f) < 1e21 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	text, _ := json.Marshal(f) // only fails for the three above
	return string(text)
}

// numeralArg is a number that goes as its text whatever the parameter, so that
// PostgreSQL finds whether it fits.
type numeralArg struct {
	unfitButNumber
	f float64
}

func (n numeralArg) MarshalJSON() ([]byte, error) { return []byte(n.String()), nil }
func (n numeralArg) String() string               { return numberText(n.f) }
func (n numeralArg) GoString() string             { return n.String() }

// bigIntArg is a BigInt that float64 or int64 does not hold.
type bigIntArg struct {
	unfit
	n *big.Int
}

// newBigInteger takes a copy of its own.
func newBigInteger(n *big.Int) any {
	if n.IsInt64() {
		if _, accuracy := n.Float64(); accuracy == big.Exact {
			return integerArg{n: n.Int64()}
		}
	}
	return bigIntArg{n: n}
}

func (b bigIntArg) Int64Value() (pgtype.Int8, error) {
	if !b.n.IsInt64() {
		return pgtype.Int8{}, unfitError{value: b.String()}
	}
	return pgtype.Int8{Int64: b.n.Int64(), Valid: true}, nil
}

// Float64Value refuses to round, and what float4 cannot hold: the codecs of
// float4 and float8 ask the same question.
func (b bigIntArg) Float64Value() (pgtype.Float8, error) {
	f, accuracy := b.n.Float64()
	if accuracy != big.Exact || math.Abs(f) > math.MaxFloat32 {
		return pgtype.Float8{}, unfitError{value: b.String()}
	}
	return pgtype.Float8{Float64: f, Valid: true}, nil
}

func (b bigIntArg) NumericValue() (pgtype.Numeric, error) {
	return pgtype.Numeric{Int: b.n, Valid: true}, nil
}

func (b bigIntArg) MarshalJSON() ([]byte, error) { return []byte(b.String()), nil }
func (b bigIntArg) String() string               { return b.n.String() }
func (b bigIntArg) GoString() string             { return b.String() }
