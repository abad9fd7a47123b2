package experiment

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the text calls undecided is what the criterion judges as such.
func TestTolerableIsTheCriterionsLimit(t *testing.T) {
	criteria, err := os.ReadFile("../../thresholds/criteria.js")
	require.NoError(t, err)
	row := regexp.MustCompile(`name: 'p95_ratio'[^}]*?pass: 'value<=([\d.]+)'[^}]*?warning: 'value<=([\d.]+)'`).FindStringSubmatch(string(criteria))
	require.Len(t, row, 3)
	for _, limit := range row[1:] {
		value, err := strconv.ParseFloat(limit, 64)
		require.NoError(t, err)
		require.Equal(t, tolerable, value)
	}
}
