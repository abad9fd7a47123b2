package experiment

import "slices"

// The gauges that results are made of, by metric name.
const (
	figureSteps = "experiment_steps" // done
	figureLeft  = "experiment_left"  // steps still to do, 0 where it is finished

	figureP95Ratio       = "before_after_p95_ratio" // after over before
	figureP95Low         = "before_after_p95_ratio_low"
	figureP95High        = "before_after_p95_ratio_high"
	figureThroughput     = "before_after_throughput_ratio"
	figureCPURatio       = "before_after_cpu_ratio"
	figureCPUPerRequest  = "before_after_cpu_per_request_ratio"
	figureSuccess        = "before_after_success" // of after, a share
	figureTimeouts       = "before_after_timeouts"
	figureTimedOut       = "before_after_timed_out" // a share
	figureBeforeSuccess  = "before_after_before_success"
	figureBeforeTimeouts = "before_after_before_timeouts"
	figureDropped        = "before_after_dropped" // arrivals, of after; with a rate
	figureDroppedShare   = "before_after_dropped_share"

	figureUsers              = "capacity_users" // carried; with a rate capacity_rate
	figureRate               = "capacity_rate"  // per second
	figureBroke              = "capacity_broke" // the smallest load that was not carried
	figureCapacityThroughput = "capacity_throughput"
	figureCapacityP95        = "capacity_p95"

	figurePoolSize         = "tune_pool_size"
	figureMaxOverflow      = "tune_max_overflow"
	figureConnections      = "tune_connections"
	figureConnectionsLow   = "tune_connections_low"
	figureConnectionsHigh  = "tune_connections_high"
	figureAgreement        = "tune_agreement" // share of resamples with the same recommendation
	figureNoise            = "tune_noise"     // share of p95 or throughput
	figureTuneP95          = "tune_p95"
	figureTuneThroughput   = "tune_throughput"
	figureTuneSuccess      = "tune_success" // a share
	figureTuneTimeouts     = "tune_timeouts"
	figureTuneTimedOut     = "tune_timed_out"
	figureTuneDropped      = "tune_dropped" // arrivals; with a rate
	figureTuneDroppedShare = "tune_dropped_share"
	figureModelConnections = "tune_model_connections"
)

// FigureNames are the gauges that any plan's [Result] may have, in order.
func FigureNames() []string {
	names := []string{
		figureSteps, figureLeft,
		figureP95Ratio, figureP95Low, figureP95High, figureThroughput, figureCPURatio, figureCPUPerRequest,
		figureSuccess, figureTimeouts, figureTimedOut, figureBeforeSuccess, figureBeforeTimeouts,
		figureDropped, figureDroppedShare,
		figureUsers, figureRate, figureBroke, figureCapacityThroughput, figureCapacityP95,
		figurePoolSize, figureMaxOverflow, figureConnections, figureConnectionsLow, figureConnectionsHigh,
		figureAgreement, figureNoise, figureTuneP95, figureTuneThroughput, figureTuneSuccess, figureTuneTimeouts, figureTuneTimedOut,
		figureTuneDropped, figureTuneDroppedShare,
		figureModelConnections,
	}
	slices.Sort(names)
	return names
}
