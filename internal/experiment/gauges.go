package experiment

import "slices"

// The gauges that results are made of, by metric name.
const (
	metricSteps = "experiment_steps" // done
	metricLeft  = "experiment_left"  // steps still to do, 0 where it is finished

	metricP95Ratio        = "before_after_p95_ratio" // after over before
	metricP95Low          = "before_after_p95_ratio_low"
	metricP95High         = "before_after_p95_ratio_high"
	metricThroughputRatio = "before_after_throughput_ratio"
	metricCPURatio        = "before_after_cpu_ratio"
	metricCPUPerRequest   = "before_after_cpu_per_request_ratio"
	metricSuccess         = "before_after_success" // of after, a share
	metricTimeouts        = "before_after_timeouts"
	metricTimedOut        = "before_after_timed_out" // a share
	metricBeforeSuccess   = "before_after_before_success"
	metricBeforeTimeouts  = "before_after_before_timeouts"
	metricDropped         = "before_after_dropped" // arrivals, of after; with a rate
	metricDroppedShare    = "before_after_dropped_share"

	metricUsers              = "capacity_users" // carried; with a rate capacity_rate
	metricRate               = "capacity_rate"  // per second
	metricCapacityLow        = "capacity_low"   // of the 95 % interval, in users or per second
	metricCapacityHigh       = "capacity_high"
	metricBroke              = "capacity_broke" // the smallest load that was not carried
	metricCapacityThroughput = "capacity_throughput"
	metricCapacityP95        = "capacity_p95"

	metricPoolSize         = "tune_pool_size"
	metricMaxOverflow      = "tune_max_overflow"
	metricConnections      = "tune_connections"
	metricConnectionsLow   = "tune_connections_low"
	metricConnectionsHigh  = "tune_connections_high"
	metricAgreement        = "tune_agreement" // share of resamples with the same recommendation
	metricNoise            = "tune_noise"     // share of p95 or throughput
	metricTuneP95          = "tune_p95"
	metricTuneThroughput   = "tune_throughput"
	metricTuneSuccess      = "tune_success" // a share
	metricTuneTimeouts     = "tune_timeouts"
	metricTuneTimedOut     = "tune_timed_out"
	metricTuneDropped      = "tune_dropped" // arrivals; with a rate
	metricTuneDroppedShare = "tune_dropped_share"
	metricModelConnections = "tune_model_connections"
)

// MetricNames are the gauges that any plan's [Result] may have, in order.
func MetricNames() []string {
	names := []string{
		metricSteps, metricLeft,
		metricP95Ratio, metricP95Low, metricP95High, metricThroughputRatio, metricCPURatio, metricCPUPerRequest,
		metricSuccess, metricTimeouts, metricTimedOut, metricBeforeSuccess, metricBeforeTimeouts,
		metricDropped, metricDroppedShare,
		metricUsers, metricRate, metricCapacityLow, metricCapacityHigh, metricBroke, metricCapacityThroughput, metricCapacityP95,
		metricPoolSize, metricMaxOverflow, metricConnections, metricConnectionsLow, metricConnectionsHigh,
		metricAgreement, metricNoise, metricTuneP95, metricTuneThroughput, metricTuneSuccess, metricTuneTimeouts, metricTuneTimedOut,
		metricTuneDropped, metricTuneDroppedShare,
		metricModelConnections,
	}
	slices.Sort(names)
	return names
}
