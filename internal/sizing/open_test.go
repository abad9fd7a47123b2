package sizing

import (
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// erlangC is the probability of waiting where arrivals keep load connections busy.
func erlangC(connections int, load float64) (float64, error) {
	open, err := OpenLoop{Rate: load, Hold: time.Second, Connections: connections}.Solve()
	if err != nil {
		return 0, err
	}
	return open.WaitProbability(), nil
}

// Table A.4 of J. Dunlop, D. Girma and J. Irvine, "Digital Mobile
// Communications and the TETRA System" (1999), the usual table for trunked
// radio, gives the load to two decimals for a probability of queueing: 3.87
// erlangs on 8 channels at 5 %, 4.08 on 10 at 1 %. The eye clinic
// of D. Gross and C. M. Harris, "Fundamentals of Queueing Theory", section 2.3,
// has 4/9 with three doctors at 2 erlangs; the two-channel Burger Dome of D.
// Anderson, D. Sweeney and T. Williams, "An Introduction to Management
// Science", chapter 11, has 0.2045 at 0.75.
func TestErlangCPublished(t *testing.T) {
	for _, row := range []struct {
		connections int
		load        float64
		probability float64
		within      float64
	}{
		{1, 0.8, 0.8, 1e-12}, // M/M/1: ρ
		{2, 1, 1.0 / 3, 1e-12},
		{3, 2, 4.0 / 9, 1e-12},
		{2, 0.75, 0.2045, 5e-5},
		{8, 3.87, 0.05, 3e-4},
		{10, 4.08, 0.01, 1e-4},
	} {
		t.Run(fmt.Sprintf("%d at %g", row.connections, row.load), func(t *testing.T) {
			got, err := erlangC(row.connections, row.load)
			require.NoError(t, err)
			require.InDelta(t, row.probability, got, row.within)
		})
	}
}

// The classic Erlang B table (offered load in erlangs for a blocking
// probability), as printed in nearly every book on traffic engineering.
func TestErlangBPublished(t *testing.T) {
	for _, row := range []struct {
		trunks   int
		load     float64
		blocking float64
	}{
		{1, 0.0101, 0.01}, {5, 1.36, 0.01}, {10, 4.46, 0.01}, {20, 12.03, 0.01},
		{30, 20.34, 0.01}, {50, 37.90, 0.01}, {100, 84.06, 0.01},
		{10, 5.08, 0.02}, {20, 13.18, 0.02}, {100, 87.97, 0.02},
	} {
		require.InEpsilon(t, row.blocking, erlangB(row.trunks, row.load), 0.01,
			"%d trunks, %g erlangs", row.trunks, row.load)
	}
}

// Erlang's formula of 1917 as it stands, in exact arithmetic.
func TestErlangCAgainstTheFactorials(t *testing.T) {
	for _, connections := range []int{1, 2, 7, 40, 300, 2000} {
		for _, busy := range []int64{1, 50, 90, 99} { // percent
			load := new(big.Rat).Mul(big.NewRat(int64(connections), 1), big.NewRat(busy, 100))
			exact := new(big.Float).SetPrec(200)
			term, sum := big.NewFloat(1).SetPrec(200), big.NewFloat(0).SetPrec(200)
			a := new(big.Float).SetPrec(200).SetRat(load)
			for k := 1; k <= connections; k++ {
				sum.Add(sum, term)
				term.Mul(term, a)
				term.Quo(term, big.NewFloat(float64(k)).SetPrec(200))
			}
			term.Quo(term, new(big.Float).SetPrec(200).SetRat(big.NewRat(100-busy, 100)))
			exact.Quo(term, sum.Add(sum, term))
			want, _ := exact.Float64()

			offered, _ := load.Float64()
			got, err := erlangC(connections, offered)
			require.NoError(t, err)
			if want < 1e-300 {
				require.Less(t, got, 1e-300)
				continue
			}
			require.InEpsilon(t, want, got, 1e-9, "%d connections, %d %% busy", connections, busy)
		}
	}
}

func TestOpenLoopPublished(t *testing.T) {
	t.Run("eye clinic of Gross and Harris: 28.9 minutes in the clinic", func(t *testing.T) {
		clinic, err := OpenLoop{Rate: 6.0 / 3600, Hold: 20 * time.Minute, Connections: 3}.Solve()
		require.NoError(t, err)
		require.InDelta(t, 8.0/9*10, clinic.MeanWait().Minutes(), 1e-6)
		require.InDelta(t, 28.9, clinic.MeanWait().Minutes()+20, 0.05)
	})
	t.Run("two-channel Burger Dome: 0.1636 minutes", func(t *testing.T) {
		dome, err := OpenLoop{Rate: 0.75 / 60, Hold: time.Minute, Connections: 2}.Solve()
		require.NoError(t, err)
		require.InDelta(t, 0.1636, dome.MeanWait().Minutes(), 5e-5)
	})
	// Dunlop, Girma and Irvine: of those who queue, 1.6 % wait longer than one
	// mean holding time on 8 channels at 3.87 erlangs, 0.22 % on 10.
	for channels, share := range map[int]float64{8: 0.016, 10: 0.0022} {
		queue, err := OpenLoop{Rate: 3.87, Hold: time.Second, Connections: channels}.Solve()
		require.NoError(t, err)
		require.InEpsilon(t, share, queue.WaitExceeds(time.Second)/queue.WaitExceeds(0), 0.02)
	}
}

func TestOpenWaitDistribution(t *testing.T) {
	open, err := OpenLoop{Rate: 90, Hold: 100 * time.Millisecond, Connections: 10}.Solve()
	require.NoError(t, err)
	waits, err := erlangC(10, 9)
	require.NoError(t, err)
	require.InEpsilon(t, waits, open.WaitExceeds(0), 1e-12)
	require.Equal(t, 1.0, open.WaitExceeds(-1))
	require.InEpsilon(t, 0.9, open.Utilization(), 1e-12)
	for share, wait := range map[float64]bool{0.99: false, 1.01: true} { // of those who do not wait
		at, err := open.WaitPercentile(100 * share * (1 - waits))
		require.NoError(t, err)
		require.Equal(t, wait, at != 0)
	}
	require.InEpsilon(t, open.MeanWait().Seconds(), integral(open.WaitExceeds, 2*time.Second), 1e-3,
		"the mean is the integral of the tail")
}

// integral of a tail from 0 to end, in seconds.
func integral(tail func(time.Duration) float64, end time.Duration) float64 {
	const steps = 400
	width := end / steps
	var sum float64
	for i := range steps {
		sum += tail(time.Duration(i)*width + width/2)
	}
	return sum * width.Seconds()
}

func TestErlangCStaysAProbability(t *testing.T) {
	for _, connections := range []int{1, 10, 1000, MaxConnections} {
		previous := 0.0
		for _, busy := range []float64{1e-9, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9} {
			got, err := erlangC(connections, busy*float64(connections))
			require.NoError(t, err)
			require.False(t, math.IsNaN(got))
			require.GreaterOrEqual(t, got, previous, "%d connections at %g", connections, busy)
			require.LessOrEqual(t, got, 1.0)
			previous = got
		}
		require.InDelta(t, 1, previous, 1e-3, "nearly everybody waits")
	}
}

// A queue that hardly shrinks has waits beyond what a time.Duration holds.
func TestAWaitBeyondADurationIsTheLongest(t *testing.T) {
	open, err := OpenLoop{Rate: 1 - 1e-15, Hold: time.Second, Connections: 1}.Solve()
	require.NoError(t, err)
	require.Positive(t, open.MeanWait())
	open, err = OpenLoop{Rate: (1 - 1e-15) / MaxDuration.Seconds(), Hold: MaxDuration, Connections: 1}.Solve()
	require.NoError(t, err)
	require.Equal(t, time.Duration(math.MaxInt64), open.MeanWait())
}

func TestErlangCRefusesOverload(t *testing.T) {
	_, err := erlangC(10, 10)
	var overload *OverloadError
	require.ErrorAs(t, err, &overload)
	require.Equal(t, OverloadError{load: 10, connections: 10}, *overload)
	require.EqualError(t, err, "the arrivals keep 10 connections busy and there are 10: "+
		"the queue grows without limit; use at least 11 connections or fewer requests")
}
