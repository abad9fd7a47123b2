package monitor

import "fmt"

// StatusLine is the runbook's line about one moment of a pool:
//
//	Pool Status: Active=5, Available=15, Total=20, Utilization=25.0%
//
// active is the number of connections in use and size the pool's base size
// (pool_size), both at least 0. Total is max(size, active), Available is
// max(0, size-active), Utilization is active/Total in percent. The comment
// "# Using overflow" follows while active exceeds size.
func StatusLine(active, size int) string {
	line := fmt.Sprintf("Pool Status: Active=%d, Available=%d, Total=%d, Utilization=%.1f%%",
		active, max(0, size-active), max(size, active), 100*Utilization(active, size))
	if active > size {
		line += "  # Using overflow"
	}
	return line
}

// Utilization is active/max(size, active), between 0 and 1, and 0 for a pool
// without any connection.
func Utilization(active, size int) float64 {
	total := max(size, active)
	if total == 0 {
		return 0
	}
	return float64(active) / float64(total)
}
