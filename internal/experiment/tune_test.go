package experiment

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// office is a system where 100 users keep 20 connections busy.
var office = system{think: time.Second, hold: 250 * time.Millisecond, noise: 0.02}

func sweepOf(sizes string, more map[string]any) map[string]any {
	options := map[string]any{"plan": "tune", "users": int64(100), "think": 1.0, "sizes": sizes}
	for key, value := range more {
		options[key] = value
	}
	return options
}

// trueKnee is the smallest size whose p95 and throughput without noise are
// within 5 % of the best.
func trueKnee(t *testing.T, s system, sizes []int) int {
	t.Helper()
	s.noise = 0
	var all []Measurement
	best95, most := math.Inf(1), 0.0
	for _, size := range sizes {
		m := s.measure(t, Step{Load: Load{Users: 100}, Duration: time.Minute,
			Options: map[string]any{"poolSize": size, "maxOverflow": 0}})
		best95, most = min(best95, m.Request.P95), max(most, m.Throughput)
		all = append(all, m)
	}
	for i, m := range all {
		if m.Request.P95 <= 1.05*best95 && m.Throughput >= most/1.05 {
			return sizes[i]
		}
	}
	t.Fatal("no knee")
	return 0
}

func TestTuneFindsTheKnee(t *testing.T) {
	sizes := []int{5, 10, 15, 18, 20, 22, 24, 26, 28, 32, 40, 60}
	want := trueKnee(t, office, sizes)
	for seed := range 5 {
		plan := planOf(t, sweepOf("5,10,15,18,20,22,24,26,28,32,40,60", map[string]any{"rounds": int64(5), "seed": int64(seed)}))
		require.NoError(t, plan.Prepare(Server{}))
		values := plan.Result(run(t, plan, office, nil)).Values
		require.InDelta(t, want, values["tune_pool_size"], 2, "seed %d", seed)
		require.LessOrEqual(t, values["tune_connections_low"], float64(want))
		require.GreaterOrEqual(t, values["tune_connections_high"], float64(want))
		require.Greater(t, values["tune_agreement"], 0.3)
	}
}

// Where the noise is larger than the difference, the smaller pool is as good.
func TestTuneDoesNotReadNoise(t *testing.T) {
	noisy := office
	noisy.noise = 0.3
	exact := planOf(t, sweepOf("10,20,24,28,60", map[string]any{"rounds": int64(4)}))
	quiet := exact.Result(run(t, exact, office, nil)).Values
	loud := exact.Result(run(t, exact, noisy, nil))
	require.Greater(t, loud.Values["tune_connections_high"]-loud.Values["tune_connections_low"],
		quiet["tune_connections_high"]-quiet["tune_connections_low"])
	require.Less(t, loud.Values["tune_agreement"], quiet["tune_agreement"])
}

// Two pools, three rounds, by hand. The small one's p95 is 6 % above the large
// one's on average, or 30 %; from round to round the ratio moves by a factor of
// e^±0.1. The residuals are ±0.05, s is 0.1/√2 with two degrees of freedom, t
// is 2.92: noise explains e^(2.92 · 0.0707 · √(2/3)) = 18 %.
func TestTuneTellsNoiseFromDifference(t *testing.T) {
	for slower, want := range map[float64]float64{1.06: 10, 1.30: 20} {
		plan := planOf(t, sweepOf("10,20", map[string]any{"tolerance": 0}))
		var done []Measurement
		for {
			step, ok := plan.Next(done)
			if !ok {
				break
			}
			p95 := 100.0
			if step.Label == "10+0" {
				p95 *= slower * math.Exp([]float64{-0.1, 0, 0.1}[step.Round-1])
			}
			done = append(done, Measurement{Step: step, Requests: 1000, Throughput: 50, Request: times{P95: p95}})
		}
		result := plan.Result(done)
		require.Equal(t, want, result.Values["tune_pool_size"])
		require.Contains(t, result.Markdown(), "18.4 % for the p95, 0.0 % for requests served")
		// The difference of 6 or 30 % is near the 18 %: now and then the noise
		// would have decided otherwise.
		require.Equal(t, 10.0, result.Values["tune_connections_low"])
		require.Equal(t, 20.0, result.Values["tune_connections_high"])
		require.InDelta(t, 0.184, result.Values["tune_noise"], 0.001)
		require.Equal(t, slower < 1.1, strings.Contains(result.Terminal(1000), "It is 6.0 % behind the best"))
		require.Less(t, result.Values["tune_agreement"], 1.0)
	}
}

// Every round has every size once, in an order of its own that the seed decides.
func TestTuneOrder(t *testing.T) {
	order := func(seed int) []string {
		plan := planOf(t, sweepOf("5,10,15,20,30", map[string]any{"rounds": int64(2), "seed": int64(seed)}))
		var labels []string
		for _, m := range run(t, plan, office, nil) {
			labels = append(labels, m.Step.Label)
		}
		return labels
	}
	first := order(1)
	require.Equal(t, first, order(1))
	require.NotEqual(t, first, order(2))
	require.ElementsMatch(t, []string{"5+0", "10+0", "15+0", "20+0", "30+0"}, first[:5])
	require.ElementsMatch(t, first[:5], first[5:])
	require.NotEqual(t, first[:5], first[5:])
}

// Of two pools with as many connections the one with the smaller size wins.
func TestTunePrefersTheSmallerSize(t *testing.T) {
	quiet := office
	quiet.noise = 0
	plan := planOf(t, sweepOf("60+0,20+40,10+50", nil))
	values := plan.Result(run(t, plan, quiet, nil)).Values
	require.Equal(t, 10.0, values["tune_pool_size"])
	require.Equal(t, 50.0, values["tune_max_overflow"])
}

// Responses that time out early make a p95 look good.
func TestTuneLeavesOutPoolsThatFail(t *testing.T) {
	plan := planOf(t, sweepOf("2,30", map[string]any{"rounds": int64(2)}))
	done := run(t, plan, office, nil)
	for i := range done {
		if done[i].Step.Label == "2+0" {
			done[i].Request.P95, done[i].Failed, done[i].Timeouts = 1, done[i].Requests/2, done[i].Requests/2
			done[i].Throughput = 1e6
		}
	}
	result := plan.Result(done)
	require.Equal(t, 30.0, result.Values["tune_pool_size"])
	require.Contains(t, result.Terminal(120), "fails")
	require.Equal(t, 1.0, result.Values["tune_agreement"])
	require.Equal(t, 0.0, result.Values["tune_noise"])
	require.Empty(t, result.Unknown)
	require.Contains(t, result.Terminal(1000), "the only one")
}

func TestTuneDerivesSizes(t *testing.T) {
	labels := func(server Server, users int) []string {
		plan := planOf(t, map[string]any{"plan": "tune", "users": int64(users), "rounds": int64(1)})
		atMost := plan.Connections()
		before := plan.MaxDuration()
		require.NoError(t, plan.Prepare(server))
		require.LessOrEqual(t, plan.Connections(), atMost)
		require.LessOrEqual(t, plan.MaxDuration(), before)
		sizes := map[string]bool{}
		var all []string
		for _, m := range run(t, plan, office, nil) {
			require.False(t, sizes[m.Step.Label], "%s twice", m.Step.Label)
			sizes[m.Step.Label] = true
			all = append(all, m.Step.Label)
		}
		return all
	}
	require.ElementsMatch(t, []string{"2+0", "4+0", "8+0", "16+0", "32+0", "64+0", "96+0", "5+10", "20+40"},
		labels(Server{Cores: 2, Server: sizing.Server{MaxConnections: 100, SuperuserReserved: 3}}, 100))
	require.ElementsMatch(t, []string{"4+0", "8+0", "16+0", "5+10"}, labels(Server{Cores: 4, Server: sizing.Server{MaxConnections: 100, SuperuserReserved: 3, Others: 80}}, 100))
	require.ElementsMatch(t, []string{"4+0", "8+0", "16+0", "32+0", "40+0", "5+10"}, labels(Server{}, 40))
	require.ElementsMatch(t, []string{"64+0", "128+0", "5+10", "20+40"}, labels(Server{Cores: 128, Server: sizing.Server{MaxConnections: 1000}}, 500))

	full := planOf(t, map[string]any{"plan": "tune"})
	require.ErrorContains(t, full.Prepare(Server{Server: sizing.Server{MaxConnections: 10, SuperuserReserved: 3, Others: 7}}),
		`step "the sweep" needs 2 connections and the server leaves 0 (`)

	large := planOf(t, sweepOf("10,80", nil))
	require.ErrorContains(t, large.Prepare(Server{Server: sizing.Server{MaxConnections: 50, SuperuserReserved: 3}}),
		"needs 80 connections and the server leaves 47 (")
}

func TestTuneAgreesWithTheModel(t *testing.T) {
	plan := planOf(t, sweepOf("10,15,20,25,30,40,60", map[string]any{"rounds": int64(4)}))
	result := plan.Result(run(t, plan, office, nil))
	require.Contains(t, result.Terminal(200), "Measurement and model agree.")
	require.Positive(t, result.Values["tune_model_connections"])
	require.Contains(t, result.Terminal(10_000), "finds no number of connections above which the server gets slower: at most 2")
	for _, disagreement := range []string{"Waits are longer", "Waits are shorter", "held for longer", "load generator was at its limit", "is fastest with"} {
		require.NotContains(t, result.Terminal(200), disagreement)
	}
}

func TestTuneSaysWhatDisagrees(t *testing.T) {
	sizes := "10+0,12+3,20,25,30,40,60,80"
	text := func(s system, change func(*Measurement)) string {
		plan := planOf(t, sweepOf(sizes, map[string]any{"rounds": int64(3)}))
		done := run(t, plan, s, nil)
		for i := range done {
			if change != nil {
				change(&done[i])
			}
		}
		return plan.Result(done).Terminal(10_000)
	}
	bursty := office
	bursty.waits = 3
	require.Contains(t, text(bursty, nil), "Waits are longer than the model's at 10+0")
	require.NotContains(t, text(bursty, nil), "connections are opened all the time")
	require.Contains(t, text(bursty, func(m *Measurement) { m.Pool.Opened = m.Requests }), "connections are opened all the time")

	constant := office
	constant.waits = 0.5
	require.Contains(t, text(constant, nil), "Waits are shorter than the model's at 10+0")

	// 100 users on two connections of 250 ms wait for 11.5 s, and settle for 5.
	sizes = "2,30,40"
	require.Contains(t, text(constant, nil), "the queue was still growing when the measurement began")
	require.NotContains(t, text(constant, nil), "vary less than exponentially: a constant hold")
	sizes = "10+0,12+3,20,25,30,40,60,80"

	contended := office
	contended.slower = func(n float64) float64 { return 1 + 0.001*n*n }
	require.Contains(t, text(contended, nil), "held for longer in a larger pool")
	require.Contains(t, text(contended, nil), "By the Universal Scalability Law, the server is fastest with ")
	// Its peak is at 32 connections: with 12 at most nothing shows it.
	sizes = "2,4,6,8,10,12"
	require.Contains(t, text(contended, nil), "finds no number of connections above which the server gets slower: at most 12 were in use on average")
	sizes = "10+0,12+3,20,25,30,40,60,80"

	require.Contains(t, text(office, func(m *Measurement) { m.Pool.Wait.Count *= 3 }), "checks out 3.00 connections")
	require.Contains(t, text(office, func(m *Measurement) { m.Request.Mean -= 500; m.Throughput *= 0.6 }), "The load generator was at its limit in 24 of 24 steps")
	require.Contains(t, text(office, func(m *Measurement) { m.Pool = nil }), "were not used")
}

func TestTuneOfArrivals(t *testing.T) {
	options := sweepOf("10,20,25,30,40,60", map[string]any{"rate": 80, "rounds": int64(3)})
	plan := planOf(t, options)
	result := plan.Result(run(t, plan, office, nil))
	// 80 arrivals per second of 250 ms keep 20 connections busy: fewer fail.
	require.Greater(t, result.Values["tune_pool_size"], 20.0)
	require.Contains(t, result.Terminal(200), "overload")
	require.Contains(t, result.Terminal(200), "Erlang C")
}

// An arrival that nobody was free for is answered by nobody, however fast the
// others were.
func TestTuneJudgesDroppedArrivals(t *testing.T) {
	plan := planOf(t, sweepOf("25,40", map[string]any{"rate": 80, "rounds": int64(2)}))
	done := run(t, plan, office, nil)
	for i := range done {
		if done[i].Step.Label == "25+0" {
			done[i].Dropped, done[i].Request.P95 = done[i].Requests/40, 1
		} else {
			done[i].Dropped = 3
		}
	}
	result := plan.Result(done)
	values := result.Values
	require.Equal(t, 40.0, values["tune_pool_size"])
	require.Equal(t, 6.0, values["tune_dropped"])
	require.InDelta(t, 6.0/3200, values["tune_dropped_share"], 1e-4)
	require.Contains(t, result.Terminal(200), "Dropped")

	closed := planOf(t, sweepOf("25,40", nil))
	result = closed.Result(run(t, closed, office, nil))
	require.NotContains(t, result.Values, "tune_dropped")
	require.NotContains(t, result.Terminal(200), "Dropped")
}

func TestTuneOfOneRound(t *testing.T) {
	plan := planOf(t, sweepOf("10,30", map[string]any{"rounds": int64(1)}))
	result := plan.Result(run(t, plan, office, nil))
	require.Equal(t, 30.0, result.Values["tune_pool_size"])
	require.NotContains(t, result.Values, "tune_connections_low")
	require.Contains(t, result.Terminal(200), "the noise and the certainty of the recommendation are not known")
	require.NotContains(t, result.Values, "tune_noise")
	require.Contains(t, result.Unknown, "tune_agreement")
	require.Contains(t, result.Unknown, "tune_noise")
}

func TestTuneUnfinished(t *testing.T) {
	plan := planOf(t, sweepOf("10,20,30", map[string]any{"rounds": int64(3)}))
	done := run(t, plan, office, nil)
	for n := range len(done) {
		result := plan.Result(done[:n])
		text := result.Terminal(200)
		require.Contains(t, text, "Unfinished")
		require.Equal(t, float64(9-n), result.Values["experiment_left"])
		if n < 3 {
			require.Contains(t, text, "nothing to recommend")
			for _, m := range done[:n] {
				require.Regexp(t, `(?m)^  `+regexp.QuoteMeta(m.Step.Label)+` +– +\d`, text, "what was measured is shown")
			}
			require.NotContains(t, result.Values, "tune_pool_size")
		} else {
			require.Contains(t, text, "Recommended")
			require.Contains(t, text, fmt.Sprintf("%d round", n/3))
		}
	}
	require.NotContains(t, plan.Result(done).Terminal(200), "Unfinished")
}

func TestTuneOfNothingServed(t *testing.T) {
	plan := planOf(t, sweepOf("10,20", map[string]any{"rounds": int64(1)}))
	var done []Measurement
	for {
		step, ok := plan.Next(done)
		if !ok {
			break
		}
		done = append(done, Measurement{Step: step})
	}
	require.Contains(t, plan.Result(done).Terminal(80), "No pool served requests")
}

// Where one pool answers fastest and another serves the most, none is as good
// as the best.
func TestTuneNamesACompromise(t *testing.T) {
	plan := planOf(t, sweepOf("10,20", map[string]any{"rounds": int64(2)}))
	done := run(t, plan, office, nil)
	for i := range done {
		done[i].Request.P95, done[i].Throughput = 100, 50
		if done[i].Step.Label == "20+0" {
			done[i].Request.P95, done[i].Throughput = 200, 60
		}
	}
	result := plan.Result(done)
	require.Equal(t, 10.0, result.Values["tune_pool_size"])
	require.Contains(t, result.Terminal(1000), "no pool measured is as good at both")
	require.NotContains(t, result.Terminal(1000), "which is within the noise")
}

// What is pasted is what was measured.
func TestTunePastesTheMeasuredSettings(t *testing.T) {
	pasted := func(settings map[string]any) string {
		plan := planOf(t, sweepOf("20+40,25+50", settings))
		return plan.Result(run(t, plan, office, nil)).Markdown()
	}
	for setting, lines := range map[string][]string{
		"poolRecycle -1":      {"DB_POOL_RECYCLE=-1\n", "pool_recycle=-1,\n", "&pool_max_conn_lifetime=0s\n"},
		"poolRecycle 2000000": {"DB_POOL_RECYCLE=2000000\n", "pool_recycle=2000000,\n", "&pool_max_conn_lifetime=555h33m20s\n"},
		"poolRecycle 0":       {"DB_POOL_RECYCLE=0\n", "pool_recycle=0,\n", "&pool_max_conn_lifetime=1s\n"},
		"poolPrePing false":   {"DB_POOL_PRE_PING=false\n", "pool_pre_ping=False,\n"},
		"poolTimeout 0.5":     {"DB_POOL_TIMEOUT=0.5\n", "pool_timeout=0.5,\n"},
	} {
		name, value, _ := strings.Cut(setting, " ")
		given := any(value)
		if name == "poolTimeout" {
			given = 0.5
		}
		text := pasted(map[string]any{name: given})
		for _, line := range lines {
			require.Contains(t, text, line, setting)
		}
	}
}

// Of several pools one is sized: what users of all of them wait decides, and the
// server's room is for all of them.
func TestTuneSizesOneOfSeveralPools(t *testing.T) {
	four := office
	four.pools, four.noise = 4, 0.002
	plan := planOf(t, sweepOf("4,6,8,10,14,20", map[string]any{"pools": int64(4), "balance": "least", "rounds": int64(3)}))
	require.Equal(t, 80, plan.Connections())
	require.NoError(t, plan.Prepare(Server{Server: sizing.Server{MaxConnections: 83, SuperuserReserved: 3}}))
	result := plan.Result(run(t, plan, four, nil))
	values := result.Values
	require.GreaterOrEqual(t, values["tune_pool_size"], 8.0, "5 are busy in each on average, and one may have twice as many users")
	require.LessOrEqual(t, values["tune_pool_size"]+values["tune_max_overflow"], 20.0, "the server has room for four of 20")
	require.Contains(t, result.Terminal(1000), "Measurement and model agree")
	for _, text := range []string{result.Terminal(1000), result.Markdown()} {
		require.Regexp(t, `Recommended: pool size \d+, max overflow \d+, for each of the 4 pools: `, text)
		require.Contains(t, text, "To paste, for each of the 4 pools")
		require.Contains(t, text, "Each step had 4 pools of its settings, as an application of 4 processes has, and requests were balanced over them (least).")
		require.Contains(t, text, "Imbalance")
	}
	derived := planOf(t, map[string]any{"plan": "tune", "pools": int64(4), "rounds": int64(1)})
	require.NoError(t, derived.Prepare(Server{Cores: 8, Server: sizing.Server{MaxConnections: 100, SuperuserReserved: 3}}))
	for _, m := range run(t, derived, four, nil) {
		require.LessOrEqual(t, 4*(m.Step.Options["poolSize"].(int)+m.Step.Options["maxOverflow"].(int)), 97)
	}
	require.ErrorContains(t, plan.Prepare(Server{Server: sizing.Server{MaxConnections: 82, SuperuserReserved: 3}}), "needs 80 connections")
}

func TestTunePrintsWhatToPaste(t *testing.T) {
	plan := planOf(t, sweepOf("20+40,25+50", map[string]any{"poolTimeout": 3, "rounds": int64(2)}))
	step, _ := plan.Next(nil)
	require.Equal(t, "3s", step.Options["poolTimeout"])
	result := plan.Result(run(t, plan, office, nil))
	for _, text := range []string{result.Terminal(80), result.Markdown()} {
		for _, line := range []string{"DB_POOL_SIZE=20\n", "DB_MAX_OVERFLOW=40\n", "DB_POOL_TIMEOUT=3\n", "create_async_engine(",
			"    pool_size=20,\n", "    max_overflow=40,\n", "pool_max_conns=60&"} {
			require.Contains(t, text, line[:len(line)-1])
		}
	}
	var pasted []string
	for _, s := range result.Sections {
		for _, snippet := range s.Snippets {
			pasted = append(pasted, snippet.Caption)
		}
	}
	require.Len(t, pasted, 3, "for the environment, SQLAlchemy and pgxpool")
}

// A pool that is fast enough and too full by the runbook's limit is not
// recommended: capacity.js and 100users.js would reject it.
func TestTuneRecommendsWhatMeetsTheCriteria(t *testing.T) {
	full := func(pass string) map[string]any {
		return map[string]any{
			"name": "active", "title": "Active connections", "metric": "pgxpool_utilization", "pass": pass, "warning": "p(95)<100",
			"guard": map[string]any{"metric": "pgxpool_samples", "expression": "count>0"},
			"unit":  "percent", "advice": map[string]any{"warning": "", "fail": ""},
		}
	}
	sizes := "20,25,30,40,60"
	plan := planOf(t, sweepOf(sizes, nil))
	free := plan.Result(run(t, plan, office, nil)).Values
	require.Less(t, free["tune_pool_size"], 40.0)

	plan = planOf(t, sweepOf(sizes, map[string]any{"criteria": []any{full("p(95)<60")}})) // 20 are in use
	result := plan.Result(run(t, plan, office, nil))
	require.Equal(t, 40.0, result.Values["tune_pool_size"])
	require.Equal(t, 40.0, result.Values["tune_max_overflow"])
	require.Equal(t, 40.0, result.Values["tune_connections"])
	text := result.Terminal(10_000)
	require.Contains(t, text, "misses: Active connections")
	require.Contains(t, text, "among those that met the criteria. The overflow is for spikes and was not measured.")
	require.Contains(t, text, "DB_POOL_SIZE=40\n  DB_MAX_OVERFLOW=40\n")

	plan = planOf(t, sweepOf(sizes, map[string]any{"criteria": []any{full("p(95)<1")}}))
	result = plan.Result(run(t, plan, office, nil))
	require.Equal(t, free["tune_pool_size"], result.Values["tune_pool_size"])
	require.Contains(t, result.Terminal(10_000), "None of the pools compared met the criteria in most rounds, so the criteria were not used. The largest of them missed: Active connections: ")

	// A pool that fails at once meets a limit on responses, and is not compared.
	plan = planOf(t, sweepOf(sizes, map[string]any{"criteria": []any{fastEnough("100")}}))
	done := run(t, plan, office, nil)
	for i := range done {
		if done[i].Step.Label == "60+0" {
			done[i].Request.P95, done[i].Failed = 1, done[i].Requests/2
		}
	}
	require.Contains(t, plan.Result(done).Terminal(10_000), "The largest of them missed: Response p95: ")
}

// Where nobody names sizes the model's is among them: the smallest that leaves the
// runbook's room with a quarter more users.
func TestTuneTriesTheModelsSize(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "tune", "hold": "250ms"})
	require.NoError(t, plan.Prepare(Server{Cores: 4, Server: sizing.Server{MaxConnections: 200}}))
	labels := map[string]bool{}
	var done []Measurement
	for step, ok := plan.Next(nil); ok; step, ok = plan.Next(done) {
		labels[step.Label] = true
		done = append(done, Measurement{Step: step})
	}
	want, err := sizing.ClosedLoop{Users: 125, Think: time.Second, Hold: 250 * time.Millisecond, Pools: 1, PoolTimeout: 30 * time.Second}.SmallestSize(sizing.Runbook)
	require.NoError(t, err)
	require.Equal(t, 42, want)
	require.Contains(t, labels, "42+0")
}
