package sqlvalue

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/grafana/sobek"
	"github.com/jackc/pgx/v5"
)

// Args appends the values a statement is called with to into, as what pgx is
// given. Nothing of the runtime is left in them: they may be used on any
// goroutine. An error is an *argumentError.
//
// In the modes exec and simple_protocol pgx does not know the parameters'
// types, and everything goes as text in PostgreSQL's input form: the server
// finds the types and whether the values fit.
func (c *Converter) Args(values []sobek.Value, mode pgx.QueryExecMode, into []any) ([]any, error) {
	asText := mode == pgx.QueryExecModeExec || mode == pgx.QueryExecModeSimpleProtocol
	for i, value := range values {
		arg, reason := c.argument(value, maxNesting)
		if reason == "" && asText && arg != nil {
			arg, reason = textArgument(arg)
		}
		if reason != "" {
			return into, &argumentError{position: i + 1, reason: reason}
		}
		into = append(into, arg)
	}
	return into, nil
}

// maxNesting bounds how deep arrays may be nested. One that contains itself
// would have no end.
const maxNesting = 100

// accepted is what an argument can be.
const accepted = "null, boolean, number, BigInt, string, Date, ArrayBuffer, typed array, array and plain object"

// argument converts one value to nil, a string or an encode type. reason says
// why that cannot be done.
func (c *Converter) argument(value sobek.Value, nesting int) (arg any, reason string) {
	switch {
	case value == nil, sobek.IsUndefined(value), sobek.IsNull(value):
		return nil, ""
	case sobek.IsNumber(value):
		return number(value.ToFloat()), ""
	case sobek.IsString(value):
		return stringArgument(value)
	}
	if o, ok := value.(*sobek.Object); ok {
		return c.objectArgument(o, nesting)
	}
	switch primitive := value.Export().(type) {
	case bool:
		return boolArg{b: primitive}, ""
	case *big.Int:
		return newBigInteger(primitive), ""
	}
	return nil, unaccepted(value)
}

func number(f float64) any {
	if math.Abs(f) <= maxSafeInteger && f == math.Trunc(f) && (f != 0 || !math.Signbit(f)) {
		return integerArg{n: int64(f)}
	}
	return newFloat(f)
}

func unaccepted(value sobek.Value) string {
	return TypeName(value) + " is not a value for PostgreSQL; use " + accepted
}

// stringArgument refuses what PostgreSQL cannot store, and what would arrive
// as another string.
func stringArgument(value sobek.Value) (arg any, reason string) {
	s, reason := Sendable(value)
	switch reason {
	case "":
		return s, ""
	case withNUL:
		reason += "; send it as an ArrayBuffer to a bytea"
	}
	return nil, reason
}

const withNUL = "a string with a NUL character (\\u0000), which PostgreSQL cannot store"

// Sendable is a string as it goes to the server, or the reason why it cannot: a
// NUL would end it there, and half a surrogate pair would become another character.
func Sendable(value sobek.Value) (s, reason string) {
	s = value.String()
	if strings.IndexByte(s, 0) >= 0 {
		return "", withNUL
	}
	if strings.ContainsRune(s, '\uFFFD') && loneSurrogate(value) {
		return "", "a string with half a surrogate pair, which UTF-8 cannot express"
	}
	return s, ""
}

func loneSurrogate(value sobek.Value) bool {
	s, ok := value.ToString().(sobek.String)
	if !ok {
		return false
	}
	for i := 0; i < s.Length(); i++ {
		first := rune(s.CharAt(i))
		if !utf16.IsSurrogate(first) {
			continue
		}
		if i+1 == s.Length() || utf16.DecodeRune(first, rune(s.CharAt(i+1))) == '\uFFFD' {
			return true
		}
		i++
	}
	return false
}

// textArgument is for the modes in which parameters have no types.
func textArgument(arg any) (text any, reason string) {
	if ragged, ok := arg.(*raggedArg); ok {
		return nil, ragged.GoString() + " is not a PostgreSQL array; for json send JSON.stringify() of it"
	}
	return textForm(arg), ""
}

// textForm is an argument as PostgreSQL reads it for the type it belongs to.
func textForm(arg any) string {
	switch arg := arg.(type) {
	case string:
		return arg
	case byteaArg:
		return arg.hex()
	case fmt.Stringer:
		return arg.String()
	}
	return fmt.Sprint(arg)
}

// arrayArgument reads elements one by one: exporting the array would lose
// what they are.
func (c *Converter) arrayArgument(o *sobek.Object, nesting int) (arg any, reason string) {
	if nesting == 0 {
		return nil, "an array nested more than " + strconv.Itoa(maxNesting) + " deep, or that contains itself"
	}
	length := integerOf(o, "length")
	if length < 0 || length > maxRowsLength {
		return nil, fmt.Sprintf("an array of %d elements, the most is %d", length, maxRowsLength)
	}
	items := make([]any, 0, min(length, 1024))
	for i := range length {
		item, reason := c.argument(o.Get(strconv.FormatInt(i, 10)), nesting-1)
		if reason != "" {
			return nil, "in an array: " + strings.TrimPrefix(reason, "in an array: ")
		}
		items = append(items, item)
	}
	return newArray(items), ""
}
