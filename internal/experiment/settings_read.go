package experiment

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Readers of JavaScript values.

// asNumber takes a number that is one.
func asNumber(value any) (float64, bool) {
	switch v := value.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	default:
		return 0, false
	}
}

func asWhole(value any, least, most int) (int, bool) {
	v, ok := asNumber(value)
	if !ok || v != math.Trunc(v) || v < float64(least) || v > float64(most) {
		return 0, false
	}
	return int(v), true
}

// asDuration takes a number of seconds, as the scripts' -e settings are, or a
// text with units.
func asDuration(value any, least, most time.Duration) (time.Duration, bool) {
	d := time.Duration(-1)
	if text, ok := value.(string); ok {
		if parsed, err := time.ParseDuration(text); err == nil {
			d = parsed
		}
	} else if v, ok := asNumber(value); ok && v >= 0 && v <= most.Seconds() {
		d = toDuration(v)
	}
	return d, d >= least && d <= most
}

// reader stores what a value is read as in a field.
func reader[T any](accepted string, read func(value any) (T, bool), field func(*settings) *T) func(*settings, any) error {
	return func(s *settings, value any) error {
		v, ok := read(value)
		if !ok {
			return notAccepted(value, accepted)
		}
		*field(s) = v
		return nil
	}
}

func whole(least, most int, field func(*settings) *int) func(*settings, any) error {
	return reader(acceptedWhole(least, most), func(value any) (int, bool) { return asWhole(value, least, most) }, field)
}

func acceptedWhole(least, most int) string {
	return fmt.Sprintf("an integer from %d to %d", least, most)
}

func number(least, most float64, field func(*settings) *float64) func(*settings, any) error {
	return reader(fmt.Sprintf("a number from %g to %g", least, most), func(value any) (float64, bool) {
		v, ok := asNumber(value)
		return v, ok && v >= least && v <= most
	}, field)
}

func duration(least, most time.Duration, field func(*settings) *time.Duration) func(*settings, any) error {
	return reader(acceptedDuration(least, most), func(value any) (time.Duration, bool) { return asDuration(value, least, most) }, field)
}

func acceptedDuration(least, most time.Duration) string {
	return fmt.Sprintf(`a number of seconds from %g to %g, or a string such as "30s"`, least.Seconds(), most.Seconds())
}

func choice(accepted []string, field func(*settings) *string) func(*settings, any) error {
	return reader(oneOf(accepted), func(value any) (string, bool) {
		text, ok := value.(string)
		return text, ok && slices.Contains(accepted, text)
	}, field)
}

func oneOf(names []string) string { return "one of " + strings.Join(names, ", ") }

func flag(field func(*settings) *bool) func(*settings, any) error {
	return reader("true or false", func(value any) (bool, bool) {
		v, ok := value.(bool)
		return v, ok
	}, field)
}

// notAccepted is the error of a value; whoever knows the option's name adds it.
func notAccepted(value any, accepted string) *OptionError {
	return &OptionError{value: show(value), accepted: accepted}
}
