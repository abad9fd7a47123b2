package monitor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseCPUTimes(t *testing.T) {
	tests := []struct {
		name, stat string
		times      cpuTimes
	}{
		{"guest time is not counted twice", "cpu  100 10 30 500 60 5 5 2 90 9\ncpu0 1 2 3\n", cpuTimes{150, 2, 712}},
		{"an old kernel without steal", "cpu  100 10 30 500 60 5 5\n", cpuTimes{150, 0, 710}},
		{"iowait is idle", "cpu  0 0 0 0 60 0 0 0 0 0\n", cpuTimes{0, 0, 60}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			times, err := parseCPUTimes(tt.stat)
			require.NoError(t, err)
			require.Equal(t, tt.times, times)
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

// What the hypervisor gives to others is no use of the server's, and not the
// server's to use.
func TestStealIsToldApart(t *testing.T) {
	var cpu CPU
	cpu.advance(cpuTimes{busy: 100, steal: 10, total: 1000})
	percent, ok := cpu.advance(cpuTimes{busy: 120, steal: 50, total: 1100})
	require.True(t, ok)
	require.InDelta(t, 100*20.0/60, percent, 1e-9)
	require.InDelta(t, 40, cpu.strain.steal, 1e-9)
}

func TestParseCPUMax(t *testing.T) {
	for text, want := range map[string]float64{"200000 100000\n": 2, "50000 100000\n": 0.5, "max 100000\n": 0, "": 0, "0 100000": 0, "1 x": 0} {
		cpus, ok := parseCPUMax(text)
		require.Equal(t, want, cpus, text)
		require.Equal(t, want > 0, ok, text)
	}
}
