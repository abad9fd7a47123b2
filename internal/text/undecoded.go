package text

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Undecoded says of a text that is not the JSON or YAML expected of it what is
// found and what is accepted, in place of the decoder's and Go's names for both.
// err is the decoder's; nil and what is about the syntax are given back.
func Undecoded(content []byte, err error) error {
	mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case err == nil:
		return nil
	case len(bytes.TrimSpace(content)) == 0:
		return errors.New("it is empty")
	case ok && mistyped.Field == "":
		return fmt.Errorf("it is a JSON %s, not %s", mistyped.Value, inJSON(mistyped.Type))
	case ok:
		return fmt.Errorf("%s is %s; use %s", embedded.ReplaceAllString(mistyped.Field, ""), withArticle(mistyped.Value), inJSON(mistyped.Type))
	}
	if list, ok := strings.CutPrefix(err.Error(), "yaml: unmarshal errors:"); ok {
		return errors.New(inYAML(list))
	}
	return err
}

// embedded is a Go type among the names of a field that is within it.
var embedded = regexp.MustCompile(`\b[A-Z]\w*\.`)

// inJSON is what a value of a Go type is written as.
func inJSON(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return inJSON(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "an integer"
	}
}

func withArticle(noun string) string {
	if strings.ContainsAny(noun[:1], "aeio") {
		return "an " + noun
	}
	return "a " + noun
}

var (
	// yaml.v3 has no more than texts for what does not fit, a line each.
	mistypedYAML = regexp.MustCompile("cannot unmarshal (!!?\\w+)(?: `([^`]*)`)? into \\*?(\\[\\]|string|int)?\\S*")
	unknownYAML  = regexp.MustCompile(`field (\S+) not found in type \w+\.(\w+)`)
	innerCapital = regexp.MustCompile(`([a-z])([A-Z])`) // in a Go name of several words
	foundInYAML  = map[string]string{
		"!!map": "a mapping", "!!seq": "a list", "!!str": "a string", "!!int": "an integer", "!!float": "a number", "!!bool": "true or false", "!!null": "nothing",
	}
	acceptedInYAML = map[string]string{"": "a mapping", "[]": "a list", "string": "a string", "int": "an integer"}
)

// inYAML says on one line what the decoder says on several.
func inYAML(lines string) string {
	lines = mistypedYAML.ReplaceAllStringFunc(lines, func(line string) string {
		m := mistypedYAML.FindStringSubmatch(line)
		found := cmp.Or(foundInYAML[m[1]], m[1])
		if m[2] != "" {
			found += " " + Quote(m[2]) // the start of it
		}
		return "found " + found + "; use " + acceptedInYAML[m[3]]
	})
	lines = unknownYAML.ReplaceAllStringFunc(lines, func(line string) string {
		m := unknownYAML.FindStringSubmatch(line)
		return "unknown field " + m[1] + " in a " + strings.ToLower(innerCapital.ReplaceAllString(m[2], "$1 $2"))
	})
	return strings.ReplaceAll(strings.TrimSpace(lines), "\n  ", "; ")
}
