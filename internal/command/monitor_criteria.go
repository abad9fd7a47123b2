package command

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// The metrics that the criteria are about.
const (
	metricSeen        = "app_pool_samples"     // in which the application had sessions to see
	metricUtilization = "app_pool_utilization" // active, in percent of the base size
	metricInOverflow  = "app_pool_in_overflow"
	metricAvailable   = "app_pool_available"
	metricUnavailable = "app_pool_unavailable" // share of time with none available
	metricAtLeast     = "app_pool_at_least"    // share of time in which active is a lower bound
)

// monitorCriteria are the runbook's "Metrics to Track". active_connections and
// overflow_time are the rows of thresholds/criteria.js for an application that
// is watched (a test holds them to it).
func monitorCriteria(r monitor.Report) []verdict.Criterion {
	seen := verdict.Condition{Metric: metricSeen, Expression: "count>0"}
	criteria := []verdict.Criterion{
		{
			Name: "active_connections", Title: "Active connections", Unit: text.Percent,
			Metric: metricUtilization, Pass: "p(95)<80",
			Warning: fmt.Sprintf("p(95)<%g", float64(1000*r.Pool.Capacity()/max(1, r.Pool.Size))/10), Guard: seen,
		},
		{
			Name: "available_connections", Title: "Available connections", Unit: text.Count,
			Metric: metricAvailable, Pass: "min>0",
			WarningMetric: metricUnavailable, WarningTitle: "time without an available connection",
			Warning: "rate<0.30", Guard: seen,
		},
		{
			Name: "overflow_time", Title: "Time in overflow", Unit: text.Share,
			Metric: metricInOverflow, Pass: "rate<0.10", Warning: "rate<0.30", Guard: seen,
		},
	}
	if r.AtLeast > 0 {
		criteria = append(criteria, verdict.Criterion{
			Name: "lower_bound", Title: "At least, not exactly", Unit: text.Share,
			Metric: metricAtLeast, Pass: "rate<0.10", Warning: "rate<=1", Guard: seen,
		})
	}
	if r.Hidden > 0 && r.Seen > 0 {
		criteria = append(criteria, hiddenCriterion(r.Hidden))
	}
	return criteria
}

// hiddenCriterion keeps a verdict from being better than what was seen.
func hiddenCriterion(hidden int) verdict.Criterion {
	return verdict.Criterion{
		Name: "visible_sessions", Title: "Visible sessions", Unit: text.Count,
		Metric: metricSeen, Pass: "count>0", Warning: "count>0",
		Guard: verdict.Condition{Metric: metricSeen, Expression: "count>0"},
		Unmeasured: fmt.Sprintf("up to %d sessions do not show the monitor's role what they do; "+
			"GRANT pg_read_all_stats to it", hidden),
	}
}

// monitorMetrics are a report's figures as the criteria name them.
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
