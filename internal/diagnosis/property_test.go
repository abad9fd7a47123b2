package diagnosis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// anything is a pool of this process that saw anything.
func anything(r *rand.Rand) Pool {
	level := func(most float64) stats {
		median := float64(int(most * r.Float64()))
		return stats{count: 100, median: median, p95: median + float64(r.IntN(5)), max: median + 10}
	}
	times := func(count, mean float64) stats {
		return stats{count: count, sum: count * mean, mean: mean, median: mean, p95: 3 * mean, max: 9 * mean}
	}
	use := times(1000, 500*r.Float64())
	p := Pool{
		Name: "default", Size: 20, Capacity: 60, inUse: level(60), open: level(60), waiting: level(3),
		wait: times(1000, 300*r.Float64()), use: use, query: times(2000, r.Float64()*use.mean/2),
		opened: 60, errors: map[string]int64{}, closed: map[string]int64{},
	}
	if r.IntN(2) == 0 {
		p.timeouts = float64(r.IntN(50))
	}
	for _, state := range []string{"53300", "57P03", "57P01", "57014", "25006", "40P01", "55P03", "ConnectError"} {
		if r.IntN(8) == 0 {
			p.errors[state] = int64(1 + r.IntN(5))
		}
	}
	if r.IntN(6) == 0 {
		p.leaks = 3
	}
	if r.IntN(6) == 0 {
		p.nestedWaits = map[string]int64{"a.js:1 …": 2}
	}
	p.closed["overflow"] = int64(r.IntN(300))
	p.slowCount, p.slow = int64(r.IntN(50)), r.Float64()*p.query.sum
	return p
}

// Of the own pools too a larger one is advised only where somebody waited, the
// server has room for it beside the run's other pools there, and the holders work in
// the database.
func TestALargerOwnPoolIsAdvisedForGoodReasonsOnly(t *testing.T) {
	advised := 0
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 14))
		here, there, elsewhere := anything(r), anything(r), anything(r)
		there.Name, elsewhere.Name = "there", "elsewhere"
		pools := []Pool{here, there, elsewhere}[:1+r.IntN(3)]
		limits := []ServerLimit{
			{Limit: monitor.Limit{Scope: "server", Max: 197, Used: r.IntN(197)}, Pools: []string{"default", "there"}},
			{Limit: monitor.Limit{Scope: "role", Max: 97, Used: r.IntN(97)}, Pools: []string{"elsewhere"}},
		}
		for _, d := range Of(Facts{Pools: pools, Limits: limits}) {
			if !strings.Contains(d.Remedy, "ncrease DB_POOL_SIZE") && !strings.Contains(d.Remedy, "aise DB_POOL_SIZE") {
				continue
			}
			advised++
			i := max(0, slices.IndexFunc(pools, func(p Pool) bool { return strings.Contains(d.Evidence[0], strconv.Quote(p.Name)) }))
			p, room := pools[i], limits[0].Room()-60*min(2, len(pools))
			if p.Name == "elsewhere" {
				room = limits[1].Room() - 60
			}
			because := fmt.Sprintf("seed %d: %s: %+v", seed, d.Name, p)
			require.Equal(t, poolExhausted, d.Name, because)
			require.True(t, p.timeouts > 0 || p.waiting.median >= 1, because)
			require.Positive(t, room, because)
			require.GreaterOrEqual(t, 4*p.query.sum, p.use.sum, because)
			for _, other := range pools { // a cause is one wherever it is
				require.Zero(t, other.errors["53300"]+other.errors["57P03"]+other.errors["40P01"], because)
				require.Zero(t, other.leaks, because)
				require.Empty(t, other.nestedWaits, because)
			}
		}
	}
	require.Greater(t, advised, 200, "it is advised at times")
}

// The pool knows who waits for a second connection, and where.
func TestNestedWaitsAreCertain(t *testing.T) {
	s := newStory()
	s.healthy()
	for range 3 {
		s.observe(timeline.NestedWait, "b.js:9 takes a second connection while the one taken at b.js:7 is held", 1)
		s.add(timeline.AcquireTimeout, 1)
	}
	found := s.diagnoses(t)
	require.Equal(t, nestedCheckout, found[0].Name)
	require.Equal(t, Certain, found[0].Confidence)
	require.Contains(t, found[0].Evidence[0], "b.js:9")
	require.Contains(t, found[0].Evidence[0], "b.js:7")
	require.Equal(t, poolExhausted, found[1].Name)
	require.Contains(t, found[1].Remedy, "Fix the cause first: nested checkout")
}
