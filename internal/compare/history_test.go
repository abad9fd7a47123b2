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
		other(23, func(s *verdict.Summary) { s.SetupFailed = "connection refused" }),
		other(24, func(s *verdict.Summary) { s.Run.Duration = 5 }),
	)
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	h := newHistory(Input{Result: result, History: all, Last: DefaultLast})
	require.Len(t, h.runs, 12)
	require.Equal(t, []string{
		"History: 1 run with a failed setup() left out.",
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

// Of a few nights nobody knows the noise: what looks like a change is unknown.
func TestTooShortAHistoryIsSaid(t *testing.T) {
	baseline, result := night(0, usual), night(9, usual)
	report := compared(t, Input{Baseline: &baseline, Result: result, History: []verdict.Summary{night(1, usual), result}})
	require.Equal(t, Same, report.Answer)
	require.Equal(t, 1, report.Runs)
	result = night(9, measured{p95: 140, success: 1, rps: 100})
	report = compared(t, Input{Baseline: &baseline, Result: result, History: []verdict.Summary{night(1, usual)}})
	require.Equal(t, Unknown, report.Answer)
	require.Equal(t, "worse by +40 ms (+40.0 %), and 3 runs are too few to tell a change from noise: it takes 6",
		report.row(t, "response_p95").Reason)
	result = night(9, measured{p95: 250, success: 1, rps: 100})
	report = compared(t, Input{Baseline: &baseline, Result: result, History: []verdict.Summary{night(1, usual)}})
	require.Equal(t, Worse, report.Answer, "so much is no noise")
}

// The level around the baseline is remembered, however long ago it was.
func TestTheBaselinesNightsCountForever(t *testing.T) {
	all := nights(rand.New(rand.NewPCG(1, 1)), 200, 0.1)
	h := newHistory(Input{Baseline: &all[30], Result: night(200, usual), History: all, Last: 60})
	require.Len(t, h.runs, 100)
	require.Equal(t, night(10, usual).Run.Started, h.runs[0].Run.Started)
	require.Equal(t, 20, h.baseline)
	require.Equal(t, all[30].Run.Started, h.nights[h.baseline].Run.Started)
	require.Len(t, h.nights, 101)
	h = newHistory(Input{Baseline: &all[150], Result: night(200, usual), History: all, Last: 60})
	require.Len(t, h.runs, 70)
	require.Equal(t, all[150].Run.Started, h.nights[h.baseline].Run.Started)
}
