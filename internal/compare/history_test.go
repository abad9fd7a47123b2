package compare

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

func TestHistoryCountsWhatCanBeCompared(t *testing.T) {
	random := rand.New(rand.NewPCG(18, 19))
	result := night(40, usual)
	all := nights(random, 12, 0.1)
	other := func(n int, change func(*verdict.Summary)) verdict.Summary {
		run := night(n, usual)
		change(&run)
		run.ConfigurationHash = run.Run.ConfigurationHash()
		return run
	}
	all = append(all,
		result, all[11], // copies
		night(41, usual),
		other(20, func(s *verdict.Summary) { s.Run.Users = 5 }),
		other(21, func(s *verdict.Summary) { s.Run.Cores = 5 }),
		other(22, func(s *verdict.Summary) { s.Run.Cores = 6 }),
		other(23, func(s *verdict.Summary) { s.Run.Duration = 5 }),
	)
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	h := newHistory(Input{Result: result, History: all, Last: DefaultLast})
	require.Len(t, h.runs, 12)
	require.Equal(t, []string{
		"History: 1 run with a later start left out.",
		"History: 1 run with another configuration left out.",
		"History: 1 run with another duration left out.",
		"History: 2 runs with another machine left out.",
	}, h.notes)
	for i, run := range h.runs {
		require.Equal(t, night(i, usual).Run.Started, run.Run.Started, "oldest first")
	}
	h = newHistory(Input{Result: result, History: all, Last: 5})
	require.Len(t, h.runs, 5)
	require.Equal(t, night(7, usual).Run.Started, h.runs[0].Run.Started, "the last ones")
	h = newHistory(Input{Result: result, History: all[:0], Last: 5})
	require.Empty(t, h.runs)
}

func TestTooShortAHistoryIsSaid(t *testing.T) {
	baseline, result := night(0, usual), night(9, usual)
	report := compared(t, Input{Baseline: &baseline, Result: result, History: []verdict.Summary{night(1, usual), result}})
	require.Equal(t, Same, report.Answer)
	require.Equal(t, 1, report.Runs)
	require.Contains(t, report.Notes,
		"The history has 1 run to compare with; the noise is known from 5 on, until then the tolerance alone decides.")
}
