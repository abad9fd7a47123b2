package verdict

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// slowStatement is from when on a statement counts as slow, in milliseconds. A
// whole page of FlowBoard's issues has 350 ms at the 95th percentile.
const slowStatement = 250

// symptoms are the figures of a run that rules look at, for one pool. They come
// from the timeline; of several runners' run, whose timelines are gone, from the
// merged recording, which knows no times; and without either from k6's
// end-of-test figures, which know neither pools nor reasons.
type symptoms struct {
	pool        string // its name, empty where it is not known
	application bool   // an application's pool, seen from the database
	size        int    // poolSize, 0 where it is not known
	capacity    int    // poolSize + maxOverflow, 0 where it is not known
	prePing     bool   // poolPrePing is known to be on

	timeouts, opened, leaks float64
	wait, use, query        spread           // milliseconds
	slow                    float64          // milliseconds in slow statements, at least
	slowCount               int64            // slow statements, at most
	active, waiting, total  spread           // sampled levels
	closed                  map[string]int64 // by reason
	errors                  map[string]int64 // by SQLSTATE or name
	spans                   []span

	run *runSymptoms
}

// runSymptoms are the figures that belong to no pool.
type runSymptoms struct {
	http                bool    // an application is loaded
	requests, timeouts  float64 // timeouts: HTTP 503 where an application is loaded
	iterations, dropped float64
	users               float64
	cpu, delay          spread // the load generator's: percent, milliseconds
	pools               int
}

// span is a window of the recording as one pool saw it.
type span struct {
	from, width float64 // seconds since the run's start
	pool        *timeline.Pool
	requests    int64
}

// spread sums up a distribution.
type spread struct{ count, sum, mean, median, p95, max float64 }

func symptomsOf(in Input) []symptoms {
	whole := in.Timeline.Whole()
	if in.Recording != nil {
		whole = in.Recording.Totals
	}
	run := runSymptomsOf(in, whole)
	var all []symptoms
	for _, name := range slices.Sorted(maps.Keys(whole.Pools)) {
		all = append(all, recorded(name, whole.Pools[name], in))
	}
	if len(all) == 0 {
		all = append(all, measuredAtEnd(in))
	}
	run.pools = len(all)
	for i := range all {
		all[i].run = run
	}
	return all
}

func runSymptomsOf(in Input, whole timeline.Totals) *runSymptoms {
	metrics := in.Metrics
	requested := metrics["request_success"].Values
	return &runSymptoms{
		http:       in.Run.Target != "",
		requests:   requested["passes"] + requested["fails"],
		timeouts:   metrics["request_timeouts"].Values["count"],
		iterations: metrics["iterations"].Values["count"],
		dropped:    metrics["dropped_iterations"].Values["count"],
		users:      metrics["vus_max"].Values["max"],
		cpu:        spreadOf(whole.Generator.CPU),
		delay:      spreadOf(whole.Generator.Delay),
	}
}

// recorded are the symptoms of one pool of the recording.
func recorded(name string, p *timeline.Pool, in Input) symptoms {
	s := symptoms{
		pool:        name,
		application: p.Wait.Count() == 0 && p.Active.Count() > 0,
		timeouts:    float64(p.Timeouts), opened: float64(p.Opened), leaks: float64(p.Leaks),
		wait: spreadOf(p.Wait), use: spreadOf(p.Use), query: spreadOf(p.Query),
		active: levelsOf(p.Active), waiting: levelsOf(p.Waiting), total: levelsOf(p.Total),
		closed: p.Closed, errors: p.Errors,
	}
	s.slowCount, s.slow = p.Query.Above(slowStatement)
	s.configure(in.Run.Configuration, name)
	if in.Recording != nil {
		s.addUp(in.Recording.Levels[name])
	}
	width := in.Timeline.Width.Seconds()
	for _, w := range in.Timeline.Windows {
		if pool := w.Totals.Pools[name]; pool != nil {
			s.spans = append(s.spans, span{w.From.Seconds(), width, pool, w.Totals.Requests.Duration.Count()})
		}
	}
	return s
}

// addUp takes the levels from those of several runners together: each knows
// only its own share of the pool.
func (s *symptoms) addUp(levels []Level) {
	var active, waiting, total timeline.Distribution
	for _, l := range levels {
		addSamples(&active, l.activeAt())
		addSamples(&waiting, l.waitingAt())
		for range l.Samples {
			total.Add(l.TotalMax)
		}
	}
	s.active, s.waiting, s.total = levelsOf(active), levelsOf(waiting), levelsOf(total)
}

func addSamples(d *timeline.Distribution, at map[int]int64) {
	for level, n := range at {
		for range n {
			d.Add(float64(level))
		}
	}
}

// measuredAtEnd are the symptoms of all pools together, or of a watched
// application's.
func measuredAtEnd(in Input) symptoms {
	trend := func(name string) spread { return spreadOfTrend(in.Metrics[name]) }
	count := func(name string) float64 { return in.Metrics[name].Values["count"] }
	s := symptoms{
		timeouts: count("pgxpool_acquire_timeouts"),
		opened:   count("pgxpool_connections_opened"),
		leaks:    count("pgxpool_leaks"),
		wait:     trend("pgxpool_acquire_duration"),
		use:      trend("pgxpool_use_duration"),
		query:    trend("pgxpool_query_duration"),
		active:   trend("pgxpool_active_sampled"),
		waiting:  trend("pgxpool_waiting_sampled"),
	}
	// The others may have taken slowStatement each, and hardly more.
	s.slowCount = int64(s.query.count)
	s.slow = max(0, s.query.sum-slowStatement*s.query.count)
	s.configure(in.Run.Configuration, "")
	if count("app_pool_samples") > 0 {
		s.application, s.active = true, trend("app_pool_active_sampled")
	}
	return s
}

// configure reads what the run's configuration says of a pool.
func (s *symptoms) configure(configuration map[string]string, pool string) {
	prefix := prefixOf(configuration, pool)
	s.prePing = configuration[prefix+"poolPrePing"] == "true"
	size, err := strconv.Atoi(configuration[prefix+"poolSize"])
	if err != nil {
		return
	}
	overflow, err := strconv.Atoi(configuration[prefix+"maxOverflow"])
	if err != nil {
		return
	}
	s.size, s.capacity = size, size+overflow
}

// prefixOf is what the options of every pool but the default one begin with.
func prefixOf(configuration map[string]string, pool string) string {
	if _, ok := configuration[pool+".poolSize"]; ok {
		return pool + "."
	}
	return ""
}

func spreadOf(d timeline.Distribution) spread {
	return spread{
		count: float64(d.Count()), sum: d.Sum(), mean: d.Mean(),
		median: d.Quantile(0.5), p95: d.Quantile(0.95), max: d.Max(),
	}
}

// levelsOf is spreadOf of whole numbers, which a distribution only comes near.
func levelsOf(d timeline.Distribution) spread {
	s := spreadOf(d)
	s.median, s.p95 = math.Round(s.median), math.Round(s.p95)
	return s
}

func spreadOfTrend(m Metric) spread {
	v := m.Values
	return spread{
		count: v["count"], sum: v["avg"] * v["count"], mean: v["avg"],
		median: v["med"], p95: v["p(95)"], max: v["max"],
	}
}

// pressed tells whether the pool is short of connections: users wait, or more
// than the runbook's 80 % of poolSize are in use at the 95th percentile.
func (s symptoms) pressed() bool {
	// A pool of one is always full while it is used.
	full := s.size > 1 && s.active.p95 >= 0.8*float64(s.size)
	return s.timeouts > 0 || s.waiting.p95 > 0 || full
}

// lost counts connections that were found dead.
func (s symptoms) lost() int64 { return s.closed["lost"] }
