// Package schematest holds the files that a run leaves to their JSON schemas. It
// is for tests.
package schematest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// Errors says what of the document the schema refuses, nil where nothing.
func Errors(t *testing.T, schema, document []byte) error {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource("schema.json", parsed))
	compiled, err := compiler.Compile("schema.json")
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	require.NoError(t, err, "%s", document)
	return compiled.Validate(value)
}

// Differences are the fields that only one of a schema's definition ("" for the
// whole schema) and a document with every field has.
func Differences(t *testing.T, schema []byte, definition string, document []byte) []string {
	t.Helper()
	var root map[string]any
	var value any
	require.NoError(t, json.Unmarshal(schema, &root))
	require.NoError(t, json.Unmarshal(document, &value))
	start := root
	if definition != "" {
		start = root["$defs"].(map[string]any)[definition].(map[string]any)
	}
	return differences(root, start, value, "")
}

func differences(root, schema map[string]any, value any, path string) []string {
	schema = resolve(root, schema)
	var found []string
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			found = append(found, differences(root, schema["items"].(map[string]any), item, path+"[]")...)
		}
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for name := range properties {
			if _, ok := value[name]; !ok {
				found = append(found, strings.TrimPrefix(path+"."+name, ".")+" is only in the schema")
			}
		}
		for name, item := range value {
			part, ok := properties[name].(map[string]any)
			if !ok {
				part, ok = schema["additionalProperties"].(map[string]any)
			}
			if !ok {
				found = append(found, strings.TrimPrefix(path+"."+name, ".")+" is not in the schema")
				continue
			}
			found = append(found, differences(root, part, item, strings.TrimPrefix(path+"."+name, "."))...)
		}
	}
	return found
}

// resolve follows a reference, and takes the first of several choices.
func resolve(root, schema map[string]any) map[string]any {
	if choices, ok := schema["anyOf"].([]any); ok {
		schema = choices[0].(map[string]any)
	}
	if ref, ok := schema["$ref"].(string); ok {
		return root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	return schema
}

// Fill sets everything that a JSON encoder can reach from value, a pointer, to
// something that is not zero, so that no field is left out.
func Fill(value any) { fill(reflect.ValueOf(value).Elem()) }

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		key, item := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(item)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, item)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	default:
		fillScalar(v)
	}
}

func fillScalar(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		if v.NumMethod() == 0 {
			v.Set(reflect.ValueOf("x"))
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1_000_000)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1)
	}
}
