package config

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/pool"
)

func TestDurationTextMeansTheSameEverywhere(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0":         0,
		"0s":        0,
		"100ms":     100 * time.Millisecond,
		"1.5s":      1500 * time.Millisecond,
		"30s":       30 * time.Second,
		"1h":        time.Hour,
		"1h30m":     90 * time.Minute,
		"1d":        24 * time.Hour,
		"1d12h":     36 * time.Hour,
		"365d":      365 * 24 * time.Hour,
		"106751d":   106751 * 24 * time.Hour, // the most whole days there are
		"250us":     250 * time.Microsecond,
		"250µs":     250 * time.Microsecond,
		"9000000ms": 9000 * time.Second,
	} {
		got, ok := durationFromText(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
		got, ok = durationFromEnvironment(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
}

func TestDurationTextRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", "s", "30 s", "30S", "30sec", "5min", "1h 30m", "one", "-30s", "-1s", "-1d", "1d-1h", "1d+1h", "d", "d1h", "1.5d", "1dd",
		"+1d", "106752d", "106751d24h", "99999999999d", "9223372037s", "1e3s", "0x10s", "NaN", "Infinity", "true", "1_000s", "∞", "+30s", "0.1ns", "0.00000000001s",
	} {
		_, ok := durationFromText(text)
		require.False(t, ok, "script: %q", text)
		_, ok = durationFromEnvironment(text)
		require.False(t, ok, "environment: %q", text)
	}
}

// A bare number has no unit in a script, and is seconds in the environment.
func TestDurationTextWithoutUnit(t *testing.T) {
	for text, seconds := range map[string]float64{"300": 300, "0.5": 0.5, "1.": 1, "0.1": 0.1, "0030": 30} {
		_, ok := durationFromText(text)
		require.False(t, ok, text)
		got, ok := durationFromEnvironment(text)
		require.True(t, ok, text)
		require.Equal(t, time.Duration(math.Round(seconds*1e9)), got, text)
	}
	for _, text := range []string{"1e3", "0x1p4", ".", "1.2.3", "-2", "-0.5", "+-1", "9223372037", "inf", "nan", "1,5"} {
		_, ok := durationFromEnvironment(text)
		require.False(t, ok, text)
	}
}

func TestDurationNever(t *testing.T) {
	for name, read := range map[string]func() (time.Duration, bool){
		"environment": func() (time.Duration, bool) { return durationFromEnvironment("-1") },
		"integer":     func() (time.Duration, bool) { return durationFromNumber(int64(-1)) },
		"float":       func() (time.Duration, bool) { return durationFromNumber(-1.0) },
	} {
		got, ok := read()
		require.True(t, ok, name)
		require.Equal(t, pool.RecycleNever, got, name)
	}
	_, ok := durationFromText("-1")
	require.False(t, ok, "a text in a script needs a unit")
}

func TestDurationNumberIsMilliseconds(t *testing.T) {
	for value, want := range map[any]time.Duration{
		0:                    0,
		300:                  300 * time.Millisecond,
		int64(30000):         30 * time.Second,
		0.5:                  500 * time.Microsecond,
		1000.0 / 3:           333333333 * time.Nanosecond,
		int64(9223372036854): 9223372036854 * time.Millisecond,
		float64(365 * 864e5): 365 * 24 * time.Hour,
		math.Copysign(0, -1): 0,
	} {
		got, ok := durationFromNumber(value)
		require.True(t, ok, "%v", value)
		require.Equal(t, want, got, "%v", value)
	}
	for _, value := range []any{
		math.NaN(), math.Inf(1), math.Inf(-1), -2, int64(-1000), -0.5, -1.5, 1e300, int64(9223372036855), math.MaxFloat64, int64(math.MinInt64), math.SmallestNonzeroFloat64, 1e-7,
		"300", true, nil, []any{}, map[string]any{},
	} {
		_, ok := durationFromNumber(value)
		require.False(t, ok, "%v", value)
	}
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"30s", "1h30m", "1d12h", "0.5", "-1", "106751d23h47m16.854775807s", "1d1d", "+1s", ".5s", "1e3"} {
		f.Add(seed, 1.5)
	}
	f.Add("", math.NaN())
	f.Fuzz(func(t *testing.T, text string, number float64) {
		for name, read := range map[string]func() (time.Duration, bool){
			"script":      func() (time.Duration, bool) { return durationFromText(text) },
			"environment": func() (time.Duration, bool) { return durationFromEnvironment(text) },
			"number":      func() (time.Duration, bool) { return durationFromNumber(number) },
		} {
			d, ok := read()
			if !ok {
				continue
			}
			require.True(t, d >= 0 || d == pool.RecycleNever, "%s: %s", name, d)
			again, ok := durationFromEnvironment(showDuration(d))
			require.True(t, ok, "%s: %s is shown as what is not accepted", name, d)
			require.Equal(t, d, again, name)
		}
		if d, ok := durationFromText(text); ok {
			inEnvironment, _ := durationFromEnvironment(text)
			require.Equal(t, d, inEnvironment)
		}
	})
}
