package timeline

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A day of ten samples a second keeps as few levels apart as hours of it do, and says
// of them what an exact record would.
func TestADayOfLevelsIsNoLargerThanHours(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	f, sum := newFineLevels(), int64(0)
	kept := func() (n int) {
		for _, w := range f.waiting.slots {
			if w != nil {
				n += len(*w)
			}
		}
		return n
	}
	const day = 24 * 3600 * 10
	most := 0 // in the second fifth
	for i := range int64(day) {
		level := random.Int64N(3000)
		f.add(&Observation{Measure: Waiting, At: time.Unix(0, i*int64(fineWidth)), Value: float64(level)})
		sum += level
		if i > day/5 && i < 2*day/5 && i%20_000 == 0 {
			most = max(most, kept())
		}
	}
	require.LessOrEqual(t, kept(), most)
	whole := f.snapshot().Waiting.Whole()
	require.EqualValues(t, 0, whole[0].Level)
	require.EqualValues(t, 2999, whole[len(whole)-1].Level)
	var samples, recorded int64
	for _, a := range whole {
		samples, recorded = samples+a.Samples, recorded+a.Level*a.Samples
	}
	require.EqualValues(t, day, samples)
	require.InEpsilon(t, sum, recorded, 0.001)
}

func seriesOfText(t *testing.T, window float64, windows string) (s LevelSeries, err error) {
	t.Helper()
	text, err := json.Marshal(levelSeriesJSON{start, window, windows})
	require.NoError(t, err)
	err = json.Unmarshal(text, &s)
	return s, err
}

func TestLevelsSurviveAFile(t *testing.T) {
	s := LevelSeries{Start: start, Window: 400 * time.Millisecond, Windows: []Samples{
		{{12, 1}}, {{12, 3}, {13, 2}}, nil, {{0, 7}},
	}}
	text, err := json.Marshal(Fine{Active: s})
	require.NoError(t, err)
	require.Contains(t, string(text), `"window_s":0.4,"windows":"12;12x3,13x2;;0x7"`)
	var read LevelSeries
	text, err = json.Marshal(s)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, s, read)
	read, err = seriesOfText(t, 1, "13,12,13x2")
	require.NoError(t, err)
	require.Equal(t, Samples{{12, 1}, {13, 3}}, read.Whole(), "another program may have its own order")
}

func TestLevelsThatAreNoneAreRefused(t *testing.T) {
	for _, test := range []struct {
		window        float64
		windows, says string
	}{
		{0, "1", "window_s is 0; use 0.001 to 86400"},
		{-1, "1", "window_s is -1"},
		{86401, "1", "window_s is 86401"},
		{1, strings.Repeat(";", maxFine), "16385 windows; use at most 16384"},
		{1, "1;a", `"a"; use a LEVEL of 0 to 1000000`},
		{1, "1;-1", `"-1"; use a LEVEL`},
		{1, "1000001", `"1000001"; use a LEVEL`},
		{1, "3,", `""; use a LEVEL`},
		{1, "2x0", `"2x0"; use LEVEL or LEVELxSAMPLES, of 1 to 1000000000 samples`},
		{1, "2x1000000001", `"2x1000000001"; use LEVEL or`},
		{1, "2x", `"2x"; use LEVEL or`},
	} {
		read, err := seriesOfText(t, test.window, test.windows)
		require.ErrorContains(t, err, "reading levels: ", test.says)
		require.ErrorContains(t, err, test.says)
		require.Zero(t, read)
	}
	require.Error(t, json.Unmarshal([]byte(`{"windows":[1]}`), new(LevelSeries)))
}

// Runners' windows lie on one grid, whichever each began with.
func TestLevelsOnLongerWindows(t *testing.T) {
	odd := start.Add(time.Second)
	s := LevelSeries{Start: odd, Window: time.Second, Windows: []Samples{{{1, 10}}, {{2, 10}}, {{1, 5}, {2, 5}}, nil, nil, {{9, 1}}}}
	longer := s.On(2 * time.Second)
	require.Equal(t, LevelSeries{Start: start, Window: 2 * time.Second, Windows: []Samples{
		{{1, 10}}, {{1, 5}, {2, 15}}, nil, {{9, 1}},
	}}, longer)
	require.Equal(t, s.Whole(), longer.Whole())
	require.Equal(t, Samples{{1, 15}, {2, 15}, {9, 1}}, s.Whole())
	require.Empty(t, LevelSeries{}.On(time.Second).Whole())
}
