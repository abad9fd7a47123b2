package text

import (
	"fmt"
	"math"
	"strconv"
)

// Unit says how a value is written.
type Unit string

// The units there are.
const (
	Count        Unit = "count"   // 3
	Percent      Unit = "percent" // the value is a percentage: 78.0 %
	Share        Unit = "share"   // the value is between 0 and 1: 95.0 %
	Ratio        Unit = "ratio"   // 1.18×
	Milliseconds Unit = "ms"      // 0.41 ms, 4.1 ms, 182 ms, 1.15 s
	PerSecond    Unit = "per_s"   // 98.6/s
)

// mostDecimals is how far a value is written out to tell it from another.
const mostDecimals = 6

// Format writes a value as every report does.
func (u Unit) Format(v float64) string { return u.format(v, 0) }

// Beside writes a value with as many decimals as it takes to tell it from the
// one it is compared with: 94.996 % is not "95.0 %" beside a limit of 95.0 %.
func (u Unit) Beside(v, bound float64) string {
	for more := range mostDecimals {
		s := u.format(v, more)
		if v == bound || s != u.format(bound, more) {
			return s
		}
	}
	return u.format(v, mostDecimals)
}

// format writes a value with so many decimals more than usual.
func (u Unit) format(v float64, more int) string {
	if !IsFinite(v) {
		return None
	}
	switch u {
	case Share:
		return percent(100*v, more)
	case Percent:
		return percent(v, more)
	case Ratio:
		return factor(v, more) + "×"
	case Milliseconds:
		return millis(v, more)
	case PerSecond:
		return fixed(v, 1+more) + "/s"
	default:
		return count(v, more)
	}
}

// Millis writes milliseconds: 0.41 ms, 4.1 ms, 182 ms, 1.15 s.
func Millis(ms float64) string { return Milliseconds.Format(ms) }

// Factor is a ratio without its sign: 0.45.
func Factor(ratio float64) string { return factor(ratio, 0) }

func fixed(v float64, decimals int) string { return strconv.FormatFloat(v, 'f', decimals, 64) }

func millis(ms float64, more int) string {
	switch size := math.Abs(ms); {
	case ms == 0:
		return "0 ms"
	case size < 0.005 && more == 0:
		return "<0.01 ms"
	case size < 0.995:
		return fixed(ms, 2+more) + " ms"
	case size < 9.95:
		return fixed(ms, 1+more) + " ms"
	case size < 999.5:
		return fixed(ms, more) + " ms"
	case math.Mod(ms, 1000) == 0, size >= 99_995:
		return fixed(ms/1000, more) + " s"
	default:
		return fixed(ms/1000, 2+more) + " s"
	}
}

// percent writes what is not nothing as more than 0.
func percent(v float64, more int) string {
	const rounding = 1e-6 // of shares that add up to nothing
	switch {
	case v > rounding && v < 0.005 && more == 0:
		return "<0.01 %"
	case v > rounding && v < 0.05 && more == 0:
		return fixed(v, 2) + " %"
	default:
		return fixed(v, 1+more) + " %"
	}
}

// factor writes two digits after the point, more where they were all 0, and none
// where they say nothing.
func factor(v float64, more int) string {
	const least, small, large, most = 0.0001, 0.1, 100, 10_000
	switch {
	case more > 0:
		return fixed(v, 2+more)
	case v > 0 && v < least:
		return "<0.0001"
	case v > most:
		return ">10000"
	case v >= large:
		return fixed(v, 0)
	case v > 0 && v < small:
		return strconv.FormatFloat(v, 'g', 2, 64)
	default:
		return fixed(v, 2)
	}
}

// count writes a count; one that is not an integer keeps a decimal, and more
// where that would write 0: a limit of 0.01 is not "less than 0.0".
func count(v float64, more int) string {
	if v != math.Trunc(v) && more == 0 {
		more = min(mostDecimals, max(1, -int(math.Floor(math.Log10(math.Abs(v))))))
	}
	return fmt.Sprintf("%.*f", more, v)
}
