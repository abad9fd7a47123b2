package pool

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

var texts = codec[string]{
	accepted: "a text ",
	script: func(value any) (string, bool) {
		s, ok := value.(string)
		return s, ok
	},
	text: func(text string) (string, bool) { return text, true },
	show: showText,
}

var integers = codec[int]{
	accepted: "a whole number ",
	script:   integerFromNumber,
	text: func(text string) (int, bool) {
		n, err := strconv.Atoi(text)
		return n, err == nil
	},
	show: strconv.Itoa,
}

// integerFromNumber takes a JavaScript number without a fraction. A text is
// not a number in JavaScript, and neither is true.
func integerFromNumber(value any) (int, bool) {
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
	accepted: "true or false",
	script: func(value any) (bool, bool) {
		b, ok := value.(bool)
		return b, ok
	},
	text: booleanFromText,
	show: strconv.FormatBool,
}

// onlyTrue is a boolean with one useful value, said first.
var onlyTrue = codec[bool]{accepted: "true ", script: booleans.script, text: booleans.text, show: booleans.show}

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
	accepted: `a duration such as "30s", "1h30m" or "100ms" (a number is milliseconds in a script, seconds in the environment), `,
	script: func(value any) (time.Duration, bool) {
		if text, ok := value.(string); ok {
			return durationFromText(text)
		}
		return durationFromNumber(value)
	},
	text: durationFromEnvironment,
	show: showDuration,
}

// modeNames are pgx's own names of its modes, as in default_query_exec_mode.
var modeNames = map[pgx.QueryExecMode]string{
	pgx.QueryExecModeCacheStatement: "cache_statement",
	pgx.QueryExecModeCacheDescribe:  "cache_describe",
	pgx.QueryExecModeDescribeExec:   "describe_exec",
	pgx.QueryExecModeExec:           "exec",
	pgx.QueryExecModeSimpleProtocol: "simple_protocol",
}

var modes = codec[pgx.QueryExecMode]{
	accepted: "cache_statement, cache_describe, describe_exec, exec or simple_protocol",
	script: func(value any) (pgx.QueryExecMode, bool) {
		text, _ := value.(string)
		return modeFromText(text)
	},
	text: modeFromText,
	show: func(mode pgx.QueryExecMode) string {
		if name, ok := modeNames[mode]; ok {
			return name
		}
		return strconv.Itoa(int(mode))
	},
}

func modeFromText(text string) (pgx.QueryExecMode, bool) {
	for mode, name := range modeNames {
		if name == text {
			return mode, true
		}
	}
	return 0, false
}
