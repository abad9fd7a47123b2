//go:build unix

package workflows

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// schemaField is one field of a schema.
type schemaField struct{ path, kind, unit, meaning string }

// object keeps the order of its keys, which is the order of the tables.
type object struct {
	keys   []string
	values map[string]any
}

// schemaFields are those of a schema's part, "" for the document, or the name of a
// definition. A field of a definition's type is one field, and says so.
func schemaFields(t *testing.T, schema []byte, definition string) []schemaField {
	t.Helper()
	root := parse(t, schema)
	if definition != "" {
		root = root.values["$defs"].(*object).values[definition].(*object)
	}
	var all []schemaField
	properties(root, "", &all)
	return all
}

// definitions are the names of a schema's definitions, in its order.
func definitions(t *testing.T, schema []byte) []string {
	t.Helper()
	return parse(t, schema).values["$defs"].(*object).keys
}

// description is what a definition says of itself.
func description(t *testing.T, schema []byte, definition string) string {
	t.Helper()
	return text(parse(t, schema).values["$defs"].(*object).values[definition].(*object), "description")
}

func properties(of *object, path string, all *[]schemaField) {
	if inner, ok := of.values["properties"].(*object); ok {
		for _, name := range inner.keys {
			field(inner.values[name].(*object), strings.TrimPrefix(path+"."+name, "."), all)
		}
	}
	if inner, ok := of.values["additionalProperties"].(*object); ok && len(inner.keys) > 0 {
		field(inner, strings.TrimPrefix(path+".*", "."), all)
	}
}

func field(of *object, path string, all *[]schemaField) {
	*all = append(*all, schemaField{path, typeOf(of), text(of, "unit"), text(of, "description")})
	if items, ok := of.values["items"].(*object); ok {
		item := typeOf(items)
		last := &(*all)[len(*all)-1]
		last.kind = strings.Replace(last.kind, "array", "array of "+item, 1)
		last.unit += text(items, "unit")
		properties(items, path+"[]", all)
		return
	}
	for _, choice := range objects(of.values["anyOf"]) {
		properties(choice, path, all)
	}
	properties(of, path, all)
}

// typeOf writes a type as people read it: "number or null", "times".
func typeOf(of *object) string {
	if ref := text(of, "$ref"); ref != "" {
		return ref[strings.LastIndex(ref, "/")+1:]
	}
	if choices := objects(of.values["anyOf"]); choices != nil {
		names := make([]string, len(choices))
		for i, choice := range choices {
			names[i] = typeOf(choice)
		}
		return strings.Join(names, " or ")
	}
	for _, key := range []string{"enum", "const"} {
		switch values := of.values[key].(type) {
		case nil:
		case []any:
			names := make([]string, len(values))
			for i, value := range values {
				names[i] = fmt.Sprint(value)
			}
			return strings.Join(names, ", ")
		default:
			return fmt.Sprint(values)
		}
	}
	switch types := of.values["type"].(type) {
	case []any:
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(types), " ", " or "), "[]")
	case string:
		return types
	default:
		return "any"
	}
}

func text(of *object, key string) string {
	value, _ := of.values[key].(string)
	return value
}

func objects(value any) []*object {
	list, _ := value.([]any)
	var all []*object
	for _, item := range list {
		all = append(all, item.(*object))
	}
	return all
}

// markdown writes fields in Markdown.
func markdown(fields []schemaField) string {
	var b strings.Builder
	b.WriteString("| field | type | unit | meaning |\n|---|---|---|---|\n")
	for _, f := range fields {
		meaning := strings.ReplaceAll(f.meaning, "|", `\|`)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.path, f.kind, f.unit, meaning)
	}
	return b.String()
}

// parse keeps the order of keys, which encoding/json does not.
func parse(t *testing.T, schema []byte) *object {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(schema)))
	value := next(t, decoder)
	require.IsType(t, &object{}, value)
	return value.(*object)
}

func next(t *testing.T, decoder *json.Decoder) any {
	t.Helper()
	token, err := decoder.Token()
	require.NoError(t, err)
	switch token {
	case json.Delim('{'):
		o := &object{values: map[string]any{}}
		for decoder.More() {
			key, err := decoder.Token()
			require.NoError(t, err)
			o.keys = append(o.keys, key.(string))
			o.values[key.(string)] = next(t, decoder)
		}
		_, err = decoder.Token()
		require.NoError(t, err)
		require.Len(t, slices.Collect(maps.Keys(o.values)), len(o.keys), "a key is there twice")
		return o
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			list = append(list, next(t, decoder))
		}
		_, err = decoder.Token()
		require.NoError(t, err)
		return list
	default:
		return token
	}
}
