package monitor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The first four are the runbook's own examples.
func TestStatusLine(t *testing.T) {
	tests := []struct {
		active, size int
		want         string
	}{
		{5, 20, "Pool Status: Active=5, Available=15, Total=20, Utilization=25.0%"},
		{12, 20, "Pool Status: Active=12, Available=8, Total=20, Utilization=60.0%"},
		{18, 20, "Pool Status: Active=18, Available=2, Total=20, Utilization=90.0%"},
		{42, 20, "Pool Status: Active=42, Available=0, Total=42, Utilization=100.0%  # Using overflow"},
		{0, 20, "Pool Status: Active=0, Available=20, Total=20, Utilization=0.0%"},
		{20, 20, "Pool Status: Active=20, Available=0, Total=20, Utilization=100.0%"},
		{0, 0, "Pool Status: Active=0, Available=0, Total=0, Utilization=0.0%"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, StatusLine(tt.active, tt.size))
	}
}
