package experiment

import (
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// Measurement is what one step measured.
type Measurement struct {
	Step Step `json:"step"`
	// Lasted is the time in which turns were handed out, in seconds.
	Lasted float64 `json:"lasted_s"`
	// Took is all of the step, in seconds: opening the pool, settling, measuring,
	// waiting for the last requests and closing. 0 where it is not known.
	Took float64 `json:"took_s,omitempty"`

	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`   // timeouts included
	Timeouts int64 `json:"timeouts"` // pool timeouts, or HTTP 503
	Dropped  int64 `json:"dropped"`  // arrivals for which no user was free
	// Retries are attempts beyond the first of a request.
	Retries int64 `json:"retries,omitempty"`
	// Throughput is requests per second while turns were handed out, those
	// that failed included.
	Throughput float64 `json:"throughput_per_s"`
	Request    times   `json:"request_ms"`

	Pool *poolMeasurement `json:"pool,omitempty"`   // nil where no pool was seen
	CPU  *level           `json:"db_cpu,omitempty"` // percent of the database's host; nil where it was not measured
	// Drift is the ratio of [timeline.DriftOf]; nil where there were too few
	// responses to tell.
	Drift *float64 `json:"drift,omitempty"`
	// Stall is the longest stretch in which hardly a request ended, over its
	// limit, see [timeline.Stall]; nil where none ended.
	Stall *float64 `json:"longest_stall,omitempty"`
	// Generator is k6 itself; nil where it was not watched for long enough.
	Generator *generator `json:"generator,omitempty"`
}

// generator is how busy the load generator was, by medians.
type generator struct {
	CPU   float64 `json:"cpu"`      // percent of the processors that it may use
	Delay float64 `json:"delay_ms"` // that work which was ready waited for a processor
}

// times sums durations up, in milliseconds.
type times struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean"`
	Min   float64 `json:"min"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// level sums a sampled level up.
type level struct {
	Mean float64 `json:"mean"`
	P95  float64 `json:"p95"`
	Max  float64 `json:"max"`
}

// poolMeasurement are one pool's during a step, or those of several: times and
// counts of all together, levels of each pool side by side.
type poolMeasurement struct {
	Size     int   `json:"size"`               // pool_size of each pool; of an application the sum over its processes
	Capacity int   `json:"capacity,omitempty"` // pool_size + max_overflow, likewise
	Wait     times `json:"wait_ms"`
	// Use is the mean time a connection is held; for an application it is what
	// Little's law makes of the connections in use and the requests per second.
	Use      float64 `json:"use_ms"`
	Query    float64 `json:"query_ms"` // mean time of a statement
	Timeouts int64   `json:"timeouts"` // checkouts that timed out
	Opened   int64   `json:"opened"`   // connections opened in the measured time
	Samples  int64   `json:"samples"`
	Active   level   `json:"active"`
	Waiting  level   `json:"waiting"`
	Open     float64 `json:"open_max"` // the most connections that were open
	// Overflow is the share of samples with more than Size connections in use.
	Overflow float64 `json:"overflow"`

	// Where there are several pools: how many, the sum of their peaks in use, and the checkouts
	// of the busiest over its equal share.
	Pools     int     `json:"pools,omitempty"`
	Peaks     float64 `json:"peaks_sum,omitempty"`
	Imbalance float64 `json:"imbalance,omitempty"`
}

// Measure makes the measurement of a step. phase is everything observed from
// the end of settling until the last request was answered; atStop is the same
// as it stood when the last turn was handed out, lasted after the end of
// settling: throughput, levels and CPU are of that time alone, since afterwards
// the load fades. config is of the step's pool, of an application of all its
// processes together. pools names those of our own, all of this configuration; none
// stands for the one that config names. Names that are not among the pools of phase
// mean that none was seen.
func Measure(
	step Step, phase timeline.Phase, config pool.Config, pools []string, atStop timeline.Totals, lasted time.Duration,
) Measurement {
	if len(pools) == 0 {
		pools = []string{config.Name}
	}
	requests := phase.Totals.Requests
	m := Measurement{
		Step:     step,
		Lasted:   lasted.Seconds(),
		Requests: requests.Duration.Count(),
		Failed:   requests.Failed,
		Timeouts: requests.Timeouts,
		Dropped:  requests.Dropped,
		Retries:  requests.Retried(),
		Request:  timesOf(requests.Duration),
	}
	if drift, err := timeline.DriftOf(phase.Responses); err == nil {
		m.Drift = &drift
	}
	if stall, ok := timeline.LongestStall(phase.Ended); ok {
		m.Stall = new(stall.Ratio())
	}
	if lasted > 0 {
		m.Throughput = float64(atStop.Requests.Duration.Count()) / lasted.Seconds()
	}
	if p := together(phase.Totals, pools); p != nil {
		m.Pool = measurePool(p, config)
		if loaded := together(atStop, pools); loaded != nil {
			m.Pool.levels(loaded)
		}
		if p.Use.Count() == 0 && m.Throughput > 0 {
			m.Pool.Use = 1000 * m.Pool.Active.Mean / m.Throughput
		}
		m.Pool.compare(phase.Totals, pools)
	}
	if cpu := atStop.DatabaseCPU; cpu.Count() > 0 {
		m.CPU = new(levelOf(cpu))
	}
	if g := atStop.Generator; g.CPU.Count() >= timeline.EnoughReadings {
		m.Generator = &generator{CPU: g.CPU.Quantile(0.5), Delay: g.Delay.Quantile(0.5)}
	}
	return m
}

// together are some pools as one, whose levels are those of the single pools side by
// side; nil where none was seen.
func together(totals timeline.Totals, names []string) *timeline.Pool {
	seen := timeline.Totals{Pools: map[string]*timeline.Pool{}}
	for _, name := range names {
		if p := totals.Pools[name]; p != nil {
			seen.Pools[name] = p
		}
	}
	if len(seen.Pools) == 0 {
		return nil
	}
	all := seen.Total()
	return &all
}

// compare tells how evenly several pools were used.
func (p *poolMeasurement) compare(totals timeline.Totals, names []string) {
	if len(names) < 2 {
		return
	}
	p.Pools = len(names)
	var busiest, all int64
	for _, name := range names {
		if one := totals.Pools[name]; one != nil {
			p.Peaks += one.Active.Max()
			all += one.Wait.Count()
			busiest = max(busiest, one.Wait.Count())
		}
	}
	if all > 0 {
		p.Imbalance = float64(busiest) * float64(len(names)) / float64(all)
	}
}

func measurePool(p *timeline.Pool, config pool.Config) *poolMeasurement {
	return &poolMeasurement{
		Size: config.PoolSize, Capacity: config.PoolSize + config.MaxOverflow, Wait: timesOf(p.Wait), Use: p.Use.Mean(), Query: p.Query.Mean(),
		Timeouts: p.Timeouts, Opened: p.Opened,
	}
}

// levels are those that were sampled under load.
func (p *poolMeasurement) levels(loaded *timeline.Pool) {
	p.Samples = loaded.Active.Count()
	p.Active, p.Waiting, p.Open = levelOf(loaded.Active), levelOf(loaded.Waiting), loaded.Total.Max()
	if p.Samples > 0 {
		p.Overflow = float64(loaded.InOverflow) / float64(p.Samples)
	}
}

func timesOf(d timeline.Distribution) times {
	return times{
		Count: d.Count(), Mean: d.Mean(), Min: d.Min(), Max: d.Max(),
		P50: d.Quantile(0.5), P90: d.Quantile(0.9), P95: d.Quantile(0.95), P99: d.Quantile(0.99),
	}
}

func levelOf(d timeline.Distribution) level {
	return level{Mean: d.Mean(), P95: d.Quantile(0.95), Max: d.Max()}
}

// share is what part is of a whole, 0 of nothing.
func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// success is the share of requests that succeeded, 0 where there was none.
func (m Measurement) success() float64 {
	if m.Requests == 0 {
		return 0
	}
	return 1 - share(m.Failed, m.Requests)
}

// timedOut is the share of requests that timed out.
func (m Measurement) timedOut() float64 { return share(m.Timeouts, m.Requests) }

// answered is the share of arrivals that succeeded, 0 where there was none.
func (m Measurement) answered() float64 {
	return m.success() * (1 - m.unserved())
}

// unserved is the share of arrivals that were dropped.
func (m Measurement) unserved() float64 { return share(m.Dropped, m.arrivals()) }

// arrivals are the requests and those that nobody was free for.
func (m Measurement) arrivals() int64 { return m.Requests + m.Dropped }

// served is the number of requests per second that succeeded.
func (m Measurement) served() float64 { return m.Throughput * m.success() }
