package sizing

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"
)

func TestSmallestConnectionsOfAClosedLoop(t *testing.T) {
	target := WaitTarget{Wait: 10 * time.Millisecond, Percentile: 95}
	for _, loop := range []ClosedLoop{
		{Users: 100, Think: time.Second, Hold: 20 * time.Millisecond, Pools: 16, PoolTimeout: NoTimeout},
		{Users: 100, Think: time.Second, Hold: 20 * time.Millisecond, Pools: 1, PoolTimeout: NoTimeout},
		{Users: 100, Think: 0, Hold: 20 * time.Millisecond, Pools: 1, PoolTimeout: NoTimeout},
		{Users: 500, Think: 100 * time.Millisecond, Hold: 50 * time.Millisecond, Pools: 3, PoolTimeout: time.Second},
		{Users: 1, Think: 0, Hold: time.Second, Pools: 1, PoolTimeout: NoTimeout},
	} {
		t.Run(fmt.Sprintf("%+v", loop), func(t *testing.T) {
			smallest, err := loop.SmallestConnections(target)
			require.NoError(t, err)

			loop.Connections = smallest
			require.LessOrEqual(t, solve(t, loop).waitExceeds(target.Wait), 0.05)
			if loop.Connections--; loop.Connections > 0 {
				require.Greater(t, solve(t, loop).waitExceeds(target.Wait), 0.05)
			}
		})
	}
}

func TestSmallestConnectionsForNoWaitIsOnePerUser(t *testing.T) {
	smallest, err := ClosedLoop{Users: 40, Hold: time.Second, Pools: 1, PoolTimeout: NoTimeout}.
		SmallestConnections(WaitTarget{Wait: 0, Percentile: 99.99})
	require.NoError(t, err)
	require.Equal(t, 40, smallest)
}

// A target longer than a few holds needs fewer connections than the mean load.
func TestSmallestConnectionsForAPatientTarget(t *testing.T) {
	loop := ClosedLoop{Users: 100, Hold: time.Second, Pools: 1, PoolTimeout: NoTimeout}
	smallest, err := loop.SmallestConnections(WaitTarget{Wait: 30 * time.Second, Percentile: 50})
	require.NoError(t, err)
	require.Equal(t, 4, smallest, "100 users on 4 connections wait about (100 - 4)/4 s")
}

func TestSmallestConnectionsOfAnOpenLoop(t *testing.T) {
	loop := OpenLoop{Rate: 400, Hold: 20 * time.Millisecond}
	target := WaitTarget{Wait: 5 * time.Millisecond, Percentile: 99}
	smallest, err := loop.SmallestConnections(target)
	require.NoError(t, err)
	for connections, met := range map[int]bool{smallest: true, smallest - 1: false} {
		loop.Connections = connections
		open, err := loop.Solve()
		require.NoError(t, err)
		require.Equal(t, met, open.WaitExceeds(target.Wait) <= 0.01, "%d connections", connections)
	}

	loop.Rate = 1e12
	_, err = loop.SmallestConnections(target)
	var overload *OverloadError
	require.ErrorAs(t, err, &overload)
}

func TestSmallestTriesFewCounts(t *testing.T) {
	for _, answer := range []int{1, 2, 99, 100, 101, 5000, 10_000} {
		tries := 0
		require.Equal(t, answer, smallest(10_000, 100, func(n int) bool { tries++; return n >= answer }))
		require.Less(t, tries, 30)
	}
}

// With one connection fewer there is an order in which all wait; with as many as
// it says some request always has all it needs.
func TestDeadlockFreeIsTheLeast(t *testing.T) {
	for requests := 1; requests <= 6; requests++ {
		for each := 1; each <= 4; each++ {
			least, err := DeadlockFree(requests, each)
			require.NoError(t, err)
			stuck := func(connections int) bool { // every request holds all but its last
				held := requests * (each - 1)
				return each > 1 && held >= connections
			}
			require.False(t, stuck(least), "%d requests of %d", requests, each)
			if each > 1 {
				require.True(t, stuck(least-1), "%d requests of %d", requests, each)
			}
		}
	}
	_, err := DeadlockFree(10, 0)
	require.EqualError(t, err, "connections per request: 0 is not accepted; use 1 to 262143")
}

// Of 100 users who think for 1 s and hold for 0.25 s a fifth are at it: the 95th
// percentile of a binomial variable is 27, and 27 is less than 80 % from 34 on.
func TestSmallestSizeLeavesRoom(t *testing.T) {
	loop := ClosedLoop{Users: 100, Think: time.Second, Hold: 250 * time.Millisecond, Pools: 1, PoolTimeout: 30 * time.Second}
	size, err := loop.SmallestSize(Runbook)
	require.NoError(t, err)
	require.Equal(t, 34, size)
	binomial := distuv.Binomial{N: 100, P: 0.2}
	require.LessOrEqual(t, 1-binomial.CDF(27), 0.05)
	require.Greater(t, 1-binomial.CDF(26), 0.05)

	open, err := OpenLoop{Rate: 80, Hold: 250 * time.Millisecond}.SmallestSize(Runbook)
	require.NoError(t, err)
	require.Equal(t, 36, open, "arrivals at random vary more: 28 is the 95th percentile")

	loop.Users = 7 // which of 5 connections leaves at most 3 in use
	size, err = loop.SmallestSize(Runbook)
	require.NoError(t, err)
	require.Equal(t, 4, size, "3 of 4 are 75 %")
	loop.Pools = 0
	_, err = loop.SmallestSize(Runbook)
	require.Error(t, err)
}
