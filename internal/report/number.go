package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

func isFinite(value float64) bool { return !math.IsNaN(value) && !math.IsInf(value, 0) }

func allFinite(values []float64) bool {
	for _, value := range values {
		if !isFinite(value) {
			return false
		}
	}
	return true
}

// number writes a figure with about four digits, as a person would: 0.0123,
// 4.56, 123.4, 12345. A gap is a dash.
func number(value float64) string {
	if !isFinite(value) {
		return "–"
	}
	value += 0 // -0 is 0
	size := math.Abs(value)
	decimals := 0
	switch {
	case value == math.Trunc(value):
	case size < 0.001:
		return strconv.FormatFloat(value, 'g', 3, 64)
	case size < 0.1:
		decimals = 4
	case size < 1:
		decimals = 3
	case size < 100:
		decimals = 2
	case size < 1000:
		decimals = 1
	}
	text := strconv.FormatFloat(value, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// grouped writes a count with its thousands apart: 10 000.
func grouped(count float64) string {
	text := strconv.FormatFloat(count, 'f', 0, 64)
	const narrow = "\u202f" // and not broken
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + narrow + text[at:]
	}
	return text
}

// length writes how long something took: 250 ms, 2.5 s, 45 s, 5 min, 1 h 5 min.
func length(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return number(d.Seconds()) + " s"
	}
	text := d.Round(time.Second)
	parts := []string{
		counted(int(text/time.Hour), "h"),
		counted(int(text%time.Hour/time.Minute), "min"),
		counted(int(text%time.Minute/time.Second), "s"),
	}
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// counted is "5 min", empty for 0.
func counted(n int, unit string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s", n, unit)
}
