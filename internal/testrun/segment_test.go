package testrun

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// RunnerOptions gives k6's options of one runner; sequence may be empty.
func RunnerOptions(t testing.TB, segment, sequence string) lib.Options {
	t.Helper()
	var options lib.Options
	var err error
	options.ExecutionSegment, err = lib.NewExecutionSegmentFromString(segment)
	require.NoError(t, err)
	if sequence != "" {
		parsed, err := lib.NewExecutionSegmentSequenceFromString(sequence)
		require.NoError(t, err)
		options.ExecutionSegmentSequence = &parsed
	}
	return options
}

// Segments are those of a sequence, in k6's notation.
func Segments(t testing.TB, sequence string) (all []string) {
	t.Helper()
	parsed, err := lib.NewExecutionSegmentSequenceFromString(sequence)
	require.NoError(t, err)
	for _, segment := range parsed {
		all = append(all, segment.String())
	}
	return all
}

func TestSharesAddUp(t *testing.T) {
	for _, sequence := range []string{"0,1/2,1", "0,1/3,2/3,1", "0,1/4,1/2,3/4,1", "0,1/2,3/4,1", "0,1/10,1", "0,1/7,2/7,3/7,4/7,5/7,6/7,1"} {
		for _, told := range []string{sequence, ""} {
			for size := range 70 {
				sum, largest, smallest := 0, 0, size
				for _, segment := range Segments(t, sequence) {
					own := shareOf(&lib.State{Options: RunnerOptions(t, segment, told)}).of(size)
					require.GreaterOrEqual(t, own, 0)
					sum, largest, smallest = sum+own, max(largest, own), min(smallest, own)
				}
				require.Equal(t, size, sum, "%d in %s, told %q", size, sequence, told)
				if sequence == "0,1/4,1/2,3/4,1" {
					require.LessOrEqual(t, largest-smallest, 1, "%d in %s, told %q", size, sequence, told)
				}
			}
		}
	}
}

func TestSharesByHand(t *testing.T) {
	for _, test := range []struct {
		sequence       string
		size, overflow int
		want           string
	}{
		{"0,1/4,1/2,3/4,1", 20, 40, "5+10 5+10 5+10 5+10"},
		{"0,1/3,2/3,1", 20, 40, "7+14 7+13 6+13"},
		{"0,1/4,1/2,3/4,1", 7, 2, "2+1 2+1 2+0 1+0"},
		{"0,1/2,3/4,1", 5, 0, "3+0 1+0 1+0"},
		{"0,1", 5, 3, "5+3"},
	} {
		got := ""
		for _, segment := range Segments(t, test.sequence) {
			c := shareOf(&lib.State{Options: RunnerOptions(t, segment, test.sequence)}).
				config(pool.Config{PoolSize: test.size, MaxOverflow: test.overflow})
			got += fmt.Sprintf(" %d+%d", c.PoolSize, c.MaxOverflow)
		}
		require.Equal(t, " "+test.want, got, test.sequence)
	}
}

func TestTheReportOfARunOverHTTPSaysWhoseShareItIs(t *testing.T) {
	own := shareOf(&lib.State{Options: RunnerOptions(t, "3/4:1", "")})
	require.Equal(t, []string{"One runner of several (execution segment 3/4:1): its users and requests are its own share; " +
		"every runner watches the whole pool of an application."}, own.notes(nil))
}
