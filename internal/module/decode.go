package module

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/grafana/sobek"
)

// decoder makes one value, never NULL, from its bytes in the wire format. It
// copies what it keeps.
type decoder func(c *converter, src []byte) (sobek.Value, error)

// maxSafeInteger is JavaScript's Number.MAX_SAFE_INTEGER.
const maxSafeInteger = 1<<53 - 1

var errBinarySize = errors.New("a binary value of the wrong size")

func decodeString(c *converter, src []byte) (sobek.Value, error) {
	return c.rt.ToValue(string(src)), nil
}

// decodeUnexpectedBinary is for a type that was asked for as text. PostgreSQL
// has no way to answer in binary then, so that this is a server's mistake.
func decodeUnexpectedBinary(*converter, []byte) (sobek.Value, error) {
	return nil, errors.New("came in binary format though text was asked for")
}

func decodeBinaryBool(c *converter, src []byte) (sobek.Value, error) {
	if len(src) != 1 {
		return nil, errBinarySize
	}
	return c.rt.ToValue(src[0] != 0), nil
}

func decodeTextBool(c *converter, src []byte) (sobek.Value, error) {
	switch string(src) {
	case "t":
		return c.rt.ToValue(true), nil
	case "f":
		return c.rt.ToValue(false), nil
	}
	return nil, fmt.Errorf("%q is not a bool", src)
}

func decodeBinaryInt2(c *converter, src []byte) (sobek.Value, error) {
	if len(src) != 2 {
		return nil, errBinarySize
	}
	return c.rt.ToValue(int16(binary.BigEndian.Uint16(src))), nil // #nosec G115 -- the wire's two's complement
}

func decodeBinaryInt4(c *converter, src []byte) (sobek.Value, error) {
	if len(src) != 4 {
		return nil, errBinarySize
	}
	return c.rt.ToValue(int32(binary.BigEndian.Uint32(src))), nil // #nosec G115 -- the wire's two's complement
}

func decodeBinaryInt8(c *converter, src []byte) (sobek.Value, error) {
	if len(src) != 8 {
		return nil, errBinarySize
	}
	return c.integer(int64(binary.BigEndian.Uint64(src))), nil // #nosec G115 -- the wire's two's complement
}

func decodeTextInt(c *converter, src []byte) (sobek.Value, error) {
	n, err := strconv.ParseInt(string(src), 10, 64)
	if err != nil {
		return nil, err
	}
	return c.integer(n), nil
}

// integer is a number while every digit is kept, else a BigInt.
func (c *converter) integer(n int64) sobek.Value {
	if n < -maxSafeInteger || n > maxSafeInteger {
		return c.rt.ToValue(big.NewInt(n))
	}
	return c.rt.ToValue(n)
}

func decodeBinaryFloat8(c *converter, src []byte) (sobek.Value, error) {
	if len(src) != 8 {
		return nil, errBinarySize
	}
	return c.rt.ToValue(math.Float64frombits(binary.BigEndian.Uint64(src))), nil
}

func decodeTextFloat(c *converter, src []byte) (sobek.Value, error) {
	f, err := strconv.ParseFloat(string(src), 64) // knows NaN and Infinity as PostgreSQL writes them
	if err != nil {
		return nil, err
	}
	return c.rt.ToValue(f), nil
}
