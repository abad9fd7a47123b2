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
		return bytesArgument(o, func(all []byte) []byte { return all })
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
	return c.plainObject(o)
}

// ClassOf names an object's class: what the runtime made it as. "bytes" is a Go
// slice of another module. The runtime makes some classes as Object, and only
// the tag tells what they are; a script can give that tag to any object, so that
// whoever relies on it checks what it finds.
func ClassOf(o *sobek.Object) string {
	class := o.ClassName()
	switch {
	case o.ExportType() == arrayBufferType:
		return "ArrayBuffer"
	case class != "Object" && o.ExportType() == bytesType:
		return "bytes"
	case class != "Object":
		return class
	}
	if tag := o.GetSymbol(sobek.SymToStringTag); tag != nil && sobek.IsString(tag) {
		if name := tag.String(); slices.Contains(viewTags, name) || slices.Contains(emptyInJSON, name) {
			return name
		}
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

// viewArgument copies what a typed array or DataView shows, by properties that
// a script can have replaced.
func viewArgument(o *sobek.Object) (arg any, reason string) {
	buffer, ok := o.Get("buffer").(*sobek.Object)
	if !ok || ClassOf(buffer) != "ArrayBuffer" {
		return nil, unaccepted(o)
	}
	start, length := integerOf(o, "byteOffset"), integerOf(o, "byteLength")
	return bytesArgument(buffer, func(all []byte) []byte {
		if start < 0 || length < 0 || start > int64(len(all)) || length > int64(len(all))-start {
			return nil
		}
		return all[start : start+length]
	})
}

func integerOf(o *sobek.Object, property string) int64 {
	if v := o.Get(property); v != nil {
		return v.ToInteger()
	}
	return -1
}

// bytesArgument copies a part of an ArrayBuffer; nil is no part of it.
func bytesArgument(o *sobek.Object, part func([]byte) []byte) (arg any, reason string) {
	buffer, ok := o.Export().(sobek.ArrayBuffer)
	if !ok {
		return nil, unaccepted(o)
	}
	if buffer.Detached() {
		return nil, "an ArrayBuffer that is detached"
	}
	content := part(buffer.Bytes())
	if content == nil && len(buffer.Bytes()) > 0 {
		return nil, "a view whose byteOffset and byteLength are not within its ArrayBuffer"
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
	if exception, ok := errors.AsType[*sobek.Exception](err); ok {
		return exception.Value().String()
	}
	return err.Error()
}
