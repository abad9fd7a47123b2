package sqlvalue

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/grafana/sobek"
	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// decoder makes one value, never NULL, from its bytes in the wire format. It
// copies what it keeps.
type decoder func(c *Converter, src []byte) (sobek.Value, error)

// maxSafeInteger is JavaScript's Number.MAX_SAFE_INTEGER.
const maxSafeInteger = 1<<53 - 1

var (
	errBinarySize = errors.New("a binary value of the wrong size")
	errByteaText  = errors.New("a bytea in neither hex nor escape format")
)

func decodeString(c *Converter, src []byte) (sobek.Value, error) {
	return c.rt.ToValue(string(src)), nil
}

// decodeUnexpectedBinary is for a type that was asked for as text. PostgreSQL
// has no way to answer in binary then, so that this is a server's mistake.
func decodeUnexpectedBinary(*Converter, []byte) (sobek.Value, error) {
	return nil, errors.New("came in binary format though text was asked for")
}

func decodeBinaryBool(c *Converter, src []byte) (sobek.Value, error) {
	if len(src) != 1 {
		return nil, errBinarySize
	}
	return c.rt.ToValue(src[0] != 0), nil
}

func decodeTextBool(c *Converter, src []byte) (sobek.Value, error) {
	switch string(src) {
	case "t":
		return c.rt.ToValue(true), nil
	case "f":
		return c.rt.ToValue(false), nil
	}
	return nil, fmt.Errorf("%q is not a bool", src)
}

func decodeBinaryInt2(c *Converter, src []byte) (sobek.Value, error) {
	if len(src) != 2 {
		return nil, errBinarySize
	}
	return c.rt.ToValue(int16(binary.BigEndian.Uint16(src))), nil // #nosec G115 -- the wire's two's complement
}

func decodeBinaryInt4(c *Converter, src []byte) (sobek.Value, error) {
	if len(src) != 4 {
		return nil, errBinarySize
	}
	return c.rt.ToValue(int32(binary.BigEndian.Uint32(src))), nil // #nosec G115 -- the wire's two's complement
}

func decodeBinaryInt8(c *Converter, src []byte) (sobek.Value, error) {
	if len(src) != 8 {
		return nil, errBinarySize
	}
	return c.integer(int64(binary.BigEndian.Uint64(src))), nil // #nosec G115 -- the wire's two's complement
}

// decodeInt8As is for an int8 that always is of one kind.
func decodeInt8As(kind pool.Int8, format int16) decoder {
	return func(c *Converter, src []byte) (sobek.Value, error) {
		var n int64
		if format == pgx.BinaryFormatCode {
			if len(src) != 8 {
				return nil, errBinarySize
			}
			n = int64(binary.BigEndian.Uint64(src)) // #nosec G115 -- the wire's two's complement
		} else {
			var err error
			if n, err = strconv.ParseInt(string(src), 10, 64); err != nil {
				return nil, err
			}
		}
		switch kind {
		case pool.Int8String:
			return c.rt.ToValue(strconv.FormatInt(n, 10)), nil
		case pool.Int8BigInt:
			return c.rt.ToValue(big.NewInt(n)), nil
		}
		return c.rt.ToValue(n), nil // the pool has refused what is no safe number
	}
}

func decodeTextInt(c *Converter, src []byte) (sobek.Value, error) {
	n, err := strconv.ParseInt(string(src), 10, 64)
	if err != nil {
		return nil, err
	}
	return c.integer(n), nil
}

// integer is a number while every digit is kept, else a BigInt.
func (c *Converter) integer(n int64) sobek.Value {
	if n < -maxSafeInteger || n > maxSafeInteger {
		return c.rt.ToValue(big.NewInt(n))
	}
	return c.rt.ToValue(n)
}

// decodeBinaryFloat4 gives the number with the digits that were meant: 0.1, not
// 0.10000000149011612.
func decodeBinaryFloat4(c *Converter, src []byte) (sobek.Value, error) {
	if len(src) != 4 {
		return nil, errBinarySize
	}
	var text [24]byte
	single := math.Float32frombits(binary.BigEndian.Uint32(src))
	return decodeTextFloat(c, strconv.AppendFloat(text[:0], float64(single), 'g', -1, 32))
}

func decodeBinaryFloat8(c *Converter, src []byte) (sobek.Value, error) {
	if len(src) != 8 {
		return nil, errBinarySize
	}
	return c.rt.ToValue(math.Float64frombits(binary.BigEndian.Uint64(src))), nil
}

func decodeTextFloat(c *Converter, src []byte) (sobek.Value, error) {
	f, err := strconv.ParseFloat(string(src), 64) // knows NaN and Infinity as PostgreSQL writes them
	if err != nil {
		return nil, err
	}
	return c.rt.ToValue(f), nil
}

func (c *Converter) arrayBuffer(owned []byte) sobek.Value {
	return c.rt.ToValue(c.rt.NewArrayBuffer(owned))
}

// decodeBinaryBytea copies: a script may write into the buffer.
func decodeBinaryBytea(c *Converter, src []byte) (sobek.Value, error) {
	return c.arrayBuffer(append([]byte{}, src...)), nil
}

func decodeTextBytea(c *Converter, src []byte) (sobek.Value, error) {
	if len(src) < 2 || src[0] != '\\' || src[1] != 'x' {
		return decodeEscapedBytea(c, src)
	}
	data := make([]byte, hex.DecodedLen(len(src)-2))
	if _, err := hex.Decode(data, src[2:]); err != nil {
		return nil, err
	}
	return c.arrayBuffer(data), nil
}

// decodeEscapedBytea reads the format of bytea_output = escape: a backslash
// stands before a backslash or before three octal digits.
func decodeEscapedBytea(c *Converter, src []byte) (sobek.Value, error) {
	data := make([]byte, 0, len(src))
	for i := 0; i < len(src); i++ {
		switch {
		case src[i] != '\\':
			data = append(data, src[i])
		case i+1 < len(src) && src[i+1] == '\\':
			data = append(data, '\\')
			i++
		case i+3 < len(src):
			char, err := strconv.ParseUint(string(src[i+1:i+4]), 8, 8)
			if err != nil {
				return nil, errByteaText
			}
			data = append(data, byte(char))
			i += 3
		default:
			return nil, errByteaText
		}
	}
	return c.arrayBuffer(data), nil
}
