package sizing

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
)

// The simulation knows none of the formulas: users, pools with a queue each,
// and a clock. It is the independent check of the closed loop.

type eventKind int

const (
	asks eventKind = iota
	returns
	givesUp
)

type event struct {
	at    float64
	kind  eventKind
	user  int
	pool  int
	visit int // of the user; an event of an earlier visit is void
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

type waiter struct {
	user, visit int
	since       float64
}

type simulation struct {
	loop    ClosedLoop
	random  *rand.Rand
	pending events
	free    []int
	queue   [][]waiter
	visits  []int
	waiting []bool
	now     float64
	record  func(wait float64, timedOut bool)
}

func newSimulation(loop ClosedLoop, seed uint64) *simulation {
	s := &simulation{
		loop:    loop,
		random:  rand.New(rand.NewPCG(seed, 1)),
		free:    make([]int, loop.Pools),
		queue:   make([][]waiter, loop.Pools),
		visits:  make([]int, loop.Users),
		waiting: make([]bool, loop.Users),
		record:  func(float64, bool) {},
	}
	for pool := range s.free {
		s.free[pool] = loop.Connections
	}
	for user := range loop.Users {
		s.think(user)
	}
	return s
}

func (s *simulation) think(user int) {
	s.visits[user]++
	heap.Push(&s.pending, event{at: s.now + s.exponential(s.loop.Think), kind: asks, user: user, visit: s.visits[user]})
}

func (s *simulation) exponential(mean time.Duration) float64 {
	return s.random.ExpFloat64() * mean.Seconds()
}

func (s *simulation) next() {
	e := heap.Pop(&s.pending).(event)
	if e.visit != s.visits[e.user] || (e.kind == givesUp && !s.waiting[e.user]) {
		return
	}
	s.now = e.at
	switch e.kind {
	case asks:
		s.ask(e.user, s.random.IntN(s.loop.Pools))
	case returns:
		s.think(e.user)
		s.handOver(e.pool)
	case givesUp:
		s.waiting[e.user] = false
		s.record(secondsOf(s.loop.PoolTimeout), true)
		s.think(e.user)
	}
}

func (s *simulation) ask(user, pool int) {
	if s.free[pool] > 0 {
		s.free[pool]--
		s.record(0, false)
		s.hold(user, pool)
		return
	}
	s.waiting[user] = true
	s.queue[pool] = append(s.queue[pool], waiter{user, s.visits[user], s.now})
	if s.loop.PoolTimeout != NoTimeout {
		heap.Push(&s.pending, event{s.now + s.loop.PoolTimeout.Seconds(), givesUp, user, pool, s.visits[user]})
	}
}

func (s *simulation) hold(user, pool int) {
	heap.Push(&s.pending, event{s.now + s.exponential(s.loop.Hold), returns, user, pool, s.visits[user]})
}

// handOver gives a returned connection to the first who still waits.
func (s *simulation) handOver(pool int) {
	for len(s.queue[pool]) > 0 {
		first := s.queue[pool][0]
		s.queue[pool] = s.queue[pool][1:]
		if s.waiting[first.user] && s.visits[first.user] == first.visit {
			s.waiting[first.user] = false
			s.record(s.now-first.since, false)
			s.hold(first.user, pool)
			return
		}
	}
	s.free[pool]++
}

// sample is one quantity over batches of checkouts.
type sample []float64

// requireAgrees holds the mean of the batches to the predicted value: within
// five standard errors, and 0.1 % for what is left of the start.
func (s sample) requireAgrees(t *testing.T, predicted float64, what string) {
	t.Helper()
	mean, deviation := stat.MeanStdDev(s, nil)
	margin := 5*deviation/math.Sqrt(float64(len(s))) + 1e-3*predicted + 1e-6
	require.InDelta(t, predicted, mean, margin, "%s: simulated %g ± %g", what, mean, margin)
}

func TestClosedLoopAgainstSimulation(t *testing.T) {
	ms := time.Millisecond
	for seed, loop := range []ClosedLoop{
		{Users: 40, Think: 300 * ms, Hold: 100 * ms, Pools: 1, Connections: 8, PoolTimeout: NoTimeout},
		{Users: 20, Think: 100 * ms, Hold: 100 * ms, Pools: 1, Connections: 1, PoolTimeout: NoTimeout},
		{Users: 30, Think: 0, Hold: 100 * ms, Pools: 1, Connections: 10, PoolTimeout: NoTimeout},
		{Users: 60, Think: 400 * ms, Hold: 100 * ms, Pools: 4, Connections: 3, PoolTimeout: NoTimeout},
		{Users: 25, Think: 20 * ms, Hold: 100 * ms, Pools: 5, Connections: 2, PoolTimeout: NoTimeout},
		{Users: 40, Think: 300 * ms, Hold: 100 * ms, Pools: 1, Connections: 8, PoolTimeout: 50 * ms},
		{Users: 100, Think: 1000 * ms, Hold: 1000 * ms, Pools: 1, Connections: 15, PoolTimeout: 3000 * ms},
		{Users: 100, Think: 0, Hold: 1000 * ms, Pools: 1, Connections: 15, PoolTimeout: 3000 * ms},
		{Users: 60, Think: 100 * ms, Hold: 100 * ms, Pools: 4, Connections: 3, PoolTimeout: 100 * ms},
		{Users: 60, Think: 200 * ms, Hold: 100 * ms, Pools: 4, Connections: 4, PoolTimeout: 0},
	} {
		t.Run(fmt.Sprintf("%+v", loop), func(t *testing.T) { checkAgainstSimulation(t, loop, uint64(seed)) })
	}
}

func checkAgainstSimulation(t *testing.T, loop ClosedLoop, seed uint64) {
	const batches, checkouts, warmUp = 50, 4000, 10_000
	closed := solve(t, loop)
	threshold := loop.Hold / 2

	s := newSimulation(loop, seed)
	for range warmUp {
		s.next()
	}
	var waits, timeouts, exceeding, throughput sample
	for range batches {
		var wait, timedOut, exceeded, count float64
		s.record = func(w float64, out bool) {
			count++
			wait += w
			if out {
				timedOut++
			}
			if w > threshold.Seconds() {
				exceeded++
			}
		}
		start := s.now
		for count < checkouts {
			s.next()
		}
		waits = append(waits, wait/count)
		timeouts = append(timeouts, timedOut/count)
		exceeding = append(exceeding, exceeded/count)
		throughput = append(throughput, (count-timedOut)/(s.now-start))
	}
	waits.requireAgrees(t, closed.MeanWait().Seconds(), "mean wait")
	timeouts.requireAgrees(t, closed.Timeouts(), "timeouts")
	exceeding.requireAgrees(t, closed.waitExceeds(threshold), "waits above half a hold")
	throughput.requireAgrees(t, closed.Throughput(), "throughput")
}
