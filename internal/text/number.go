package text

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// None stands for a number that is not known.
const None = "–"

// Number writes a value with about four digits: 0.0123, 4.56, 123.4, 12345. A
// value that is no finite number is [None].
func Number(v float64) string {
	size := math.Abs(v)
	decimals := 0
	switch {
	case !IsFinite(v):
		return None
	case v == math.Trunc(v), size >= 1000:
	case size < 0.001:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case size < 0.1:
		decimals = 4
	case size < 1:
		decimals = 3
	case size < 100:
		decimals = 2
	default:
		decimals = 1
	}
	s := strconv.FormatFloat(v+0, 'f', decimals, 64) // -0 is 0
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// IsFinite tells whether a value is a number.
func IsFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Grouped writes a count with its thousands apart: 10 000.
func Grouped(count float64) string {
	s := strconv.FormatFloat(count, 'f', 0, 64)
	const narrow = "\u202f" // and not broken
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + narrow + s[at:]
	}
	return s
}

// Counted writes a number with its noun, one that takes an s: 1 statement, 3
// statements.
func Counted[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Times writes how often something was: once, 3 times.
func Times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// List joins what is not empty: "3 failed, 1 timed out".
func List(parts ...string) string {
	var kept []string
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ", ")
}

// Length writes how long something took: 250 ms, 2.5 s, 45 s, 5 min, 1 h 5 min.
func Length(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return Number(d.Seconds()) + " s"
	}
	whole := d.Round(time.Second)
	var parts []string
	for _, part := range []struct {
		n    time.Duration
		unit string
	}{{whole / time.Hour, "h"}, {whole % time.Hour / time.Minute, "min"}, {whole % time.Minute / time.Second, "s"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.unit))
		}
	}
	return strings.Join(parts[:min(2, len(parts))], " ")
}

// Setting writes a duration as it is written in a script or in .env: 1h, not
// 1h0m0s.
func Setting(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Seconds is [Length] of a number of seconds.
func Seconds(s float64) string { return Length(time.Duration(s * float64(time.Second))) }
