package experiment

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

func TestBeforeAfterAlternates(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "before-after", "rounds": int64(2)})
	done := run(t, plan, office, nil)
	require.Len(t, done, 4)
	for i, m := range done {
		require.Equal(t, []string{"before", "after", "after", "before"}[i], m.Step.Label, "neither is always first")
		require.Equal(t, 1+i/2, m.Step.Round)
	}
	require.Equal(t, map[string]any{"poolSize": 5, "maxOverflow": 10, "poolTimeout": "30s", "poolRecycle": -1, "poolPrePing": false}, done[0].Step.Options)
	require.Equal(t, map[string]any{"poolSize": 20, "maxOverflow": 40, "poolTimeout": "30s", "poolRecycle": "1h0m0s", "poolPrePing": true}, done[1].Step.Options)
	require.Equal(t, 60, plan.Connections())
	require.Equal(t, 100, plan.Users())
	require.Equal(t, time.Second, plan.Think())
	// Four steps of 25 s, each with a timeout of 30 s to drain.
	require.Greater(t, plan.MaxDuration(), 4*55*time.Second)
}

// pairOf gives the steps of a round that begins at i.
func pairOf(done []Measurement, i int) (before, after *Measurement) {
	if done[i].Step.Label == "after" {
		return &done[i+1], &done[i]
	}
	return &done[i], &done[i+1]
}

// With the same on both sides no more than one run in twenty calls one of them
// faster, also on a machine that grows slower by 1 or 2 % from step to step.
func TestBeforeAfterDriftDoesNotDecide(t *testing.T) {
	const runs = 1000
	for _, rounds := range []int64{2, 3, 4} {
		plan := planOf(t, map[string]any{"plan": "before-after", "rounds": rounds})
		steps := run(t, plan, office, nil)
		for _, drift := range []float64{0, 0.01, 0.02} {
			random := rand.New(rand.NewPCG(8, uint64(1000*drift)))
			alarms := 0
			for range runs {
				for i := range steps {
					steps[i].Requests = 1000
					steps[i].Request.P95 = 100 * math.Exp(float64(i)*drift+0.03*random.NormFloat64())
				}
				values := plan.Result(steps).Values
				if values["before_after_p95_ratio_low"] > 1 || values["before_after_p95_ratio_high"] < 1 {
					alarms++
				}
			}
			t.Logf("%d rounds, drift of %g a step: %.1f %% false alarms", rounds, drift, 100*float64(alarms)/runs)
			limit := 5.0
			if drift == 0 {
				limit = 6 // 5 % is what a 95 % interval does by itself
			}
			require.LessOrEqual(t, 100*float64(alarms)/runs, limit)
		}
	}
}

// The interval of the ratio holds the true ratio, and the ratio is paired: what
// changes both steps of a round alike changes nothing.
func TestBeforeAfterRatio(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "before-after", "rounds": int64(6)})
	exact := office
	exact.noise = 0
	clean := run(t, plan, exact, nil)
	want := clean[1].Request.P95 / clean[0].Request.P95
	values := plan.Result(clean).Values
	require.InEpsilon(t, want, values["before_after_p95_ratio"], 1e-9)

	noisy := run(t, plan, office, nil)
	values = plan.Result(noisy).Values
	require.Less(t, values["before_after_p95_ratio_low"], want)
	require.Greater(t, values["before_after_p95_ratio_high"], want)
	require.Less(t, values["before_after_p95_ratio_high"]-values["before_after_p95_ratio_low"], 0.1)

	for i := range noisy {
		noisy[i].Request.P95 *= math.Pow(1.5, float64(i/2))
	}
	drifting := plan.Result(noisy).Values
	for _, name := range []string{"before_after_p95_ratio", "before_after_p95_ratio_low", "before_after_p95_ratio_high"} {
		require.InEpsilon(t, values[name], drifting[name], 1e-9)
	}
}

// By hand: the rounds' ratios are 0.5 and 0.32, their geometric mean is 0.4 and
// the logarithms' standard error ln(0.5/0.32)/2; t at 97.5 % with one degree of
// freedom is 12.706.
func TestBeforeAfterInterval(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "before-after", "rounds": int64(2)})
	done := run(t, plan, office, nil)
	for i, ms := range []float64{100, 50, 32, 100} {
		done[i].Request.P95 = ms
	}
	result := plan.Result(done)
	values := result.Values
	half := 12.706 * math.Log(0.5/0.32) / 2
	require.InEpsilon(t, 0.4, values["before_after_p95_ratio"], 1e-9)
	require.InEpsilon(t, 0.4*math.Exp(-half), values["before_after_p95_ratio_low"], 1e-3)
	require.InEpsilon(t, 0.4*math.Exp(half), values["before_after_p95_ratio_high"], 1e-3)
	require.Contains(t, result.Markdown(), "0.32–0.50")
	require.Contains(t, result.Markdown(), "The difference in the p95 is within the noise")
	require.Contains(t, result.Markdown(), "more than 10 % slower is undecided. More rounds")
	done[2].Request.P95, done[3].Request.P95, done[1].Request.P95 = 101, 100, 100
	require.Contains(t, plan.Result(done).Markdown(), "within the noise (1.00× (0.94–1.07)). Not more than 10 % slower.")
	for i := range done {
		done[i].Pool.Wait.P95, done[i].Pool.Active.Max, done[i].Timeouts = 1, float64(10*i), int64(i)
	}
	result = plan.Result(done)
	require.Contains(t, result.Markdown(), "Hardly any request waits")
	// Peaks are the largest of the rounds, counts their sum.
	require.Contains(t, result.Markdown(), "| Peak in use | 30 | 20 |")
	require.Contains(t, result.Markdown(), "| Requests timed out | 3 | 3 |")
}

func TestBeforeAfterSaysWhyTheCPURose(t *testing.T) {
	text := func(change func(before, after *Measurement)) string {
		plan := planOf(t, map[string]any{"plan": "before-after", "rounds": int64(4)})
		require.NoError(t, plan.Prepare(Server{Cores: 2}))
		s := office
		s.cpuPerCheckout = 0.2
		done := run(t, plan, s, nil)
		for i := 0; change != nil && i < len(done); i += 2 {
			change(pairOf(done, i))
		}
		return plan.Result(done).Terminal(10_000)
	}
	require.Contains(t, text(nil), "rose (1.3", "60 and 80 requests per second")
	require.Contains(t, text(nil), "because more work gets through: 1.3")
	require.Contains(t, text(nil), "per request served")
	require.Contains(t, text(func(_, after *Measurement) { after.CPU.Mean *= 1.5 }), "more than the requests served")
	require.Contains(t, text(func(before, after *Measurement) {
		after.Throughput = before.Throughput
	}), "although no more requests are served")
	round := 0
	require.Contains(t, text(func(before, after *Measurement) {
		after.Throughput = before.Throughput * []float64{0.8, 1.2, 1.9, 1.1}[round]
		round++
	}), "the change in requests served (1.19×")
	require.Contains(t, text(func(before, after *Measurement) { after.CPU.Mean = before.CPU.Mean / 2 }), "CPU fell")
	require.NotContains(t, text(func(before, after *Measurement) { before.CPU, after.CPU = nil, nil }), "CPU")
}

func TestBeforeAfterReportsWhatItMeasured(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "before-after", "rounds": int64(4)})
	swap := func(change func(before, after *Measurement)) string {
		done := run(t, plan, office, nil)
		for i := 0; i < len(done); i += 2 {
			change(pairOf(done, i))
		}
		return plan.Result(done).Terminal(10_000)
	}
	require.Contains(t, swap(func(_, _ *Measurement) {}), "Responses are faster after")
	require.Contains(t, swap(func(before, after *Measurement) {
		before.Request, after.Request = after.Request, before.Request
	}), "Responses are slower after")
	failures := swap(func(before, _ *Measurement) { before.Failed, before.Timeouts = 40, 30 })
	require.Contains(t, failures, "160 failed, 120 of them by a timeout")
	require.Contains(t, failures, "limits what the p95 says")
	require.Contains(t, swap(func(_, after *Measurement) { *after = Measurement{Step: after.Step} }), "cannot be compared")
}

// Of five responses the p95 is the slowest.
func TestBeforeAfterNeedsResponses(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "before-after", "rounds": int64(4)})
	for fewest, decided := range map[int64]bool{5: false, 19: false, 20: true} {
		done := run(t, plan, office, nil)
		done[5].Requests = fewest
		result := plan.Result(done)
		require.Contains(t, result.Values, "before_after_p95_ratio")
		_, known := result.Values["before_after_p95_ratio_high"]
		require.Equal(t, decided, known)
		if !decided {
			require.Contains(t, result.Unknown["before_after_p95_ratio_high"], fmt.Sprintf("a step had %d responses, and a p95 takes 20", fewest))
			require.Contains(t, result.Terminal(10_000), "faster after, in steps of too few responses to be sure")
		}
	}
}

// Requests that fail at once make a p95 look good, on either side.
func TestBeforeAfterDoesNotPraiseFailures(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "before-after", "rounds": int64(3)})
	compared := func(failing string) (map[string]float64, string) {
		done := run(t, plan, office, nil)
		for i := range done {
			done[i].Request.P95, done[i].Request.Max = 500, 1000
			if done[i].Step.Label == failing {
				done[i].Failed, done[i].Request.P95, done[i].Request.Max = done[i].Requests/10, 10, 10
			}
		}
		result := plan.Result(done)
		return result.Values, result.Terminal(10_000)
	}
	values, text := compared("before")
	require.InDelta(t, 0.5, values["before_after_p95_ratio"], 1e-9)
	require.NotContains(t, text, "slower after")
	require.Contains(t, text, "unanswered")
	require.NotContains(t, text, "50.00×", "no ratio of a p95 that is none")
	values, text = compared("after")
	require.InDelta(t, 2, values["before_after_p95_ratio"], 1e-9)
	require.NotContains(t, text, "faster after")
	values, text = compared("")
	require.InDelta(t, 1, values["before_after_p95_ratio"], 1e-9)
	require.NotContains(t, text, "unanswered")
}

func TestBeforeAfterOfArrivals(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "before-after", "rate": 30.0, "rounds": int64(2)})
	done := run(t, plan, office, nil)
	for i := range done {
		done[i].Dropped = int64(i)
	}
	values := plan.Result(done).Values
	require.Equal(t, 3.0, values["before_after_dropped"])
	require.InDelta(t, 3.0/1200, values["before_after_dropped_share"], 1e-3)
	require.NotContains(t, planOf(t, map[string]any{"plan": "before-after"}).Result(nil).Values, "before_after_dropped")
}

// A ratio near 0 has digits that say how near.
func TestBeforeAfterShowsSmallRatios(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "before-after", "rounds": int64(1)})
	done := run(t, plan, office, nil)
	done[0].Pool.Wait.P95, done[1].Pool.Wait.P95 = 680, 0.6
	done[0].Pool.Wait.Mean, done[1].Pool.Wait.Mean = 400, 0.001
	text := plan.Result(done).Terminal(120)
	require.Contains(t, text, " 0.00088×  0.00088–0.00088\n")
	require.Contains(t, text, " <0.0001×  ")
	done[0].Pool, done[1].Pool = done[1].Pool, done[0].Pool
	text = plan.Result(done).Terminal(120)
	require.Contains(t, text, " 1133×      1133–1133\n")
	require.Contains(t, text, " >10000×  ")
}

func TestBeforeAfterUnfinished(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "before-after", "rounds": int64(2)})
	done := run(t, plan, office, nil)
	for n := range len(done) {
		result := plan.Result(done[:n])
		require.Contains(t, result.Terminal(80), "Unfinished")
		require.Equal(t, float64(4-n), result.Values["experiment_left"])
		_, compared := result.Values["before_after_p95_ratio"]
		require.Equal(t, n >= 2, compared)
		require.Equal(t, n >= 1, strings.Contains(result.Terminal(80), "Requests served"), "what was measured is shown")
	}
	single := plan.Result(done[:3])
	require.NotContains(t, single.Values, "before_after_p95_ratio_low")
	require.Contains(t, single.Terminal(200), "single round")
	require.Contains(t, single.Terminal(200), "faster after, in the only round")
	require.Contains(t, single.Unknown, "before_after_p95_ratio_high")
	require.Empty(t, plan.Result(done).Unknown)
	require.NotContains(t, plan.Result(done).Terminal(80), "Unfinished")
}

func TestBeforeAfterConfigurations(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "before-after", "before": "10+0", "after": "poolPrePing=false,poolTimeout=3"})
	first, _ := plan.Next(nil)
	require.Equal(t, 10, first.Options["poolSize"])
	require.Equal(t, false, first.Options["poolPrePing"])
	second, _ := plan.Next([]Measurement{{Step: first}})
	require.Equal(t, 20, second.Options["poolSize"])
	require.Equal(t, false, second.Options["poolPrePing"])
	require.Equal(t, "3s", second.Options["poolTimeout"])

	require.ErrorContains(t, plan.Prepare(Server{Server: sizing.Server{MaxConnections: 50, SuperuserReserved: 3}}), "the server leaves 47 (")
	require.NoError(t, plan.Prepare(Server{Server: sizing.Server{MaxConnections: 100, SuperuserReserved: 3}}))
}

// The runbook's table of its performance impact has what was measured, and nothing
// else.
func TestBeforeAfterHasTheRunbooksTable(t *testing.T) {
	table := func(change func(before, after *Measurement)) string {
		plan := planOf(t, map[string]any{"plan": "before-after", "rounds": int64(4)})
		s := office
		s.cpuPerCheckout = 0.2
		done := run(t, plan, s, nil)
		for i := 0; i < len(done); i += 2 {
			change(pairOf(done, i))
		}
		text := plan.Result(done).Terminal(10_000)
		_, table, found := strings.Cut(text, "Before → after")
		require.True(t, found)
		return table
	}
	measured := table(func(_, _ *Measurement) {})
	require.Regexp(t, `P95 latency +1\.\d+ s +7\d\d ms +4\d(\.\d)? % shorter\n`, measured)
	require.Regexp(t, `Database CPU +[\d.]+ % +[\d.]+ % +3\d(\.\d)? % more\n`, measured)
	require.Regexp(t, `Concurrent capacity +≥ 100 users +≥ 100 users`, measured)

	other := table(func(before, after *Measurement) {
		before.CPU, after.CPU = nil, nil
		before.Timeouts, before.Failed = 3, 3
		after.Request = before.Request
	})
	require.NotContains(t, other, "CPU", "it was not measured")
	require.Contains(t, other, "none beyond noise")
	require.Regexp(t, `Concurrent capacity +< 100 users +≥ 100 users`, other)
}

// An application is started with the settings of each step: of its processes each
// has such a pool.
func TestAnApplicationsPlanIsOverHTTP(t *testing.T) {
	options := map[string]any{"plan": "before-after", "rounds": int64(1), "http": true, "application": true, "workers": int64(4)}
	plan := planOf(t, options)
	require.Zero(t, plan.Connections(), "none of them is ours")
	done := run(t, plan, office, nil)
	require.Equal(t, map[string]string{
		"DB_POOL_SIZE": "5", "DB_MAX_OVERFLOW": "10", "DB_POOL_TIMEOUT": "30", "DB_POOL_RECYCLE": "-1", "DB_POOL_PRE_PING": "false",
	}, Environment(done[0].Step.Options))
	require.Equal(t, map[string]string{
		"DB_POOL_SIZE": "20", "DB_MAX_OVERFLOW": "40", "DB_POOL_TIMEOUT": "30", "DB_POOL_RECYCLE": "3600", "DB_POOL_PRE_PING": "true",
	}, Environment(done[1].Step.Options))
	require.Contains(t, plan.Result(done).Terminal(10_000), "100 users thinking for 1s, 4 processes with a pool each")

	require.ErrorContains(t, plan.Prepare(Server{Server: sizing.Server{MaxConnections: 50}}), `"before" needs 60 connections`,
		"four times 5+10, and 100 users never use more than 100 of 240")

	delete(options, "application")
	_, err := New(options)
	require.ErrorContains(t, err, "APP_COMMAND, which restarts the application with each step's settings")
	delete(options, "http")
	options["application"] = true
	_, err = New(options)
	require.ErrorContains(t, err, "an application is loaded over HTTP")
}

// What nobody sees of an application's pool is not 0.
func TestAnApplicationsTableHasOnlyWhatIsSeen(t *testing.T) {
	plan := planOf(t, map[string]any{"plan": "before-after", "rounds": int64(1), "http": true, "application": true})
	done := run(t, plan, office, nil)
	for i := range done {
		p := done[i].Pool
		p.Wait, p.Waiting, p.Opened, p.Use = times{}, level{}, 0, 0
	}
	text := plan.Result(done).Terminal(10_000)
	require.Contains(t, text, "Peak in use")
	for _, unseen := range []string{"Wait for a connection", "Peak waiting", "Connections opened", "Connection held"} {
		require.NotContains(t, text, unseen)
	}
}
