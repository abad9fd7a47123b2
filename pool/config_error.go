package pool

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// SourceOption is the ConfigError.Source of a value given by the script.
const SourceOption = "option"

// ConfigError says that a setting cannot be used: which one, where it came
// from, what it was and what is accepted instead. Its text is one line and
// never holds a password. It wraps nothing on purpose: the errors of the
// parsers underneath carry the whole connection string.
type ConfigError struct {
	// Option is the option's name as a script writes it, "" where no single
	// option is to blame (a .env file that cannot be read).
	Option string
	// Source is where the value came from: "option" for the script, else the
	// name of the environment variable, of the URL's parameter or of the file.
	Source string
	// Value is the refused value as it was written, redacted and shortened,
	// "" where there is none to show.
	Value string
	// Reason is what is wrong with the value, "" where Accepted says it all.
	Reason string
	// Accepted is what to write instead.
	Accepted string
}

// Error is one line without a password.
func (e *ConfigError) Error() string {
	var b strings.Builder
	b.WriteString(e.subject())
	switch {
	case e.Value != "" && e.Reason != "":
		fmt.Fprintf(&b, ": %s is not accepted: %s", e.Value, e.Reason)
	case e.Value != "":
		fmt.Fprintf(&b, ": %s is not accepted", e.Value)
	case e.Reason != "":
		b.WriteString(": " + e.Reason)
	}
	if e.Accepted != "" {
		b.WriteString("; use " + e.Accepted)
	}
	return b.String()
}

func (e *ConfigError) subject() string {
	switch {
	case e.Option == "":
		return e.Source
	case e.Source == "" || e.Source == SourceOption:
		return "option " + e.Option
	default:
		return fmt.Sprintf("option %s (from %s)", e.Option, e.Source)
	}
}

// shownLength is how much of a refused value an error repeats, in characters.
const shownLength = 80

// show renders a value for an error: short, on one line, without a password.
func show(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return showText(v)
	case float64:
		return showNumber(v)
	case *big.Int:
		return showText(v.String() + "n")
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64:
		return fmt.Sprint(value)
	case reflect.Func:
		return "a function"
	case reflect.Slice, reflect.Array:
		return "an array"
	default:
		return "an object"
	}
}

// showNumber writes the numbers Go cannot write as JavaScript does.
func showNumber(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	default:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
}

// showText quotes a text. One that may be a connection string is hidden,
// whatever option it was given for: they end up in the wrong place.
func showText(s string) string {
	switch {
	case strings.Contains(s, "://"):
		return RedactURL(s)
	case strings.ContainsAny(s, "@="):
		return mask
	case utf8.RuneCountInString(s) > shownLength:
		s = string([]rune(s)[:shownLength]) + "…"
	}
	return strconv.Quote(s)
}
