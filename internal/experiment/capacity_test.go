package experiment

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var slowQuery = system{think: time.Second, hold: 200 * time.Millisecond, size: 10, overflow: 5}

// trueCapacity asks the system itself for every number of users.
func trueCapacity(t *testing.T, s system, limit float64, most int) int {
	t.Helper()
	for users := 1; users <= most; users++ {
		if s.measure(t, Step{Load: Load{Users: users}, Duration: time.Minute}).Request.P95 >= limit {
			return users - 1
		}
	}
	return most
}

// With rounds enough the interval is the one number of users.
func TestCapacityIsTheSystems(t *testing.T) {
	for _, limit := range []float64{650, 900, 2000} {
		options := map[string]any{"plan": "capacity", "users": int64(1000), "resolution": 0.001, "rounds": int64(3),
			"criteria": []any{success(), fastEnough(fmt.Sprint(limit))}}
		plan := planOf(t, options)
		done := run(t, plan, slowQuery, nil)
		values := plan.Result(done).Values
		want := float64(trueCapacity(t, slowQuery, limit, 1000))
		require.Equal(t, want, values["capacity_users"])
		require.Equal(t, want, values["capacity_low"])
		require.Equal(t, want, values["capacity_high"])
		require.Equal(t, want+1, values["capacity_broke"])
		require.Zero(t, values["experiment_left"])
	}
}

func TestCapacityToAResolution(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "capacity", "users": int64(1000), "criteria": []any{fastEnough("900")}})
	values := plan.Result(run(t, plan, slowQuery, nil)).Values
	want := float64(trueCapacity(t, slowQuery, 900, 1000))
	require.LessOrEqual(t, values["capacity_low"], want)
	require.GreaterOrEqual(t, values["capacity_high"], want)
	require.InEpsilon(t, want, values["capacity_users"], 0.05)
	require.Greater(t, values["capacity_broke"], want)
}

func TestCapacityOfArrivals(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "capacity", "users": int64(300), "rate": 400, "resolution": 0.01, "criteria": []any{success()}})
	result := plan.Result(run(t, plan, slowQuery, nil))
	values := result.Values
	// 15 connections of 200 ms serve 75 requests per second.
	require.LessOrEqual(t, values["capacity_low"], 75.0)
	require.GreaterOrEqual(t, values["capacity_high"], 75.0)
	require.InDelta(t, 75, values["capacity_rate"], 0.02*75)
	require.NotContains(t, values, "capacity_users")
}

func TestCapacityAtTheEnds(t *testing.T) {
	all := planOf(t, map[string]any{"plan": "capacity", "users": int64(15), "criteria": []any{fastEnough("5000")}})
	result := all.Result(run(t, all, slowQuery, nil))
	require.Equal(t, 15.0, result.Values["capacity_users"])
	require.NotContains(t, result.Values, "capacity_broke")
	require.Contains(t, result.Terminal(80), "at least 15 users")

	no := planOf(t, map[string]any{"plan": "capacity", "criteria": []any{fastEnough("1")}})
	result = no.Result(run(t, no, slowQuery, nil))
	require.Equal(t, 0.0, result.Values["capacity_users"])
	require.Equal(t, 1.0, result.Values["capacity_broke"])
	require.Contains(t, result.Terminal(80), "less than 1 user")

	// Between no arrivals and nearly none there is always a middle.
	noRate := planOf(t, map[string]any{"plan": "capacity", "rate": 100, "criteria": []any{fastEnough("1")}})
	result = noRate.Result(run(t, noRate, slowQuery, nil))
	require.Equal(t, 0.0, result.Values["capacity_rate"])
}

func TestCapacityOfGivenSteps(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "capacity", "steps": "10,100,200", "criteria": []any{fastEnough("900")}})
	var loads []int
	for _, m := range run(t, plan, slowQuery, nil) {
		loads = append(loads, m.Step.Load.Users)
	}
	require.Equal(t, []int{10, 100}, loads[:2])
	require.NotContains(t, loads, 200)
	require.Greater(t, len(loads), 2)
}

// How exactly the search looks does not decide what is asked: the load that is
// wanted is tried, and the interval is never sure of the wrong answer.
func TestCapacityDecidesAboutWhatIsWanted(t *testing.T) {
	options := func(wanted int) map[string]any {
		return map[string]any{"plan": "capacity", "users": int64(400), "resolution": 0.5, "wanted": int64(wanted), "criteria": []any{fastEnough("900")}}
	}
	carries := trueCapacity(t, slowQuery, 900, 400)
	for wanted := carries - 2; wanted <= carries+2; wanted++ {
		plan := planOf(t, options(wanted))
		done := run(t, plan, slowQuery, nil)
		require.True(t, slices.ContainsFunc(done, func(m Measurement) bool { return m.Step.Load.Users == wanted }), "%d", wanted)
		values := plan.Result(done).Values
		require.LessOrEqual(t, values["capacity_low"], float64(carries))
		require.GreaterOrEqual(t, values["capacity_high"], float64(carries))
	}
	for wanted, carried := range map[float64]bool{60: true, 90: false} { // of the 75 that 15 connections serve
		arrivals := planOf(t, map[string]any{"plan": "capacity", "users": int64(300), "rate": 400, "steps": "10,400",
			"wanted": wanted, "criteria": []any{success()}})
		values := arrivals.Result(run(t, arrivals, slowQuery, nil)).Values
		require.Equal(t, carried, values["capacity_low"] >= wanted, "%g wanted, %v", wanted, values)
		require.Equal(t, carried, values["capacity_high"] >= wanted, "%g wanted, %v", wanted, values)
	}
}

// A break far below a load that later holds is tried again, and does not end
// the search there.
func TestCapacityTriesABreakAgain(t *testing.T) {
	options := map[string]any{"plan": "capacity", "users": int64(400), "criteria": []any{fastEnough("1000")}}
	hiccup := 0
	random := rand.New(rand.NewPCG(1, 1))
	values, done := search(t, options, random, func(load float64) float64 {
		if load <= 10 && hiccup == 0 {
			hiccup++
			return 0
		}
		return map[bool]float64{true: 1, false: 0}[load < 52.5]
	})
	require.Equal(t, 10, done[1].Step.Load.Users)
	require.Equal(t, 2, done[1].Step.Round)
	require.LessOrEqual(t, values["capacity_low"], 52.0)
	require.GreaterOrEqual(t, values["capacity_high"], 52.0)
	require.InDelta(t, 52, values["capacity_users"], 3)
	require.Greater(t, values["capacity_broke"], 52.0, "the hiccup is not what broke")
	text := planOf(t, options).Result(done).Markdown()
	require.Contains(t, text, "yes (1 of 2)")
	require.Regexp(t, `Capacity: 5\d users \(95 % interval \d+ to \d+\)`, text)
}

// Of an application it is seen how many connections are in use, not who waits.
func TestCapacityShowsNoWaitThatIsNotSeen(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "capacity", "users": int64(20), "http": true, "criteria": []any{fastEnough("5000")}})
	done := run(t, plan, slowQuery, nil)
	require.Contains(t, plan.Result(done).Markdown(), "Wait p95")
	for i := range done {
		done[i].Pool.Wait = times{}
	}
	result := plan.Result(done)
	require.NotContains(t, result.Markdown(), "Wait p95")
	require.Contains(t, result.Markdown(), "In use p95")
	require.Len(t, result.Sections[0].Charts[0].Series, 1)
}

func TestCapacityNamesWhatBroke(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "capacity", "criteria": []any{success(), fastEnough("900")}})
	text := plan.Result(run(t, plan, slowQuery, nil)).Terminal(200)
	require.Contains(t, text, "no: Response p95")
	require.Contains(t, text, "Larger pool.")
	require.NotContains(t, text, "no: Success rate")
}

// A row that cannot be measured says nothing about the load.
func TestCapacityWithoutCPU(t *testing.T) {
	cpu := map[string]any{
		"name": "db_cpu", "title": "Database CPU", "metric": "pgxpool_db_cpu", "pass": "avg<50", "warning": "avg<80",
		"guard":   map[string]any{"metric": "pgxpool_db_cpu", "expression": "max>0"},
		"attempt": map[string]any{"metric": "pgxpool_samples", "expression": "count>0"},
		"unit":    "percent", "advice": map[string]any{"warning": "", "fail": ""},
	}
	options := map[string]any{"plan": "capacity", "users": int64(20), "criteria": []any{fastEnough("5000"), cpu}}
	plan := planOf(t, options)
	result := plan.Result(run(t, plan, slowQuery, nil))
	require.Equal(t, 20.0, result.Values["capacity_users"])
	require.Contains(t, result.Terminal(200), "Not judged in any step: Database CPU")

	busy := slowQuery
	busy.cpuPerCheckout = 5 // 12 users are 10 requests per second
	plan = planOf(t, options)
	require.Equal(t, 11.0, plan.Result(run(t, plan, busy, nil)).Values["capacity_users"])
}

// A drift that is more than chance ends the search, one that nobody can tell does
// not: timeline.DriftOf knows which is which.
func TestCapacityIsEndedByADrift(t *testing.T) {
	drift := map[string]any{
		"name": "response_drift", "title": "Response times stable", "metric": "response_drift", "pass": "value<=1.25", "warning": "value<=1.5",
		"guard": map[string]any{"metric": "response_drift", "expression": "value>0"},
		"unit":  "ratio", "advice": map[string]any{"warning": "", "fail": ""},
	}
	options := map[string]any{"plan": "capacity", "users": int64(10), "steps": "10", "criteria": []any{drift}}
	broke := func(ratio *float64) bool {
		plan := planOf(t, options)
		step, _ := plan.Next(nil)
		m := Measurement{Step: step, Requests: 60, Drift: ratio}
		_, broke := plan.Result([]Measurement{m}).Values["capacity_broke"]
		return broke
	}
	stable, slower := 1.0, 2.03
	require.False(t, broke(&stable))
	require.True(t, broke(&slower))
	require.False(t, broke(nil), "too few responses")
}

// A step without a single answer carries nothing.
func TestCapacityOfNothing(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "capacity", "users": int64(1), "criteria": []any{success()}})
	step, _ := plan.Next(nil)
	result := plan.Result([]Measurement{{Step: step}})
	require.Equal(t, 0.0, result.Values["capacity_users"])
	require.Contains(t, result.Terminal(80), "no data")
}

// What a pool opened while it settled is still open: a step in which it opens
// nothing has data all the same.
func TestCapacityOfAPoolThatIsOpen(t *testing.T) {
	overflow := map[string]any{
		"name": "overflow_time", "title": "Time in overflow", "metric": "pgxpool_in_overflow", "pass": "rate<0.10", "warning": "rate<0.30",
		"guard": map[string]any{"metric": "pgxpool_connections_opened", "expression": "count>0"},
		"unit":  "share", "advice": map[string]any{"warning": "", "fail": ""},
	}
	plan := planOf(t, map[string]any{"plan": "capacity", "users": int64(4), "criteria": []any{overflow}})
	require.Equal(t, 4.0, plan.Result(run(t, plan, slowQuery, nil)).Values["capacity_users"])
	shut := run(t, plan, slowQuery, nil)
	for i := range shut {
		shut[i].Pool.Open = 0
	}
	require.Contains(t, plan.Result(shut).Terminal(80), "no data")
}

// An application that sleeps for 5 ms and would take any load, asked for 15 000
// arrivals a second by a k6 that gets half of two shared cores: arrivals are
// dropped, though nearly all users are free. That is no capacity of anything but
// k6.
func TestCapacityKnowsItsGenerator(t *testing.T) {
	dropped := map[string]any{
		"name": "dropped_arrivals", "title": "Arrivals dropped", "metric": "dropped_iterations", "pass": "count==0", "warning": "count==0",
		"guard": map[string]any{"metric": "request_duration", "expression": "max>0"}, "unit": "count",
		"advice": map[string]any{"warning": "", "fail": "Raise DB_POOL_SIZE."},
	}
	options := map[string]any{"plan": "capacity", "users": int64(400), "rate": 15_000.0, "wanted": 15_000.0, "criteria": []any{success(), dropped}}
	const makes = 900.0 // arrivals per second that k6 comes round to
	measure := func(step Step, free bool) Measurement {
		served := math.Min(step.Load.Rate, makes)
		m := Measurement{Step: step, Lasted: 30, Throughput: served, Requests: int64(30 * served),
			Dropped: int64(30 * (step.Load.Rate - served)), Request: times{Mean: 6, P95: 9, Max: 20}}
		if !free { // a pool that is the limit keeps them waiting
			m.Request.Mean = 1000 * float64(step.Load.Users) / served
		}
		return m
	}
	for _, free := range []bool{true, false} {
		plan := planOf(t, options)
		var done []Measurement
		for step, ok := plan.Next(nil); ok; step, ok = plan.Next(done) {
			done = append(done, measure(step, free))
		}
		result := plan.Result(done)
		text := result.Terminal(10_000)
		if !free {
			require.NotContains(t, text, "load generator")
			require.Less(t, result.Values["capacity_high"], 1000.0)
			require.Contains(t, text, "Raise DB_POOL_SIZE.")
			continue
		}
		require.Contains(t, text, "/s; beyond it the load generator is at its limit")
		require.Regexp(t, "arrivals were dropped although only [56] of 400 users waited for an answer", text)
		require.NotContains(t, text, "DB_POOL_SIZE")
		require.InDelta(t, makes, result.Values["capacity_low"], 60)
		require.Equal(t, 15_000.0, result.Values["capacity_high"], "undecided, not failed")
	}
}

// The generator's own readings speak for themselves.
func TestCapacityKnowsABusyGenerator(t *testing.T) {
	options := map[string]any{"plan": "capacity", "users": int64(40), "criteria": []any{fastEnough("100")}}
	for why, generator := range map[string]generator{
		"k6 itself used 97.0 % of the processors it may use": {CPU: 97},
		"runnable work of k6 waited 80 ms for a processor":   {CPU: 60, Delay: 80},
	} {
		plan := planOf(t, options)
		step, _ := plan.Next(nil)
		slow := Measurement{Step: step, Requests: 100, Request: times{P95: 500, Max: 600}, Generator: &generator}
		require.Contains(t, plan.Result([]Measurement{slow}).Terminal(10_000), why)
		slow.Request = times{P95: 50, Max: 60}
		require.NotContains(t, plan.Result([]Measurement{slow}).Values, "capacity_broke", "what it carried it carried all the same")
	}
}
