package command

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/criteria"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// The metrics of monitorCriteria in thresholds/criteria.js.
const (
	metricSeen        = "app_pool_samples"     // in which the application had sessions to see
	metricUtilization = "app_pool_utilization" // active, in percent of the base size
	metricInOverflow  = "app_pool_in_overflow"
	metricAvailable   = "app_pool_available"
	metricUnavailable = "app_pool_unavailable" // share of time with none available
	metricAtLeast     = "app_pool_at_least"    // share of time in which active is a lower bound
)

// criteriaOf are the runbook's "Metrics to Track".
func criteriaOf(file *criteria.File, r monitor.Report) ([]verdict.Criterion, error) {
	hidden := r.Hidden
	if r.Seen == 0 {
		hidden = 0 // then that is why data is missing
	}
	return file.Rows("monitorCriteria", map[string]any{
		"poolSize": max(1, r.Pool.Size), "maxOverflow": r.Pool.MaxOverflow, "atLeast": r.AtLeast > 0, "hidden": hidden,
	})
}

// monitorMetrics are a report's values as the criteria name them.
func monitorMetrics(r monitor.Report) map[string]verdict.Metric {
	if r.Active == nil {
		return nil
	}
	ofSize := 100 / float64(r.Pool.Size)
	return map[string]verdict.Metric{
		metricSeen: {Type: "counter", Values: map[string]float64{"count": float64(r.Seen)}},
		metricUtilization: {Type: "trend", Values: map[string]float64{
			"p(95)": float64(r.Active.P95) * ofSize, "avg": r.Active.Mean * ofSize, "max": float64(r.Active.Peak) * ofSize,
		}},
		metricAvailable:   {Type: "trend", Values: map[string]float64{"min": float64(r.LeastAvailable)}},
		metricUnavailable: rateOf(r.Unavailable, r.Samples),
		metricInOverflow:  rateOf(r.InOverflow, r.Samples),
		metricAtLeast:     rateOf(r.AtLeast, r.Samples),
	}
}

// rateOf is a share of the samples as k6 hands it over, with both counts.
func rateOf(share float64, samples int) verdict.Metric {
	passes := share * float64(samples)
	return verdict.Metric{Type: "rate", Values: map[string]float64{
		"rate": share, "passes": passes, "fails": float64(samples) - passes,
	}}
}

// whyMissing says why there is nothing to judge.
func whyMissing(application string, r monitor.Report) map[string]string {
	var why string
	switch {
	case r.Server.Refused > 0 && r.Samples == 0:
		why = "the server had no connection left for the monitor (connection limit)"
	case r.Samples == 0:
		why = "the database never answered"
	case r.Hidden > 0:
		why = fmt.Sprintf("the monitor's role may not see what the sessions of %s do", application)
	default:
		why = fmt.Sprintf("no session of %s was seen", application)
	}
	return map[string]string{metricUtilization: why, metricAvailable: why, metricInOverflow: why}
}
