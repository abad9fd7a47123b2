package sizing

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func solve(t *testing.T, loop ClosedLoop) *Closed {
	t.Helper()
	closed, err := loop.Solve()
	require.NoError(t, err)
	return closed
}

// D. Anderson, D. Sweeney and T. Williams, "An Introduction to Management
// Science", chapter 11: the six machines of Kolkmeyer Manufacturing run 20
// hours between breakdowns and take 2 hours to repair.
func TestClosedLoopPublished(t *testing.T) {
	machines := ClosedLoop{Users: 6, Think: 20 * time.Hour, Hold: 2 * time.Hour, Pools: 1, Connections: 1, PoolTimeout: NoTimeout}

	one := solve(t, machines)
	require.InDelta(t, 0.4845, 1-one.InUseExceeds(0), 5e-5, "no machine is down")
	require.InDelta(t, 0.3297, one.waiting(), 5e-5)
	require.InDelta(t, 0.8451, one.waiting()+one.InUse(), 1e-4)
	require.InDelta(t, 1.279, one.MeanWait().Hours(), 5e-4)

	machines.Connections = 2
	two := solve(t, machines)
	require.InDelta(t, 0.1036, two.InUseExceeds(1), 5e-5, "both repairers are busy")
	require.InDelta(t, 0.0834, two.MeanWait().Hours(), 5e-5)
}

// A FastAPI and SQLAlchemy application with one worker, each request holding
// its connection for one second, 100 users without think time, a pool timeout
// of 3 s: 52.6 % succeeded on 5 + 10 connections, all on 20 + 40.
func TestClosedLoopAgainstAnApplication(t *testing.T) {
	application := ClosedLoop{Users: 100, Hold: time.Second, Pools: 1, Connections: 5 + 10, PoolTimeout: 3 * time.Second}
	require.InDelta(t, 0.526, 1-solve(t, application).Timeouts(), 0.01)

	application.Connections = 20 + 40
	require.Less(t, solve(t, application).Timeouts(), 1e-9)

	application.Users, application.Connections = 30, 5+10
	thirty := solve(t, application)
	require.Less(t, thirty.Timeouts(), 1e-6)
	require.InEpsilon(t, 2.016, (thirty.MeanWait() + time.Second).Seconds(), 0.02)
}

func TestClosedLoopNobodyWaitsWithAConnectionEach(t *testing.T) {
	for _, pools := range []int{1, 3} {
		closed := solve(t, ClosedLoop{Users: 12, Think: time.Second, Hold: time.Second,
			Pools: pools, Connections: 12, PoolTimeout: NoTimeout})
		require.Zero(t, closed.MeanWait())
		require.Zero(t, closed.WaitProbability())
		require.InEpsilon(t, 6.0, closed.Throughput(), 1e-9, "12 users, 2 s each time round")
	}
}

func TestClosedLoopWithoutThinkTimeKeepsEveryConnectionBusy(t *testing.T) {
	closed := solve(t, ClosedLoop{Users: 50, Hold: 20 * time.Millisecond, Pools: 1, Connections: 10, PoolTimeout: NoTimeout})
	require.InEpsilon(t, 1.0, closed.Utilization(), 1e-9)
	require.InEpsilon(t, 500.0, closed.Throughput(), 1e-9)
	require.InEpsilon(t, 0.080, closed.MeanWait().Seconds(), 1e-6, "(N - m)S/m")
	require.InDelta(t, 1, closed.WaitProbability(), 1e-9)
}

// With ever more users who think ever longer, the arrivals forget the queue.
func TestClosedLoopTendsToErlangC(t *testing.T) {
	const rate = 90.0
	open, err := OpenLoop{Rate: rate, Hold: 100 * time.Millisecond, Connections: 10}.Solve()
	require.NoError(t, err)
	previous := math.Inf(1)
	for _, users := range []int{100, 1000, 10_000, 100_000} {
		closed := solve(t, ClosedLoop{Users: users, Think: time.Duration(float64(users) / rate * float64(time.Second)),
			Hold: 100 * time.Millisecond, Pools: 1, Connections: 10, PoolTimeout: NoTimeout})
		distance := math.Abs(closed.MeanWait().Seconds() - open.MeanWait().Seconds())
		require.Less(t, distance, previous, "%d users", users)
		previous = distance
	}
	require.Less(t, previous, 0.01*open.MeanWait().Seconds())
}

// Without a queue (timeout 0) one pool is Engset's loss system, whose blocking
// has a recursion of its own: D. Gross and C. M. Harris, section 2.7.
func TestClosedLoopWithoutPatienceIsEngset(t *testing.T) {
	const users, connections, ratio = 40, 6, 0.1 // ratio of hold to think
	blocked := 1.0
	for k := 1; k <= connections; k++ {
		idle := float64(users-1-k+1) * ratio * blocked // N-1 others
		blocked = idle / (float64(k) + idle)
	}
	closed := solve(t, ClosedLoop{Users: users, Think: time.Second, Hold: 100 * time.Millisecond,
		Pools: 1, Connections: connections, PoolTimeout: 0})
	require.InEpsilon(t, blocked, closed.Timeouts(), 1e-9)
	require.Zero(t, closed.MeanWait())
	require.Zero(t, closed.WaitProbability())
}

// The far tail against the textbook: whoever asks finds the others in the
// steady state of one user less (the arrival theorem: K. C. Sevcik and I.
// Mitrani, Journal of the ACM 28 (1981)), and with n >= m of them waits for
// n - m + 1 services. Gross and Harris, section 2.7.
func TestClosedLoopTail(t *testing.T) {
	const users, connections, ratio = 40, 8, 0.2 // ratio of hold to think
	found := []float64{1}
	sum := 1.0
	for n := 1; n < users; n++ {
		found = append(found, found[n-1]*float64(users-n)*ratio/float64(min(n, connections)))
		sum += found[n]
	}
	closed := solve(t, ClosedLoop{Users: users, Think: time.Second, Hold: 200 * time.Millisecond,
		Pools: 1, Connections: connections, PoolTimeout: NoTimeout})
	for _, wait := range []time.Duration{0, 100 * time.Millisecond, time.Second, 2 * time.Second, 3 * time.Second} {
		served := connections * wait.Seconds() / 0.2 // services in that time, on average
		var exceeding float64
		for n := connections; n < users; n++ {
			fewer, term := 0.0, math.Exp(-served)
			for k := 0; k <= n-connections; k++ {
				fewer += term
				term *= served / float64(k+1)
			}
			exceeding += found[n] / sum * fewer
		}
		require.InEpsilon(t, exceeding, closed.waitExceeds(wait), 1e-9, "%s: %g", wait, exceeding)
	}
	require.Less(t, closed.waitExceeds(3*time.Second), 1e-20)
}

// loops covers light and heavy load, one pool and several, short and long
// timeouts, no think time, and sizes that overflow a factorial.
func loops() []ClosedLoop {
	var loops []ClosedLoop
	for _, users := range []int{1, 17, 100, 300} {
		for _, think := range []time.Duration{0, time.Millisecond, 300 * time.Millisecond} {
			for _, shape := range [][2]int{{1, 1}, {1, 15}, {1, 200}, {5, 2}, {16, 3}} {
				for _, timeout := range []time.Duration{time.Microsecond, 50 * time.Millisecond, 3 * time.Second, NoTimeout} {
					loops = append(loops, ClosedLoop{Users: users, Think: think, Hold: 50 * time.Millisecond,
						Pools: shape[0], Connections: shape[1], PoolTimeout: timeout})
				}
			}
		}
	}
	return append(loops,
		ClosedLoop{Users: 1500, Think: time.Minute, Hold: 50 * time.Millisecond, Pools: 16, Connections: 3, PoolTimeout: NoTimeout},
		ClosedLoop{Users: 1500, Hold: 50 * time.Millisecond, Pools: 1, Connections: 200, PoolTimeout: time.Microsecond},
		ClosedLoop{Users: 5000, Think: time.Second, Hold: 50 * time.Millisecond, Pools: 1, Connections: 15, PoolTimeout: 3 * time.Second})
}

func TestClosedLoopProperties(t *testing.T) {
	for _, loop := range loops() {
		t.Run(fmt.Sprintf("%+v", loop), func(t *testing.T) {
			closed := solve(t, loop)
			var total float64
			for n, p := range closed.states {
				require.GreaterOrEqual(t, p, 0.0, "state %d", n)
				total += p
			}
			require.InDelta(t, 1, total, 1e-9)

			attempts := closed.attempts * float64(loop.Pools)
			require.InDelta(t, attempts*(1-closed.Timeouts()), closed.Throughput(), 1e-8*attempts,
				"every checkout gets a connection or times out")
			require.InEpsilon(t, float64(loop.Users),
				closed.InUse()+closed.waiting()+attempts*loop.Think.Seconds(), 1e-6,
				"every user holds, waits or thinks")

			bounds, err := loop.Bounds()
			require.NoError(t, err)
			if loop.PoolTimeout == NoTimeout {
				require.LessOrEqual(t, closed.Throughput(), bounds.Throughput()*(1+1e-9))
			}
			least, err := loop.LeastTimeouts()
			require.NoError(t, err)
			require.GreaterOrEqual(t, closed.Timeouts(), least-1e-6)
			require.LessOrEqual(t, closed.Utilization(), 1+1e-9)
			require.LessOrEqual(t, closed.MeanWait(), loop.PoolTimeout)
			checkWaits(t, closed)
		})
	}
}

// checkWaits holds the distribution of the wait to its mean and percentiles.
func checkWaits(t *testing.T, closed *Closed) {
	t.Helper()
	previous := 1.0
	for _, wait := range []time.Duration{0, time.Microsecond, time.Millisecond, 50 * time.Millisecond, time.Second, time.Minute} {
		exceeding := closed.waitExceeds(wait)
		require.LessOrEqual(t, exceeding, previous+1e-9, "tail at %s", wait)
		previous = exceeding
	}
	require.InDelta(t, closed.WaitProbability(), closed.waitExceeds(0), 1e-12)
	for _, percentile := range []float64{50, 95, 99.9} {
		wait, err := closed.WaitPercentile(percentile)
		require.NoError(t, err)
		require.LessOrEqual(t, wait, closed.loop.PoolTimeout)
		if wait < closed.loop.PoolTimeout {
			require.LessOrEqual(t, closed.waitExceeds(wait), 1-percentile/100+1e-9)
		}
		if wait > 2*time.Microsecond {
			require.GreaterOrEqual(t, closed.waitExceeds(wait-2*time.Microsecond), (1-percentile/100)*(1-1e-3))
		}
	}
	if mean := closed.MeanWait(); mean > time.Millisecond {
		end := closed.loop.PoolTimeout
		for end > time.Microsecond && closed.waitExceeds(end/2) < 1e-9 {
			end /= 2
		}
		require.InEpsilon(t, mean.Seconds(), integral(closed.waitExceeds, end), 0.01,
			"the mean is the integral of the tail")
	}
}

func TestMoreConnectionsNeverWaitLonger(t *testing.T) {
	for _, pools := range []int{1, 4} {
		for _, timeout := range []time.Duration{20 * time.Millisecond, NoTimeout} {
			previous := 1.0
			for connections := 1; connections <= 30; connections++ {
				closed := solve(t, ClosedLoop{Users: 60, Think: 40 * time.Millisecond, Hold: 20 * time.Millisecond,
					Pools: pools, Connections: connections, PoolTimeout: timeout})
				exceeding := closed.exceeding(10 * time.Millisecond)
				require.LessOrEqual(t, exceeding, previous+1e-12, "%d connections", connections)
				previous = exceeding
			}
			require.Less(t, previous, 1e-3)
		}
	}
}

// The same connections in more pools serve worse: a request may meet a full
// pool while another has room.
func TestMorePoolsWaitLonger(t *testing.T) {
	previous := time.Duration(-1)
	for _, pools := range []int{1, 2, 4, 8, 16} {
		closed := solve(t, ClosedLoop{Users: 100, Think: 80 * time.Millisecond, Hold: 20 * time.Millisecond,
			Pools: pools, Connections: 32 / pools, PoolTimeout: NoTimeout})
		require.Greater(t, closed.MeanWait(), previous, "%d pools", pools)
		previous = closed.MeanWait()
	}
}

func TestInUseExceeds(t *testing.T) {
	closed := solve(t, ClosedLoop{Users: 30, Think: 100 * time.Millisecond, Hold: 100 * time.Millisecond,
		Pools: 1, Connections: 20, PoolTimeout: NoTimeout})
	var mean float64
	for size := range 20 {
		mean += closed.InUseExceeds(size)
	}
	require.InEpsilon(t, closed.InUse(), mean, 1e-9, "the mean is the sum of the tail")
	require.Zero(t, closed.InUseExceeds(20), "a pool never holds more than its connections")
	require.InDelta(t, 1, closed.InUseExceeds(-1), 1e-12)
}
