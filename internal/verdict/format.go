package verdict

import (
	"fmt"
	"math"
	"strconv"
)

// figure writes a value as a person would: 95.0 %, 1.18×, 3.
func figure(value float64, unit Unit) string {
	return figureTo(value, unit, decimals(unit))
}

// figureBeside writes a value with as many decimals as it takes to tell it
// from the bound it is compared with: 94.996 % is not "95.0 %" beside a limit
// of 95.0 %.
func figureBeside(value, bound float64, unit Unit) string {
	const most = 6
	for n := decimals(unit); n < most; n++ {
		text := figureTo(value, unit, n)
		if value == bound || text != figureTo(bound, unit, n) {
			return text
		}
	}
	return figureTo(value, unit, most)
}

func decimals(unit Unit) int {
	switch unit {
	case Ratio:
		return 2
	case Count:
		return 0
	default:
		return 1
	}
}

func figureTo(value float64, unit Unit, decimals int) string {
	switch unit {
	case Share:
		return fmt.Sprintf("%.*f %%", decimals, 100*value)
	case Percent:
		return fmt.Sprintf("%.*f %%", decimals, value)
	case Ratio:
		return fmt.Sprintf("%.*f×", decimals, value)
	case Milliseconds:
		return fmt.Sprintf("%.*f ms", decimals, value)
	default:
		return number(value, decimals)
	}
}

// number writes a count; one that is not whole keeps a decimal, and more where
// that would write 0: a limit of 0.01 is not "less than 0.0".
func number(value float64, decimals int) string {
	const most = 6
	if decimals == 0 && value != math.Trunc(value) {
		decimals = min(most, max(1, -int(math.Floor(math.Log10(math.Abs(value))))))
	}
	return strconv.FormatFloat(value, 'f', decimals, 64)
}

// limit writes a bound as a column of a table shows it: "≥ 95.0 %", "none".
func limit(e expression, unit Unit) string {
	if isNone(e) {
		return "none"
	}
	return map[string]string{
		"<": "<", "<=": "≤", ">": ">", ">=": "≥", "!=": "≠", "==": "=", "===": "=",
	}[e.operator] + " " + figure(e.bound, unit)
}

// limitInWords writes a bound as a sentence says it: "at least 95.0 %".
func limitInWords(e expression, unit Unit) string {
	if isNone(e) {
		return "none"
	}
	return map[string]string{
		"<": "less than", "<=": "at most", ">": "more than", ">=": "at least",
		"!=": "anything but", "==": "exactly", "===": "exactly",
	}[e.operator] + " " + figure(e.bound, unit)
}

func isNone(e expression) bool {
	return e.bound == 0 && (e.operator == "==" || e.operator == "===")
}

// Duration writes milliseconds: 0.4 ms, 182 ms, 1.2 s.
func Duration(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
}

// seconds writes a run's length: 2.5 s, 45 s, 5 min, 1 h 5 min.
func seconds(s float64) string {
	whole := int(math.Round(s))
	switch {
	case s < 10:
		return number(s, 0) + " s"
	case whole < 60:
		return fmt.Sprintf("%d s", whole)
	case whole < 3600:
		return joinNonZero(whole/60, "min", whole%60, "s")
	default:
		return joinNonZero(whole/3600, "h", whole%3600/60, "min")
	}
}

// Counted writes a number with its noun: 1 statement, 3 statements. The noun is
// one that takes an s.
func Counted[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// times writes how often something was: once, 3 times.
func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func joinNonZero(major int, majorUnit string, minor int, minorUnit string) string {
	if minor == 0 {
		return fmt.Sprintf("%d %s", major, majorUnit)
	}
	return fmt.Sprintf("%d %s %d %s", major, majorUnit, minor, minorUnit)
}
