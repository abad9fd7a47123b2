package sqlvalue

import (
	"bytes"
	"errors"

	"github.com/grafana/sobek"
)

var errArrayText = errors.New("an array whose text is malformed")

// maxArrayDepth is more than PostgreSQL's MAXDIM, 6. It bounds the recursion.
const maxArrayDepth = 16

// decodeArrayOf reads arrays in PostgreSQL's text form. Every dimension is a
// JavaScript array; lower bounds other than 1 are not kept, since JavaScript
// has none.
func decodeArrayOf(element decoder, delimiter byte) decoder {
	return func(c *Converter, src []byte) (sobek.Value, error) {
		if len(src) > 0 && src[0] == '[' { // bounds: [2:4]={…}
			_, src, _ = bytes.Cut(src, []byte{'='})
		}
		p := arrayParser{c: c, element: element, delimiter: delimiter, rest: src}
		value, err := p.array(maxArrayDepth)
		if err == nil && len(p.rest) != 0 {
			err = errArrayText
		}
		return value, err
	}
}

type arrayParser struct {
	c         *Converter
	element   decoder
	delimiter byte
	rest      []byte
	unescaped []byte // scratch
}

func (p *arrayParser) array(depth int) (sobek.Value, error) {
	if depth == 0 || !p.next('{') {
		return nil, errArrayText
	}
	var items []any
	if p.next('}') {
		return p.c.rt.NewArray(), nil
	}
	for {
		item, err := p.item(depth)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if p.next('}') {
			return p.c.rt.NewArray(items...), nil
		}
		if !p.next(p.delimiter) {
			return nil, errArrayText
		}
	}
}

func (p *arrayParser) item(depth int) (sobek.Value, error) {
	if len(p.rest) == 0 {
		return nil, errArrayText
	}
	switch p.rest[0] {
	case '{':
		return p.array(depth - 1)
	case '"':
		text, err := p.quoted()
		if err != nil {
			return nil, err
		}
		return p.element(p.c, text)
	}
	end := bytes.IndexAny(p.rest, string([]byte{p.delimiter, '{', '}', '"'}))
	if end <= 0 {
		return nil, errArrayText
	}
	text := p.rest[:end]
	p.rest = p.rest[end:]
	if string(text) == "NULL" {
		return sobek.Null(), nil
	}
	return p.element(p.c, text)
}

// quoted reads "…", where a backslash stands before what it protects.
func (p *arrayParser) quoted() ([]byte, error) {
	p.unescaped = p.unescaped[:0]
	for i := 1; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '"':
			p.rest = p.rest[i+1:]
			return p.unescaped, nil
		case '\\':
			i++
			if i == len(p.rest) {
				return nil, errArrayText
			}
		}
		p.unescaped = append(p.unescaped, p.rest[i])
	}
	return nil, errArrayText
}

func (p *arrayParser) next(char byte) bool {
	if len(p.rest) == 0 || p.rest[0] != char {
		return false
	}
	p.rest = p.rest[1:]
	return true
}
