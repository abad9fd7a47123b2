package pool

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// RecycleNever is the PoolRecycle that keeps connections whatever their age.
const RecycleNever time.Duration = -1

// Durations are written as in k6 and in the runbook's .env: a text with units
// means the same everywhere; a bare number is milliseconds in a script and
// seconds in the environment.

// durationFromNumber reads a script's number of milliseconds, fractions
// allowed. It is false for NaN, infinities and what a time.Duration cannot
// hold (about 292 years). Below zero only -1 is a duration: never.
func durationFromNumber(value any) (time.Duration, bool) {
	switch v := value.(type) {
	case int:
		return durationFromMillis(float64(v))
	case int64:
		return durationFromMillis(float64(v))
	case float64:
		return durationFromMillis(v)
	default:
		return 0, false
	}
}

func durationFromMillis(ms float64) (time.Duration, bool) {
	if ms == -1 {
		return RecycleNever, true
	}
	ns := math.Round(ms * float64(time.Millisecond))
	// float64(math.MaxInt64) rounds up to 2^63, which does not fit either.
	if math.IsNaN(ns) || ns < 0 || ns >= float64(math.MaxInt64) {
		return 0, false
	}
	return time.Duration(ns), true
}

// durationFromEnvironment reads an environment variable: "30" and "0.5" are
// seconds, "-1" is never, anything else needs units as in a script.
func durationFromEnvironment(text string) (time.Duration, bool) {
	if text == "-1" {
		return RecycleNever, true
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
	if strings.HasPrefix(text, "-") {
		return 0, false
	}
	days, rest, found := strings.Cut(text, "d")
	if !found {
		d, err := time.ParseDuration(text)
		return d, err == nil
	}
	whole, err := strconv.ParseUint(days, 10, 31)
	if err != nil || whole > uint64(math.MaxInt64/(24*time.Hour)) {
		return 0, false
	}
	sum := time.Duration(whole) * 24 * time.Hour
	if rest == "" {
		return sum, true
	}
	if rest[0] == '+' || rest[0] == '-' {
		return 0, false
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d > math.MaxInt64-sum {
		return 0, false
	}
	return sum + d, true
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
