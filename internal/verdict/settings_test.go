package verdict_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSecondsAreReadAsThePoolDoes(t *testing.T) {
	for text, want := range map[string]float64{"": 7, "30": 30, "0.5": 0.5, "500ms": 0.5, "2s": 2, "1.5m": 90, "1h": 3600} {
		js, err := loadLib(t, "settings.js", map[string]any{"LIMIT": text})
		require.NoError(t, err)
		value, err := js.call("seconds", "LIMIT", 7, 0.1)
		require.NoError(t, err)
		require.InDelta(t, want, value.ToFloat(), 1e-9, text)
	}
	for _, text := range []string{"abc", "-1", "50ms", "1d", "1.2.3", "."} {
		js, err := loadLib(t, "settings.js", map[string]any{"LIMIT": text})
		require.NoError(t, err)
		_, err = js.call("seconds", "LIMIT", 7, 0.1)
		require.ErrorContains(t, err, `LIMIT is "`+text+`": accepted are seconds or a time`)
	}
}
