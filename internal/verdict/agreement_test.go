package verdict_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

var (
	variants = []string{"poolCriteria", "watchedCriteria", "httpCriteria"}
	gates    = []string{"pass", "fail"}
)

// k6 decides the exit code, the evaluator writes the report: on whatever data,
// gate, waivers and reasons, they must say the same.
func TestEvaluateAgreesWithK6(t *testing.T) {
	js := loadScript(t)
	rowsOf := map[string][]verdict.Criterion{}
	for _, variant := range variants {
		rowsOf[variant] = js.rows(variant)
	}
	seen := map[string]int{}
	for seed := range uint64(3500) {
		random := rand.New(rand.NewPCG(seed, 7))
		variant, gate := pick(random, variants...), pick(random, gates...)
		rows := rowsOf[variant]
		waive := someNames(random, rows)
		e := newEngine(t)
		fill(random, e)
		if variant == "watchedCriteria" {
			e.watched()
		}
		if random.IntN(8) == 0 {
			e.stats = pick(random, []string{"avg"}, []string{"max"}, []string{"p(95)"}, []string{"p(95.0)", "max"}, []string{"med"})
		}
		holds := e.judge(js.thresholds(variant, gate, waive))
		report := e.evaluate(rows, gate, waive, someReasons(random))
		if holds != report.GateHolds {
			t.Fatalf("seed %d, %s, gate %s, waive %v: k6 %t, verdict %s (gate %t)\n%s", seed, variant, gate, waive,
				holds, report.Verdict, report.GateHolds, report.Terminal(false, 0))
		}
		seen[fmt.Sprintf("%s %s", gate, report.Verdict)]++
	}
	for _, gate := range gates {
		for _, v := range []verdict.Verdict{verdict.Pass, verdict.Warning, verdict.Fail} {
			require.Greater(t, seen[fmt.Sprintf("%s %s", gate, v)], 60, "the inputs cover %s with gate %s: %v", v, gate, seen)
		}
	}
}

func pick[T any](random *rand.Rand, choices ...T) T { return choices[random.IntN(len(choices))] }

func someNames(random *rand.Rand, rows []verdict.Criterion) []string {
	names := []string{}
	for _, row := range rows {
		if random.IntN(6) == 0 {
			names = append(names, row.Name)
		}
	}
	return names
}

func someReasons(random *rand.Rand) map[string]string {
	reasons := map[string]string{}
	for _, metric := range []string{"pgxpool_db_cpu", "pgxpool_utilization", "response_drift"} {
		if random.IntN(3) == 0 {
			reasons[metric] = "the role may not"
		}
	}
	return reasons
}

// fill makes up a run. Metrics are empty, at a limit or beside it, mostly
// independent of each other: only that a request or a sample of the pool feeds
// every rate of its kind is taken for granted.
func fill(random *rand.Rand, e *engine) {
	good := random.IntN(3) > 0 // so that a verdict better than FAIL is common
	odd := func(n int) bool { return random.IntN(n) == 0 && (!good || random.IntN(6) == 0) }
	if !odd(4) {
		e.add("request_duration", pick(random, 0.3, 12, 950))
		e.addRate("request_success", pick(random, 100, 100, 96, 95, 94, 90, ifelse(good, 100, 89)), 100)
		e.addRate("request_timed_out", pick(random, 0, 0, 1, ifelse(good, 1, 2)), 200)
		e.add("request_timeouts", float64(pick(random, 0, 0, 0, 1)))
	}
	if !odd(4) {
		e.add("response_drift", pick(random, 0.9, 1, 1.25, 1.2500001, 1.5, ifelse(good, 1.1, 1.51), ifelse(good, 1.0, 0)))
	}
	if !odd(4) {
		e.add("longest_stall", pick(random, 0.1, 0.99, 1, 4.99, ifelse(good, 0.2, 5), ifelse(good, 0.3, 0)))
	}
	if !odd(4) {
		e.add("pgxpool_samples", 1)
		if !odd(4) {
			e.add("pgxpool_connections_opened", 1)
		}
		e.addRate("pgxpool_at_least", pick(random, 0, 0, 9, ifelse(good, 0, 10)), 100)
		e.addRate("pgxpool_in_overflow", pick(random, 0, 0, 9, 10, 29, ifelse(good, 0, 30)), 100)
	}
	if !odd(4) {
		fillTrend(random, e, "pgxpool_utilization", 10, 79.9, 80, ifelse(good, 50, 233.33333), ifelse(good, 20, 300.0))
	}
	if !odd(4) {
		fillTrend(random, e, "pgxpool_waiting_sampled", 0, 0, 0, ifelse(good, 0.0, 3))
	}
	if !odd(3) {
		fillTrend(random, e, "pgxpool_db_cpu", 0, 20, 49.9, 50, 79.99, ifelse(good, 30.0, 80))
	}
}

// fillTrend adds a crowd of one value and sometimes a few outliers around the
// 95th percentile.
func fillTrend(random *rand.Rand, e *engine, name string, values ...float64) {
	value := pick(random, values...)
	for range pick(random, 1, 10, 19, 20, 21) {
		e.add(name, value)
	}
	if random.IntN(3) == 0 {
		e.add(name, pick(random, values...))
	}
}

func ifelse[T any](condition bool, yes, no T) T {
	if condition {
		return yes
	}
	return no
}
