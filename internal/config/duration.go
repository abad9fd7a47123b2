package config

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// Durations are written as in k6 and in the runbook's .env: a string with units
// means the same everywhere; a bare number is milliseconds in a script and
// seconds in the environment.

// Duration is a length of time as scripts give it: milliseconds, or a string with units.
func Duration(value any) (time.Duration, bool) { return durations.script(value) }

// durationFromNumber reads a script's number of milliseconds, fractions
// allowed. It is false for NaN, infinities, what a time.Duration cannot hold
// (about 292 years) and what it would round to nothing. Below zero only -1 is
// a duration: never.
func durationFromNumber(value any) (time.Duration, bool) {
	switch v := value.(type) {
	case int:
		return durationFromMillis(int64(v))
	case int64:
		return durationFromMillis(v)
	case float64:
		return durationFromFraction(v)
	default:
		return 0, false
	}
}

func durationFromMillis(ms int64) (time.Duration, bool) {
	if ms == -1 {
		return pool.RecycleNever, true
	}
	return time.Duration(ms) * time.Millisecond, ms >= 0 && ms <= math.MaxInt64/int64(time.Millisecond)
}

func durationFromFraction(ms float64) (time.Duration, bool) {
	if ms == math.Trunc(ms) && math.Abs(ms) < 1<<53 {
		return durationFromMillis(int64(ms))
	}
	ns := math.Round(ms * float64(time.Millisecond))
	// float64(math.MaxInt64) is 2^63, which does not fit either.
	if math.IsNaN(ns) || ns < 1 || ns >= float64(math.MaxInt64) {
		return 0, false
	}
	return time.Duration(ns), true
}

// durationFromEnvironment reads an environment variable: "30" and "0.5" are
// seconds, "-1" is never, anything else needs units as in a script.
func durationFromEnvironment(text string) (time.Duration, bool) {
	if text == "-1" {
		return pool.RecycleNever, true
	}
	if isDecimal(text) {
		return durationFromText(text + "s")
	}
	return durationFromText(text)
}

// durationFromText reads a duration with units: "100ms", "30s", "1h30m", and
// k6's days ("1d", "1d12h"). A bare number is refused, since a reader cannot
// tell its unit; only "0" needs none. There are no negative durations.
func durationFromText(text string) (time.Duration, bool) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		return durationWithoutDays(text)
	}
	whole, err := strconv.ParseUint(days, 10, 31)
	if err != nil || whole > uint64(math.MaxInt64/(24*time.Hour)) {
		return 0, false
	}
	sum := time.Duration(whole) * 24 * time.Hour
	if rest == "" {
		return sum, true
	}
	d, ok := durationWithoutDays(rest)
	return sum + d, ok && d <= math.MaxInt64-sum
}

// durationWithoutDays is time.ParseDuration without signs, and without what it
// rounds to nothing.
func durationWithoutDays(text string) (time.Duration, bool) {
	d, err := time.ParseDuration(text)
	if err != nil || strings.ContainsAny(text, "+-") {
		return 0, false
	}
	return d, d != 0 || !strings.ContainsAny(text, "123456789")
}

// isDecimal reports whether text is digits with at most one point among them.
func isDecimal(text string) bool {
	whole, fraction, _ := strings.Cut(text, ".")
	return whole != "" && strings.Trim(whole+fraction, "0123456789") == ""
}

// showDuration writes a duration as a script may write it back.
func showDuration(d time.Duration) string {
	if d < 0 {
		return "-1"
	}
	return d.String()
}
