package module

import (
	"encoding/hex"
	"errors"

	"github.com/grafana/sobek"
)

var errByteaText = errors.New("a bytea in neither hex nor escape format")

func (c *converter) arrayBuffer(owned []byte) sobek.Value {
	return c.rt.ToValue(c.rt.NewArrayBuffer(owned))
}

// decodeBinaryBytea copies: a script may write into the buffer.
func decodeBinaryBytea(c *converter, src []byte) (sobek.Value, error) {
	return c.arrayBuffer(append([]byte{}, src...)), nil
}

func decodeTextBytea(c *converter, src []byte) (sobek.Value, error) {
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
func decodeEscapedBytea(c *converter, src []byte) (sobek.Value, error) {
	data := make([]byte, 0, len(src))
	for i := 0; i < len(src); i++ {
		switch {
		case src[i] != '\\':
			data = append(data, src[i])
		case i+1 < len(src) && src[i+1] == '\\':
			data = append(data, '\\')
			i++
		case i+3 < len(src) && octal(src[i+1:i+4]):
			data = append(data, (src[i+1]-'0')<<6|(src[i+2]-'0')<<3|(src[i+3]-'0'))
			i += 3
		default:
			return nil, errByteaText
		}
	}
	return c.arrayBuffer(data), nil
}

func octal(digits []byte) bool {
	for _, d := range digits {
		if d < '0' || d > '7' {
			return false
		}
	}
	return digits[0] <= '3'
}
