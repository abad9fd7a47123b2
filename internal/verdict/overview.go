package verdict

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// Overview holds the values that one looks at first and that a later
// comparison of runs needs. A value that was not measured is nil.
type Overview struct {
	Requests          *float64 `json:"requests,omitempty"`
	RequestsPerSecond *float64 `json:"requests_per_s,omitempty"`
	Failed            *float64 `json:"failed,omitempty"`
	Timeouts          *float64 `json:"timeouts,omitempty"`
	// Retries are attempts beyond the first of a request, Amplification is what
	// all attempts are over the requests. Nil where nothing was made again.
	Retries       *float64 `json:"retries,omitempty"`
	Amplification *float64 `json:"retry_amplification,omitempty"`
	// RetriesBy counts them by why the attempt before failed, where that is known.
	RetriesBy   map[string]int64 `json:"retries_by_reason,omitempty"`
	ResponseP50 *float64         `json:"response_p50_ms,omitempty"`
	ResponseP95 *float64         `json:"response_p95_ms,omitempty"`
	ResponseP99 *float64         `json:"response_p99_ms,omitempty"`
	ResponseMax *float64         `json:"response_max_ms,omitempty"`
	// What users in a closed loop would have measured had they not waited for
	// slow answers, see [timeline.Distribution.Corrected].
	CorrectedP95  *float64 `json:"response_p95_corrected_ms,omitempty"`
	CorrectedP99  *float64 `json:"response_p99_corrected_ms,omitempty"`
	Interrupted   *float64 `json:"interrupted,omitempty"` // requests that never ended
	ResponseDrift *float64 `json:"response_drift,omitempty"`
	WaitP50       *float64 `json:"wait_p50_ms,omitempty"`
	WaitP95       *float64 `json:"wait_p95_ms,omitempty"`
	WaitP99       *float64 `json:"wait_p99_ms,omitempty"`
	WaitMax       *float64 `json:"wait_max_ms,omitempty"`
	PeakActive    *float64 `json:"peak_active,omitempty"`
	PeakWaiting   *float64 `json:"peak_waiting,omitempty"`
	// Load is how many connections the requests had in use on average: as many
	// as the load asked for (Little: checkouts per second times their length).
	Load           *float64 `json:"connections_in_use_mean,omitempty"`
	InOverflow     *float64 `json:"in_overflow,omitempty"` // share of time, 0 to 1
	DatabaseCPU    *float64 `json:"db_cpu_percent,omitempty"`
	DatabaseCPUMax *float64 `json:"db_cpu_max_percent,omitempty"`
}

// Overview picks the values out of the metrics.
func (r Report) Overview() Overview {
	o := Overview{
		Failed:         r.pick("request_success", "fails", ""),
		Timeouts:       r.pick("request_timeouts", "count", ""),
		ResponseP50:    r.pick("request_duration", "med", "max"),
		ResponseP95:    r.pick("request_duration", "p(95)", "max"),
		ResponseP99:    r.pick("request_duration", "p(99)", "max"),
		ResponseMax:    r.pick("request_duration", "max", "max"),
		Interrupted:    r.pick("request_interrupted", "count", "count"),
		ResponseDrift:  r.pick("response_drift", "value", "value"),
		DatabaseCPU:    r.pick("pgxpool_db_cpu", "avg", "max"),
		DatabaseCPUMax: r.pick("pgxpool_db_cpu", "max", "max"),
	}
	r.ofThePool(&o)
	r.corrected(&o)
	if passes := r.pick("request_success", "passes", ""); passes != nil && o.Failed != nil {
		requests := *passes + *o.Failed
		o.Requests = &requests
		if o.Retries = r.pick("request_retries", "count", "count"); o.Retries != nil && requests > 0 {
			o.Amplification = new(1 + *o.Retries/requests)
			if r.Recording != nil {
				o.RetriesBy = r.Recording.Totals.Requests.Retries
			}
		}
		if r.Run.Duration > 0 {
			o.RequestsPerSecond = new(requests / r.Run.Duration)
		}
	}
	return o
}

// ofThePool picks the values of the pool that the users' requests go through.
// Where an application is loaded that is the application's: a pool beside it is
// the script's own, and nobody's wait is in it.
func (r Report) ofThePool(o *Overview) {
	if r.Metrics["app_pool_samples"].Values["count"] > 0 {
		o.PeakActive = r.pick("app_pool_active_sampled", "max", "")
		o.Load = r.pick("app_pool_active_sampled", "avg", "max")
		o.InOverflow = r.pick("app_pool_in_overflow", "rate", "")
		return
	}
	o.WaitP50 = r.pick("pgxpool_acquire_duration", "med", "max")
	o.WaitP95 = r.pick("pgxpool_acquire_duration", "p(95)", "max")
	o.WaitP99 = r.pick("pgxpool_acquire_duration", "p(99)", "max")
	o.WaitMax = r.pick("pgxpool_acquire_duration", "max", "max")
	if r.Metrics["pgxpool_samples"].Values["count"] > 0 {
		o.PeakActive = r.pick("pgxpool_active_sampled", "max", "")
		o.PeakWaiting = r.pick("pgxpool_waiting_sampled", "max", "")
		o.InOverflow = r.pick("pgxpool_in_overflow", "rate", "")
	}
	use := r.Metrics["pgxpool_use_duration"].Values
	if r.Run.Duration > 0 && use["count"] > 0 {
		o.Load = new(use["avg"] * use["count"] / 1000 / r.Run.Duration)
	}
}

// corrected adds the percentiles of a closed loop. In an open one there is no
// usual cycle of a user.
func (r Report) corrected(o *Overview) {
	if r.Recording == nil || r.Recording.Totals.Requests.Cycle.Count() == 0 {
		return
	}
	requests := r.Recording.Totals.Requests
	all := requests.Duration.Corrected(requests.Cycle.Quantile(0.5))
	// A sketch's percentile may be a little below the exact one.
	p95, p99 := max(all.Quantile(0.95), orZero(o.ResponseP95)), max(all.Quantile(0.99), orZero(o.ResponseP99))
	o.CorrectedP95, o.CorrectedP99 = &p95, &p99
}

func orZero(value *float64) float64 {
	if value == nil {
		return 0
	}
	return *value
}

// capacity is a note on what the run cannot tell: of a pool that was never full
// the size does not matter.
func (r Report) capacity() []string {
	size, overflow, known := r.Run.Configuration.Sizes(DefaultPool)
	peak := r.Overview().PeakActive
	if !known || peak == nil || *peak >= float64(size+overflow) {
		return nil
	}
	return []string{fmt.Sprintf("This load never had more than %.0f of %d connections in use: it cannot tell %d+%d from %.0f+0.",
		*peak, size+overflow, size, overflow, math.Max(1, *peak))}
}

// pick looks a value up. Where proof names a value, that one must be above 0:
// k6 gives zeros for a metric without samples.
func (r Report) pick(metric, name, proof string) *float64 {
	values := r.Metrics[metric].Values
	if proof != "" && !(values[proof] > 0) {
		return nil
	}
	if value, ok := values[name]; ok {
		return &value
	}
	return nil
}

// line is a labeled line of the overview.
type line struct{ label, text string }

// lines are the overview for people; what was not measured is left out.
func (o Overview) lines(run Run) []line {
	all := []line{
		{"Requests", text.List(
			some(o.Requests, "%.0f")+some(o.RequestsPerSecond, " (%.1f/s)"),
			some(o.Failed, "%.0f failed"),
			some(o.Interrupted, "%.0f still open"),
			some(o.Timeouts, "%.0f timed out"))},
		{"Retries", text.List(
			some(o.Retries, "%.0f")+o.retriesBy(),
			some(o.Amplification, "%.2f times the load that users asked for"))},
		{"Response", text.List(
			took("p95", o.ResponseP95), took("p99", o.ResponseP99), took("max", o.ResponseMax))},
		{"Corrected", text.List(took("p95", o.CorrectedP95), took("p99", o.CorrectedP99)) + o.correction()},
		{"Wait for pool", text.List(
			took("p95", o.WaitP95), took("p99", o.WaitP99), took("max", o.WaitMax))},
		{"Connections", text.List(
			some(o.Load, "%.1f in use on average"),
			some(o.PeakActive, "peak %.0f")+o.ofPool(run),
			written(o.InOverflow, text.Share, "in overflow ", " of the time"),
			o.waiting())},
		{"Database CPU", text.List(
			written(o.DatabaseCPU, text.Percent, "average ", ""), written(o.DatabaseCPUMax, text.Percent, "max ", ""))},
	}
	var lines []line
	for _, l := range all {
		if l.text != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// retriesBy is " (18 after PoolTimeoutError, 13 after 40001)".
func (o Overview) retriesBy() string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(o.RetriesBy)) {
		parts = append(parts, fmt.Sprintf("%d after %s", o.RetriesBy[reason], text.Line(reason)))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func (o Overview) correction() string {
	if o.CorrectedP95 == nil {
		return ""
	}
	return ", including the requests that users could not make while they waited"
}

func (o Overview) waiting() string {
	if o.PeakWaiting != nil && *o.PeakWaiting == 0 {
		return "none waiting"
	}
	return some(o.PeakWaiting, "at most %.0f waiting")
}

// ofPool says " of 20+40" where the peak and the pool's size are known. Of several pools
// the peak is that of one, and the average that of all.
func (o Overview) ofPool(run Run) string {
	pool := run.pool()
	switch {
	case o.PeakActive == nil:
		return ""
	case pool != "":
		return " of " + pool
	case run.Configuration.named() > 1:
		return " in one pool"
	default:
		return ""
	}
}

// pool is "20+40" (poolSize and maxOverflow), empty where they are not known.
func (r Run) pool() string {
	size, overflow, known := r.Configuration.Sizes(DefaultPool)
	if !known {
		return ""
	}
	return fmt.Sprintf("%d+%d", size, overflow)
}

func some(value *float64, format string) string {
	if value == nil {
		return ""
	}
	return fmt.Sprintf(format, *value)
}

func took(label string, ms *float64) string {
	if ms == nil {
		return ""
	}
	return label + " " + text.Millis(*ms)
}

func written(value *float64, unit text.Unit, before, after string) string {
	if value == nil {
		return ""
	}
	return before + unit.Format(*value) + after
}
