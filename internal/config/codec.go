package config

import (
	"crypto/sha256"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// codec is how values of one type are read and shown.
type codec[T any] struct {
	typed  string // how a value is written, in words before its range
	script func(value any) (T, bool)
	text   func(text string) (T, bool)
	show   func(value T) string
}

var texts = codec[string]{
	typed:  "a string ",
	script: as[string],
	text:   func(text string) (string, bool) { return text, true },
	show:   showText,
}

// statements are SQL, which may hold anything: a message tells two apart and no more.
var statements = codec[string]{
	script: as[string],
	text:   func(text string) (string, bool) { return text, true },
	show: func(sql string) string {
		if sql == "" {
			return "nothing"
		}
		hash := sha256.Sum256([]byte(sql))
		return fmt.Sprintf("%d bytes of SQL (hash %x)", len(sql), hash[:4])
	},
}

var integers = codec[int]{
	typed:  "an integer ",
	script: integer,
	text: func(text string) (int, bool) {
		n, err := strconv.Atoi(text)
		return n, err == nil
	},
	show: strconv.Itoa,
}

// as takes a JavaScript value of one type. A text is not a number in
// JavaScript, and neither is true.
func as[T any](value any) (T, bool) {
	v, ok := value.(T)
	return v, ok
}

// integer takes a JavaScript number without a fraction.
func integer(value any) (int, bool) {
	switch v := value.(type) {
	case int:
		return v, true
	case int64:
		return int(v), int64(int(v)) == v
	case float64:
		return int(v), v == math.Trunc(v) && math.Abs(v) <= math.MaxInt32
	default:
		return 0, false
	}
}

var booleans = codec[bool]{
	typed:  "true or false",
	script: as[bool],
	text:   booleanFromText,
	show:   strconv.FormatBool,
}

// booleanFromText takes the words pydantic takes, so that the application's
// own .env means the same here.
func booleanFromText(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "t", "yes", "y", "on", "1":
		return true, true
	case "false", "f", "no", "n", "off", "0":
		return false, true
	default:
		return false, false
	}
}

var durations = codec[time.Duration]{
	typed: `a duration such as "30s", "1h30m" or "100ms" (a number is milliseconds in a script, seconds in the environment), `,
	script: func(value any) (time.Duration, bool) {
		if text, ok := value.(string); ok {
			return durationFromText(text)
		}
		return durationFromNumber(value)
	},
	text: durationFromEnvironment,
	show: showDuration,
}

// words is for options that take one of a few words, which the pool knows.
func words[T ~string](spell func(string) string) codec[T] {
	return codec[T]{
		script: func(value any) (T, bool) {
			text, ok := value.(string)
			return T(spell(text)), ok
		},
		text: func(text string) (T, bool) { return T(spell(text)), true },
		show: func(value T) string { return showText(string(value)) },
	}
}

// isolationLevel is SQLAlchemy's spelling, which takes _ for a space.
func isolationLevel(text string) string { return strings.ToUpper(strings.ReplaceAll(text, "_", " ")) }

// modeNames are pgx's own names of its modes, as in default_query_exec_mode.
var modeNames = map[pgx.QueryExecMode]string{
	pgx.QueryExecModeCacheStatement: "cache_statement",
	pgx.QueryExecModeCacheDescribe:  "cache_describe",
	pgx.QueryExecModeDescribeExec:   "describe_exec",
	pgx.QueryExecModeExec:           "exec",
	pgx.QueryExecModeSimpleProtocol: "simple_protocol",
}

// ModeName is pgx's own name of a mode, as in the option queryExecMode:
// cache_statement. It is empty for a mode that does not exist.
func ModeName(mode pgx.QueryExecMode) string { return modeNames[mode] }

var modes = codec[pgx.QueryExecMode]{
	script: func(value any) (pgx.QueryExecMode, bool) {
		text, _ := value.(string)
		return modeFromText(text)
	},
	text: modeFromText,
	show: ModeName,
}

func modeFromText(text string) (pgx.QueryExecMode, bool) {
	for mode, name := range modeNames {
		if name == text {
			return mode, true
		}
	}
	return 0, false
}
