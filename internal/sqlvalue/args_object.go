package sqlvalue

import (
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/grafana/sobek"
)

var (
	arrayBufferType = reflect.TypeFor[sobek.ArrayBuffer]()
	bytesType       = reflect.TypeFor[[]byte]()
)

// viewTags are the classes that show the bytes of an ArrayBuffer.
var viewTags = []string{
	"DataView", "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array",
	"Uint32Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array",
}

// emptyInJSON are the classes whose content JSON.stringify does not see.
var emptyInJSON = []string{
	"Function", "AsyncFunction", "GeneratorFunction", "Generator", "Error", "RegExp", "Symbol", "Map", "Set", "WeakMap", "WeakSet",
	"Promise", "Array Iterator", "Map Iterator", "Set Iterator", "String Iterator", "RegExp String Iterator",
}

func (c *Converter) objectArgument(o *sobek.Object, nesting int) (arg any, reason string) {
	switch class := ClassOf(o); {
	case class == "Object":
		return c.plainObject(o)
	case class == "Date":
		return dateArgument(o)
	case class == "Array":
		return c.arrayArgument(o, nesting)
	case class == "ArrayBuffer":
		return bytesArgument(o.Export().(sobek.ArrayBuffer), nil)
	case class == "bytes":
		return byteaArg{bytes: append([]byte{}, o.Export().([]byte)...)}, ""
	case class == "Number":
		return number(o.ToFloat()), ""
	case class == "String":
		return stringArgument(o.ToString())
	case class == "Boolean":
		return boolArg{b: o.Export() == true}, ""
	case slices.Contains(viewTags, class):
		return viewArgument(o)
	case slices.Contains(emptyInJSON, class):
		return nil, unaccepted(o)
	}
	return c.plainObject(o) // of a class of the script's own
}

// ClassOf names an object's class: what the runtime made it as or, where that
// is just Object, what it calls itself. "bytes" is a Go slice of another module.
func ClassOf(o *sobek.Object) string {
	class := o.ClassName()
	switch o.ExportType() {
	case arrayBufferType:
		return "ArrayBuffer"
	case bytesType:
		if class != "Object" {
			return "bytes"
		}
	}
	if class != "Object" {
		return class
	}
	if tag := o.GetSymbol(sobek.SymToStringTag); tag != nil && sobek.IsString(tag) {
		return tag.String()
	}
	return class
}

// TypeName is what a script's author calls the type of a value.
func TypeName(value sobek.Value) string {
	switch {
	case value == nil, sobek.IsUndefined(value):
		return "undefined"
	case sobek.IsNull(value):
		return "null"
	case sobek.IsNumber(value):
		return "number"
	case sobek.IsString(value):
		return "string"
	case sobek.IsBigInt(value):
		return "BigInt"
	}
	switch value := value.(type) {
	case *sobek.Object:
		return ClassOf(value)
	case *sobek.Symbol:
		return "Symbol"
	}
	return "boolean"
}

func dateArgument(o *sobek.Object) (arg any, reason string) {
	at, valid := o.Export().(time.Time)
	if !valid {
		return nil, "an Invalid Date"
	}
	return dateArg{millis: at.UnixMilli()}, ""
}

// viewArgument copies what a typed array or DataView shows.
func viewArgument(o *sobek.Object) (arg any, reason string) {
	buffer, ok := o.Get("buffer").Export().(sobek.ArrayBuffer)
	if !ok {
		return nil, unaccepted(o)
	}
	return bytesArgument(buffer, func(all []byte) []byte {
		start := o.Get("byteOffset").ToInteger()
		return all[start : start+o.Get("byteLength").ToInteger()]
	})
}

func bytesArgument(buffer sobek.ArrayBuffer, part func([]byte) []byte) (arg any, reason string) {
	if buffer.Detached() {
		return nil, "an ArrayBuffer that is detached"
	}
	content := buffer.Bytes()
	if part != nil {
		content = part(content)
	}
	return byteaArg{bytes: append([]byte{}, content...)}, ""
}

// plainObject is JSON.stringify, whatever a script has made of that.
func (c *Converter) plainObject(o *sobek.Object) (arg any, reason string) {
	text, err := o.MarshalJSON()
	if err != nil {
		return nil, "an object that cannot be JSON: " + thrown(err)
	}
	return objectArg{json: string(text)}, ""
}

// thrown is what a script threw, without where.
func thrown(err error) string {
	var exception *sobek.Exception
	if errors.As(err, &exception) {
		return exception.Value().String()
	}
	return err.Error()
}
