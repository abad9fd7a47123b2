package report

import (
	"fmt"
	"math"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

const noRequests = "No request was measured."

func (m moments) requests() figure {
	return figure{
		Chart: Chart{Title: "Requests", YLabel: "milliseconds", Series: m.percentiles(
			func(t timeline.Totals) *timeline.Distribution { return &t.Requests.Duration })},
		absent: noRequests,
	}
}

// throughput leaves out the last step: the run ended somewhere in it.
func (m moments) throughput() figure {
	f := figure{Chart: Chart{Title: "Throughput", YLabel: "requests per second"}, absent: noRequests}
	rate := m.count(func(t timeline.Totals) int64 { return t.Requests.Duration.Count() })
	total := 0.0
	for i := range rate {
		total += rate[i]
		rate[i] /= m.step.Seconds()
	}
	switch {
	case total == 0:
		return f
	case len(rate) == 1:
		f.absent = "The run is too short for a rate."
		return f
	}
	rate[len(rate)-1] = math.NaN()
	f.Series = []Series{{Name: "requests", Values: rate}}
	return f
}

func (m moments) failures(whole timeline.Totals) figure {
	f := figure{Chart: Chart{Title: "Failures", YLabel: "in each " + text.Length(m.step)}, absent: noRequests}
	requests := whole.Requests.Duration.Count() + whole.Requests.Dropped
	checkouts := ofAllPools(func(p *timeline.Pool) int64 { return p.Wait.Count() })(whole)
	if requests+checkouts == 0 {
		return f
	}
	add := func(name string, value func(timeline.Totals) int64) {
		if value(whole) > 0 {
			f.Series = append(f.Series, Series{Name: name, Values: m.count(value)})
		}
	}
	add("requests timed out", func(t timeline.Totals) int64 { return t.Requests.Timeouts })
	if whole.Requests.Retried() > 0 { // some that timed out succeeded after all
		add("requests failed", func(t timeline.Totals) int64 { return t.Requests.Failed })
		add("retries", func(t timeline.Totals) int64 { return t.Requests.Retried() })
	} else {
		add("requests failed otherwise", func(t timeline.Totals) int64 { return t.Requests.Failed - t.Requests.Timeouts })
	}
	add("arrivals dropped", func(t timeline.Totals) int64 { return t.Requests.Dropped })
	if requests == 0 { // otherwise they would be drawn twice, one line over the other
		add("checkouts timed out", ofAllPools(func(p *timeline.Pool) int64 { return p.Timeouts }))
		add("checkouts failed otherwise", ofAllPools(func(p *timeline.Pool) int64 { return p.AcquireFailed - p.Timeouts }))
		add("statements failed", ofAllPools(func(p *timeline.Pool) int64 { return p.QueryFailed }))
	}
	f.absent = fmt.Sprintf("None of %d requests failed.", requests)
	if requests == 0 {
		f.absent = fmt.Sprintf("None of %d checkouts failed.", checkouts)
	}
	return f
}

// cpu has no gap between two readings: a step may be shorter than the time from
// one to the next.
func (m moments) cpu() figure {
	p := pick(func(t timeline.Totals) *timeline.Distribution { return &t.DatabaseCPU })
	m = m.where(p)
	return figure{
		Chart: Chart{Title: "Database CPU", YLabel: "percent of the database's host", Series: []Series{
			m.sampled("CPU", p),
		}, X: m.at},
		absent: "The database's CPU was not measured.",
	}
}

// ofAllPools adds a count up over the pools.
func ofAllPools(count func(*timeline.Pool) int64) func(timeline.Totals) int64 {
	return func(t timeline.Totals) int64 {
		var sum int64
		for _, p := range t.Pools {
			sum += count(p)
		}
		return sum
	}
}
