package sizing

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestInputsAreRefusedByName(t *testing.T) {
	closed := ClosedLoop{Users: 10, Think: time.Second, Hold: time.Second, Pools: 1, Connections: 5, PoolTimeout: time.Second}
	open := OpenLoop{Rate: 1, Hold: time.Second, Connections: 5}
	changed := func(change func(*ClosedLoop)) error {
		loop := closed
		change(&loop)
		_, err := loop.Solve()
		return err
	}
	points := []Point{{1, 1}, {2, 2}, {3, 3}, {4, 4}}
	fit := func(change func([]Point)) error {
		copied := append([]Point(nil), points...)
		change(copied)
		_, err := FitScalability(copied)
		return err
	}
	solved := solve(t, closed)
	solvedOpen, err := open.Solve()
	require.NoError(t, err)

	for text, err := range map[string]error{
		"users: 0 is not accepted; use 1 to 100000":                                                                   changed(func(c *ClosedLoop) { c.Users = 0 }),
		"users: 100001 is not accepted; use 1 to 100000":                                                              changed(func(c *ClosedLoop) { c.Users = MaxUsers + 1 }),
		"think time: -1s is not accepted; use 0 to 24h":                                                               changed(func(c *ClosedLoop) { c.Think = -time.Second }),
		"hold time: 0s is not accepted; use more than 0 and at most 24h":                                              changed(func(c *ClosedLoop) { c.Hold = 0 }),
		"hold time: 25h0m0s is not accepted; use more than 0 and at most 24h":                                         changed(func(c *ClosedLoop) { c.Hold = 25 * time.Hour }),
		"pools: 0 is not accepted; use 1 to 10000":                                                                    changed(func(c *ClosedLoop) { c.Pools = 0 }),
		"connections: -3 is not accepted; use 1 to 262143":                                                            changed(func(c *ClosedLoop) { c.Connections = -3 }),
		"pool timeout: -1ns is not accepted; use 0 or more":                                                           changed(func(c *ClosedLoop) { c.PoolTimeout = -1 }),
		"think time: 0s is not accepted; use more than 0 where the pool timeout is 0, or users would retry endlessly": changed(func(c *ClosedLoop) { c.PoolTimeout, c.Think = 0, 0 }),
		"percentile: 101 is not accepted; use a number above 0 and below 100":                                         second(solvedOpen.WaitPercentile(101)),
		"wait target: 25h0m0s is not accepted; use 0 to 24h":                                                          second(Demand{InUse: 1, Hold: time.Second}.SmallestPool(1, WaitTarget{25 * time.Hour, 95}, Runbook)),
		"hold time: -1s is not accepted; use more than 0 and at most 24h":                                             second(OpenLoop{Rate: 1, Hold: -time.Second}.SmallestSize(Runbook)),
		"connections: 0 is not accepted; use 1 to 262143":                                                             second(OpenLoop{Rate: 1, Hold: 1}.Solve()),
		"rate: +Inf is not accepted; use a finite number above 0":                                                     second(OpenLoop{Rate: math.Inf(1), Hold: 1, Connections: 1}.Solve()),
		"rate: -1 is not accepted; use a finite number above 0":                                                       second(OpenLoop{Rate: -1, Hold: 1, Connections: 1}.Solve()),
		"rate: 0 is not accepted; use a finite number above 0":                                                        second(OpenLoop{Hold: 1, Connections: 1}.Solve()),
		"rate: NaN is not accepted; use a finite number above 0":                                                      second(OpenLoop{Rate: math.NaN(), Hold: 1, Connections: 1}.Solve()),
		"percentile: 100 is not accepted; use a number above 0 and below 100":                                         second(solved.WaitPercentile(100)),
		"percentile: NaN is not accepted; use a number above 0 and below 100":                                         second(solved.WaitPercentile(math.NaN())),
		"percentile: 0 is not accepted; use a number above 0 and below 100":                                           second(open.SmallestConnections(WaitTarget{Wait: 1})),
		"wait target: -1ns is not accepted; use 0 to 24h":                                                             second(closed.SmallestConnections(WaitTarget{-1, 95})),
		"wait target: 2s is not accepted; use at most the pool timeout, 1s":                                           second(closed.SmallestConnections(WaitTarget{2 * time.Second, 95})),
		"points: 3 at 3 concurrencies is not accepted; use at least 4 at 3 different concurrencies":                   second(FitScalability(points[:3])),
		"points: 4 at 1 concurrencies is not accepted; use at least 4 at 3 different concurrencies": fit(func(p []Point) {
			for i := range p {
				p[i].Concurrency = 8
			}
		}),
		"concurrency of point 2: NaN is not accepted; use a finite number, 1 or more": fit(func(p []Point) { p[1].Concurrency = math.NaN() }),
		"concurrency of point 1: 0 is not accepted; use a finite number, 1 or more":   fit(func(p []Point) { p[0].Concurrency = 0 }),
		"throughput of point 4: 0 is not accepted; use a finite number above 0":       fit(func(p []Point) { p[3].Throughput = 0 }),
		"max_connections: 0 is not accepted; use 1 to 262143":                         second(Server{}.Check(Deployment{})),
		"rolconnlimit: -2 is not accepted; use -1 to 2147483647":                      second(Server{MaxConnections: 100, RoleLimit: -2}.Check(Deployment{})),
		"workers: 0 is not accepted; use 1 to 10000":                                  second(fresh.Check(Deployment{Instances: 1, Size: 1})),
		"instances × workers: 1000000 is not accepted; use 1 to 10000":                second(fresh.Check(Deployment{Instances: 1000, Workers: 1000, Size: 1})),
		"pool size: 0 is not accepted; use 1 to 262143":                               second(fresh.Check(Deployment{Instances: 1, Workers: 1})),
	} {
		require.EqualError(t, err, text)
		var input *InputError
		require.ErrorAs(t, err, &input)
	}
}

func second[T any](_ T, err error) error { return err }

func TestLittle(t *testing.T) {
	require.InDelta(t, 1.96, Little(98, 20*time.Millisecond), 1e-12)
}
