package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func rounds(cpu ...float64) line {
	l := line{Case: "single"}
	for _, c := range cpu {
		l.Rounds = append(l.Rounds, ratio{CPU: c, Rate: 1})
	}
	return l
}

// A commit is called better or worse only where every round of more than one
// case says so.
func TestAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		lines []line
		want  string
	}{
		"two cases cheaper":          {[]line{rounds(0.9, 0.95), rounds(0.97, 0.96), rounds(1.0, 1.01)}, "better: "},
		"two cases dearer":           {[]line{rounds(1.1, 1.05), rounds(1.03, 1.2)}, "worse: "},
		"one case of two":            {[]line{rounds(1.1, 1.05), rounds(0.99, 1.01)}, "same: "},
		"rounds that disagree":       {[]line{rounds(0.8, 1.01), rounds(0.8, 1.01)}, "same: "},
		"less than the least":        {[]line{rounds(0.99, 0.985), rounds(0.99, 0.985)}, "same: "},
		"two dearer, most as before": {append(slices.Repeat([]line{rounds(0.999, 1.001)}, 9), rounds(1.025, 1.03), rounds(1.025, 1.03)), "same: "},
		"the only case asked for":    {[]line{rounds(0.9, 0.8)}, "better: "},
		"cheaper here, dearer there": {[]line{rounds(0.9, 0.9), rounds(1.2, 1.2), rounds(1.2, 1.2)}, "worse: "},
	} {
		require.Contains(t, answer(c.lines), c.want, name)
	}
	require.Contains(t, answer([]line{rounds(0.9, 0.8)}), "0.850× (geometric mean of 1); lower in every round: single; higher in every round: none")
}

func TestSyscallsReadsTheTable(t *testing.T) {
	table := "% time     seconds  usecs/call     calls    errors syscall\n" +
		"------ ----------- ----------- --------- --------- ----------------\n" +
		" 60.08    0.006007           2      2345       120 read\n" +
		" 39.92    0.003991           3      1200           write\n" +
		"------ ----------- ----------- --------- --------- ----------------\n" +
		"100.00    0.009998           2      3545       120 total\n"
	require.Equal(t, map[string]float64{"read": 2345, "write": 1200, "total": 3545}, syscalls([]byte(table)))
}
