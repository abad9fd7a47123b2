package sqlvalue

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf16"

	"github.com/grafana/sobek"
)

var errJSONText = errors.New("a json value that is malformed")

// maxJSONDepth bounds the recursion; PostgreSQL's own limit, set by its stack,
// is lower.
const maxJSONDepth = 1 << 14

// decodeJSON gives what JSON.parse gives. It is not the runtime's JSON.parse
// because that one can be replaced by a script, refuses 1e400, which jsonb
// holds and JavaScript calls Infinity, and takes twice as long.
func decodeJSON(c *Converter, src []byte) (sobek.Value, error) {
	p := jsonParser{c: c, src: src}
	value, err := p.value(maxJSONDepth)
	if err != nil {
		return nil, err
	}
	if p.space(); p.at != len(src) {
		return nil, errJSONText
	}
	return value, nil
}

type jsonParser struct {
	c   *Converter
	src []byte
	at  int
}

func (p *jsonParser) space() {
	for p.at < len(p.src) {
		switch p.src[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// peek gives the next character that is not space, 0 at the end.
func (p *jsonParser) peek() byte {
	p.space()
	if p.at == len(p.src) {
		return 0
	}
	return p.src[p.at]
}

func (p *jsonParser) next(char byte) bool {
	if p.peek() != char {
		return false
	}
	p.at++
	return true
}

func (p *jsonParser) value(depth int) (sobek.Value, error) {
	if depth == 0 {
		return nil, errJSONText
	}
	switch p.peek() {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		return p.string()
	case 't':
		return p.literal("true", p.c.rt.ToValue(true))
	case 'f':
		return p.literal("false", p.c.rt.ToValue(false))
	case 'n':
		return p.literal("null", sobek.Null())
	default:
		return p.number()
	}
}

func (p *jsonParser) literal(text string, value sobek.Value) (sobek.Value, error) {
	if !bytes.HasPrefix(p.src[p.at:], []byte(text)) {
		return nil, errJSONText
	}
	p.at += len(text)
	return value, nil
}

func (p *jsonParser) number() (sobek.Value, error) {
	start := p.at
	for p.at < len(p.src) && bytes.IndexByte([]byte("+-.0123456789eE"), p.src[p.at]) >= 0 {
		p.at++
	}
	f, err := strconv.ParseFloat(string(p.src[start:p.at]), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // beyond the range is ±Infinity
		return nil, errJSONText
	}
	return p.c.rt.ToValue(f), nil
}

func (p *jsonParser) array(depth int) (sobek.Value, error) {
	p.at++
	if p.next(']') {
		return p.c.rt.NewArray(), nil
	}
	var items []any
	for {
		item, err := p.value(depth - 1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if p.next(']') {
			return p.c.rt.NewArray(items...), nil
		}
		if !p.next(',') {
			return nil, errJSONText
		}
	}
}

func (p *jsonParser) object(depth int) (sobek.Value, error) {
	p.at++
	// Without a prototype nothing is inherited that could catch a key such as
	// __proto__.
	object := p.c.rt.CreateObject(nil)
	if p.next('}') {
		return object, p.c.inherit(object)
	}
	for {
		if p.peek() != '"' {
			return nil, errJSONText
		}
		key, err := p.string()
		if err != nil {
			return nil, err
		}
		if !p.next(':') {
			return nil, errJSONText
		}
		value, err := p.value(depth - 1)
		if err != nil {
			return nil, err
		}
		if err := object.Set(key.String(), value); err != nil {
			return nil, err
		}
		if p.next('}') {
			return object, p.c.inherit(object)
		}
		if !p.next(',') {
			return nil, errJSONText
		}
	}
}

// inherit makes an ordinary object of one without prototype.
func (c *Converter) inherit(object *sobek.Object) error {
	if c.objectBase == nil {
		c.objectBase = c.rt.NewObject().Prototype()
	}
	return object.SetPrototype(c.objectBase)
}

// string reads "…". Most have no escape and are taken as they are.
func (p *jsonParser) string() (sobek.Value, error) {
	p.at++
	end := bytes.IndexAny(p.src[p.at:], `"\`)
	if end < 0 {
		return nil, errJSONText
	}
	if p.src[p.at+end] == '\\' {
		return p.escaped()
	}
	text := string(p.src[p.at : p.at+end])
	p.at += end + 1
	return p.c.rt.ToValue(text), nil
}

// escaped reads a string with escapes in UTF-16, JavaScript's own form, in
// which half a surrogate pair can stand alone as it can in json.
func (p *jsonParser) escaped() (sobek.Value, error) {
	var units []uint16
	for {
		end := bytes.IndexAny(p.src[p.at:], `"\`)
		if end < 0 {
			return nil, errJSONText
		}
		for _, r := range string(p.src[p.at : p.at+end]) {
			units = utf16.AppendRune(units, r)
		}
		p.at += end + 1
		if p.src[p.at-1] == '"' {
			return sobek.StringFromUTF16(units), nil
		}
		unit, err := p.escape()
		if err != nil {
			return nil, err
		}
		units = append(units, unit)
	}
}

// escape reads what follows a backslash.
func (p *jsonParser) escape() (uint16, error) {
	if p.at == len(p.src) {
		return 0, errJSONText
	}
	char := p.src[p.at]
	p.at++
	switch char {
	case '"', '\\', '/':
		return uint16(char), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return p.codeUnit()
	}
	return 0, errJSONText
}

func (p *jsonParser) codeUnit() (uint16, error) {
	if len(p.src)-p.at < 4 {
		return 0, errJSONText
	}
	unit, err := strconv.ParseUint(string(p.src[p.at:p.at+4]), 16, 16)
	p.at += 4
	if err != nil {
		return 0, errJSONText
	}
	return uint16(unit), nil
}
