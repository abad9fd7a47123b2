package experiment

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// normalized are options as they come back out of JSON, so that 1 and 1.0 are
// the same, without what was not given.
func normalized(options map[string]any) (map[string]any, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	normal := map[string]any{}
	if err := json.Unmarshal(text, &normal); err != nil {
		return nil, err
	}
	maps.DeleteFunc(normal, func(_ string, value any) bool { return value == nil })
	return normal, nil
}

// firstDifference names the first option, in order of the names, in which the
// experiment and a file differ; "" where they do not.
func firstDifference(here, there map[string]any) string {
	return difference("", here, there)
}

// difference descends into objects and lists that both have: "pool is an object
// there and an object now" would say nothing. name is "" for the options
// themselves.
func difference(name string, here, there any) string {
	if reflect.DeepEqual(here, there) {
		return ""
	}
	switch a := here.(type) {
	case map[string]any:
		if b, ok := there.(map[string]any); ok {
			return differentKey(name, a, b)
		}
	case []any:
		if b, ok := there.([]any); ok && len(a) == len(b) {
			return differentItem(name, a, b)
		}
	}
	return fmt.Sprintf("%s is %s there and %s now", name, showOption(there), showOption(here))
}

func differentKey(name string, here, there map[string]any) string {
	all := make(map[string]any, len(here))
	maps.Copy(all, here)
	maps.Copy(all, there)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		inner := key
		if name != "" {
			inner = name + "." + key
		}
		if found := difference(inner, here[key], there[key]); found != "" {
			return found
		}
	}
	return ""
}

func differentItem(name string, here, there []any) string {
	for i := range here {
		if found := difference(fmt.Sprintf("%s[%d]", name, i), here[i], there[i]); found != "" {
			return found
		}
	}
	return ""
}

func showOption(value any) string {
	if value == nil {
		return "not given"
	}
	return show(value)
}
