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

func whole(least, most int, field func(*settings) *int) func(*settings, any) error {
	return func(s *settings, value any) error {
		v, ok := asWhole(value, least, most)
		if !ok {
			return notAccepted(value, fmt.Sprintf("an integer from %d to %d", least, most))
		}
		*field(s) = v
		return nil
	}
}

func number(least, most float64, field func(*settings) *float64) func(*settings, any) error {
	return func(s *settings, value any) error {
		v, ok := asNumber(value)
		if !ok || v < least || v > most {
			return notAccepted(value, fmt.Sprintf("a number from %g to %g", least, most))
		}
		*field(s) = v
		return nil
	}
}

func duration(least, most time.Duration, field func(*settings) *time.Duration) func(*settings, any) error {
	return func(s *settings, value any) error {
		v, ok := asDuration(value, least, most)
		if !ok {
			return notAccepted(value, acceptedDuration(least, most))
		}
		*field(s) = v
		return nil
	}
}

func acceptedDuration(least, most time.Duration) string {
	return fmt.Sprintf(`a number of seconds from %g to %g, or a string such as "30s"`, least.Seconds(), most.Seconds())
}

func choice(accepted []string, field func(*settings) *string) func(*settings, any) error {
	return func(s *settings, value any) error {
		text, ok := value.(string)
		if !ok || !slices.Contains(accepted, text) {
			return notAccepted(value, oneOf(accepted))
		}
		*field(s) = text
		return nil
	}
}

func oneOf(names []string) string { return "one of " + strings.Join(names, ", ") }

func flag(field func(*settings) *bool) func(*settings, any) error {
	return func(s *settings, value any) error {
		v, ok := value.(bool)
		if !ok {
			return notAccepted(value, "true or false")
		}
		*field(s) = v
		return nil
	}
}

func readSeed(s *settings, value any) error {
	v, ok := asWhole(value, 0, maxSeed)
	if !ok {
		return notAccepted(value, fmt.Sprintf("an integer from 0 to %d", maxSeed))
	}
	s.seed = uint64(v) // #nosec G115 -- not negative
	return nil
}

// notAccepted is the error of a value; whoever knows the option's name adds it.
func notAccepted(value any, accepted string) *OptionError {
	return &OptionError{Value: show(value), Accepted: accepted}
}
