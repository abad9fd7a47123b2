package jstest

import "go.k6.io/k6/v2/metrics"

// Pushed are the samples of a test run, by metric.
type Pushed map[string][]metrics.Sample

// Ended lets the test run end and gives all that k6 was pushed.
func (u *User) Ended() Pushed {
	u.t.Helper()
	u.Run.End(true)
	close(u.Samples)
	all := make(Pushed)
	for container := range u.Samples {
		for _, sample := range container.GetSamples() {
			all[sample.Metric.Name] = append(all[sample.Metric.Name], sample)
		}
	}
	return all
}

// Of gives the samples of a metric.
func (p Pushed) Of(metric string) []metrics.Sample { return p[metric] }

// Count is the sum of a metric's values.
func (p Pushed) Count(metric string) (sum float64) {
	for _, sample := range p[metric] {
		sum += sample.Value
	}
	return sum
}

// Sampled are the levels, whose number depends on how long the test took.
var Sampled = []string{
	"pgxpool_active", "pgxpool_idle", "pgxpool_total", "pgxpool_overflow", "pgxpool_waiting", "pgxpool_active_sampled",
	"pgxpool_waiting_sampled", "pgxpool_utilization", "pgxpool_in_overflow", "pgxpool_samples",
}

// Events are how many samples each metric has, the levels aside.
func (p Pushed) Events() map[string]int {
	n := make(map[string]int)
	for metric, samples := range p {
		n[metric] = len(samples)
	}
	for _, level := range append(Sampled, "pgxpool_db_cpu") {
		delete(n, level)
	}
	return n
}
