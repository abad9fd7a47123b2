package config

import (
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// show writes a value for an error: short, on one line, without a password.
func show(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return showText(v)
	case float64:
		return asJavaScript.Replace(strconv.FormatFloat(v, 'g', -1, 64))
	case *big.Int:
		return text.Value(v.String() + "n")
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

// asJavaScript renames the numbers that Go names in its own way.
var asJavaScript = strings.NewReplacer("+Inf", "Infinity", "-Inf", "-Infinity")

// showText quotes a text. One that may be a connection string is hidden,
// whatever option it was given for: they end up in the wrong place.
func showText(s string) string {
	switch {
	case strings.Contains(s, "://"):
		return showScheme(s)
	case strings.ContainsAny(s, "@="):
		return text.Mask
	default:
		return text.Value(strconv.Quote(s)) // quoted first, so that a line break is seen
	}
}

// showURL is a connection string as a message may show it: without user,
// password and parameters where its password was found, else no more than the
// scheme. Where none was found, it may have become the host or anything else.
func showURL(s string) string {
	c, err := parseConnection(s)
	if err != nil || c.parameters["password"] == "" {
		return showScheme(s)
	}
	return redact(c.url())
}

// showScheme is the scheme where no password looks like it, and no more.
func showScheme(s string) string {
	scheme, _, _ := cutScheme(strings.TrimSpace(s))
	if databaseScheme.MatchString(scheme) {
		return scheme + "://" + text.Mask
	}
	return text.Mask
}

// redact shows where a canonical URL leads to. Its parameters may hold anything.
func redact(url string) string {
	where, _, _ := strings.Cut(url, "?")
	return text.Redact(where)
}
