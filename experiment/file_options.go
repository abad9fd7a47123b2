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
	names := slices.Sorted(maps.Keys(here))
	for name := range there {
		if _, ok := here[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if !reflect.DeepEqual(here[name], there[name]) {
			return fmt.Sprintf("%s is %s there and %s now", name, showOption(there[name]), showOption(here[name]))
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
