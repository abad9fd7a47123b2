package monitor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseCPUTimes(t *testing.T) {
	tests := []struct {
		name, stat  string
		busy, total uint64
	}{
		{"guest time is not counted twice", "cpu  100 10 30 500 60 5 5 2 90 9\ncpu0 1 2 3\n", 152, 712},
		{"an old kernel without steal", "cpu  100 10 30 500 60 5 5\n", 150, 710},
		{"iowait is idle", "cpu  0 0 0 0 60 0 0 0 0 0\n", 0, 60},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			times, err := parseCPUTimes(tt.stat)
			require.NoError(t, err)
			require.Equal(t, cpuTimes{busy: tt.busy, total: tt.total}, times)
		})
	}
}

func TestParseCPUTimesRefusesWhatIsNotStat(t *testing.T) {
	for _, stat := range []string{"", "\n", "cpu 1 2 3\n", "cpu0 1 2 3 4 5 6 7\n", "cpu 1 2 3 x 5 6 7\n", "cpu 1 2 3 4 5 6 7"} {
		_, err := parseCPUTimes(stat)
		require.ErrorContains(t, err, "/proc/stat", "%q", stat)
	}
}

func TestCPUIsTheShareBetweenTwoReadings(t *testing.T) {
	var cpu CPU
	steps := []struct {
		name    string
		times   cpuTimes
		percent float64
		ok      bool
	}{
		{"the first only primes", cpuTimes{busy: 1000, total: 5000}, 0, false},
		{"a quarter", cpuTimes{busy: 1025, total: 5100}, 25, true},
		{"no tick since", cpuTimes{busy: 1025, total: 5100}, 0, false},
		{"idle", cpuTimes{busy: 1025, total: 5200}, 0, true},
		{"another host primes again", cpuTimes{busy: 10, total: 50}, 0, false},
		{"and goes on from there", cpuTimes{busy: 60, total: 150}, 50, true},
		{"iowait stepped back", cpuTimes{busy: 160, total: 249}, 100, true},
		{"busy went backwards", cpuTimes{busy: 100, total: 9000}, 0, false},
	}
	for _, step := range steps {
		percent, ok := cpu.advance(step.times)
		require.Equal(t, step.ok, ok, step.name)
		require.InDelta(t, step.percent, percent, 1e-9, step.name)
	}
}
