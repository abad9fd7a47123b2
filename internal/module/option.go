package module

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// optionReader takes over the value of one of a call's options. It gives what is
// accepted if that value is not.
type optionReader func(value any) (accepted string)

// readOptions takes over the options of a call, of which there may be none, and
// names the first that is unknown or wrong.
func (i *instance) readOptions(call string, options sobek.Value, known map[string]optionReader) error {
	if object, ok := options.(*sobek.Object); !isNothing(options) && (!ok || sqlvalue.ClassOf(object) != "Object") {
		return argumentsError(call, "options is "+sqlvalue.TypeName(options)+"; use an object")
	}
	given, err := i.optionsOf(options)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		read := known[name]
		if read == nil {
			return &pool.ConfigError{
				Source: "the options of " + call, Reason: "there is no " + text.Value(name), Accepted: strings.Join(slices.Sorted(maps.Keys(known)), ", "),
			}
		}
		if accepted := read(given[name]); accepted != "" {
			return &pool.ConfigError{Option: name, Source: "option", Value: text.Value(fmt.Sprint(given[name])), Accepted: accepted}
		}
	}
	return nil
}

func boolOption(into *bool) optionReader {
	return func(value any) string {
		given, ok := value.(bool)
		if !ok {
			return "true or false"
		}
		*into = given
		return ""
	}
}

func wholeOption(into *int, least, most int64) optionReader {
	return func(value any) string {
		given, ok := value.(int64)
		if !ok || given < least || given > most {
			return fmt.Sprintf("an integer from %d to %d", least, most)
		}
		*into = int(given)
		return ""
	}
}

func isolationOption(into *pool.IsolationLevel) optionReader {
	levels := []pool.IsolationLevel{pool.ReadUncommitted, pool.ReadCommitted, pool.RepeatableRead, pool.Serializable}
	return func(value any) string {
		given, _ := value.(string)
		level := pool.IsolationLevel(strings.ToUpper(strings.ReplaceAll(given, "_", " ")))
		if !slices.Contains(levels, level) {
			return fmt.Sprintf("%s, %s, %s or %s", levels[0], levels[1], levels[2], levels[3])
		}
		*into = level
		return ""
	}
}

func durationOption(into *time.Duration, least, most time.Duration, accepted string) optionReader {
	return func(value any) string {
		given, ok := config.Duration(value)
		if !ok || given < least || given > most {
			return accepted
		}
		*into = given
		return ""
	}
}

func rowModeOption(into *rowShape) optionReader {
	return func(value any) string {
		switch value {
		case "array":
			*into = rowArrays
		case "object":
			*into = rowObjects
		default:
			return `"array" or "object"`
		}
		return ""
	}
}

func tagsOption(into *map[string]string) optionReader {
	const accepted = "an object of strings, such as { name: 'list' }, without the tag pool"
	return func(value any) string {
		given, ok := value.(map[string]any)
		if !ok {
			return accepted
		}
		*into = make(map[string]string, len(given))
		for name, tag := range given {
			switch tag.(type) {
			case string, bool, int64, float64:
			default:
				return accepted
			}
			if name == "" || name == "pool" {
				return accepted
			}
			(*into)[name] = fmt.Sprint(tag)
		}
		return ""
	}
}
