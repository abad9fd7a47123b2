package experiment

import (
	"fmt"
	"slices"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// saturated says why a step shows the limits of the load generator, and not of
// what it loads; "" where it does not.
//
// By Little's law the users who wait for an answer are throughput times response
// time: where arrivals are dropped although most users had nothing to wait for,
// k6 did not come round to them, and where users pause for longer than they think
// it was late.
func (m Measurement) saturated(think time.Duration) string {
	const (
		occupied = 0.8  // share of the users
		few      = 0.01 // share of arrivals
		requests = 400  // of which the mean pause is known within some percent
		late     = 10   // milliseconds
	)
	if g := m.Generator; g != nil {
		switch {
		case g.CPU >= timeline.BusyCPU:
			return fmt.Sprintf("k6 itself used %s of the processors it may use", text.Percent.Format(g.CPU))
		case g.Delay >= timeline.LongDelay:
			return fmt.Sprintf("runnable work of k6 waited %s for a processor", text.Millis(g.Delay))
		}
	}
	if m.Requests < requests || m.Throughput <= 0 {
		return ""
	}
	users, waiting := float64(m.Step.Load.Users), m.Throughput*m.Request.Mean/1000
	if m.Step.Load.Rate > 0 {
		if m.unserved() >= few && waiting < occupied*users {
			return fmt.Sprintf("arrivals were dropped although only %.0f of %.0f users waited for an answer", waiting, users)
		}
		return ""
	}
	if pause := users/m.Throughput*1000 - m.Request.Mean; pause > inMillis(think)*(1+waitShare)+late {
		return fmt.Sprintf("users paused for %s between requests, instead of THINK's %s", text.Millis(pause), text.Millis(inMillis(think)))
	}
	return ""
}

const loadGenerator = "load_generator"

// generatorRow is listed among the criteria that a step of capacity broke.
func generatorRow(why string) verdict.Row {
	return verdict.Row{
		Criterion: verdict.Criterion{Name: loadGenerator, Title: "Load generator"}, Verdict: verdict.Fail,
		Reason: why, Advice: "The load generator is at its limit, so the measurements include its own slowness. Run k6 on a separate machine, or with fewer users.",
	}
}

// onGenerator says which steps show the load generator's limits.
func (s settings) onGenerator(done []Measurement) string {
	var labels []string
	why, steps := "", 0
	for _, m := range done {
		if found := m.saturated(s.think); found != "" {
			why, steps = found, steps+1
			if !slices.Contains(labels, m.Step.Label) {
				labels = append(labels, m.Step.Label)
			}
		}
	}
	if steps == 0 {
		return ""
	}
	return fmt.Sprintf("The load generator was at its limit in %d of %s (%s): %s. Those measurements include its own slowness: run k6 on a separate machine, or with a smaller load.",
		steps, text.Counted(len(done), "step"), joined(labels), why)
}
