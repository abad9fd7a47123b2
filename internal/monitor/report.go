package monitor

import (
	"time"
)

// Report sums up a watch. Shares are between 0 and 1, of the samples in which
// the database answered: a sample is one moment, so they are shares of time.
// It is immutable.
type Report struct {
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"` // the last sample
	Pool    Pool      `json:"pool"`
	// Samples counts those in which the database answered, Failed the others,
	// Seen those in which it is known how many connections of the application
	// were in use, and at least one was open.
	Samples int `json:"samples"`
	Failed  int `json:"failed"`
	Seen    int `json:"seen"`
	// Active counts connections in use (see Sample.Use) and Open sessions;
	// CheckedOut and Waiting are the application's own. nil without a sample.
	Active     *Level `json:"active"`
	Open       *Level `json:"open"`
	CheckedOut *Level `json:"checkedout"`
	Waiting    *Level `json:"waiting"`
	// AtLeast is the share of the time in which Active is a lower bound only.
	AtLeast float64 `json:"at_least"`
	// InOverflow is the share of time with more than Pool.Size in use.
	InOverflow float64 `json:"in_overflow"`
	// Unavailable is the share of time without an available connection: with
	// Pool.Size in use or more.
	Unavailable float64 `json:"unavailable"`
	// LeastAvailable is Pool.Size less the peak of Active, at least 0.
	LeastAvailable int `json:"least_available"`
	// Utilization is the mean of Active over Pool.Size, above 1 in overflow.
	Utilization float64 `json:"utilization"`
	// Hidden is the most sessions seen whose state the role may not see.
	Hidden int `json:"hidden"`
	// LongestTransaction and LongestStatement are in seconds.
	LongestTransaction float64 `json:"longest_transaction_s"`
	LongestStatement   float64 `json:"longest_statement_s"`
	// CPU is the database host's, whoever uses it; nil where it is not known.
	CPU *CPULevel `json:"cpu_percent"`
	// Usage says what the connections in use were doing.
	Usage Usage `json:"usage"`
	// Unanswered counts the samples in which the application was asked about its
	// pools and did not answer in time.
	Unanswered int `json:"unanswered"`
	// Fullest is the worker with the most connections in use, nil where the
	// application does not report its pools.
	Fullest *WorkerReport `json:"fullest_worker"`
	// Clients is how many processes had the sessions, 0 where that is not known: they
	// are looked for on this machine.
	Clients int `json:"client_processes,omitempty"`
	// Absence is the longest stretch without any session of the application.
	Absence Absence `json:"absence,omitzero"`
	Held    Held    `json:"idle_transactions"`
	// Blocker is the root of the largest tree of sessions waiting for locks that
	// was seen, nil without one.
	Blocker *Session     `json:"blocker"`
	Server  ServerReport `json:"server"`
	// Pooler is nil where none is known of.
	Pooler *PoolerReport `json:"pooler"`
	// Load is what the application asked of the database.
	Load Load `json:"-"`
}

// CPULevel is in percent, 0 to 100.
type CPULevel struct {
	Mean float64 `json:"mean"`
	Peak float64 `json:"peak"`
	// Note says whose CPU it is, and what kept it from the server.
	Note string `json:"note,omitempty"`
}

// WorkerReport is one process of the application.
type WorkerReport struct {
	PID        int    `json:"pid,omitempty"`
	Workers    int    `json:"workers"` // of the application
	Size       int    `json:"size"`
	Capacity   int    `json:"capacity"`
	CheckedOut *Level `json:"checkedout"`
	Full       int    `json:"full"` // samples at Capacity
	Samples    int    `json:"samples"`
	// Took is the median time, in milliseconds, in which the application
	// reported its pools.
	Took float64 `json:"took_ms"`
}

// PoolerReport is what PgBouncer's console said. Counts are of samples.
type PoolerReport struct {
	Pooler      // the last answer
	Samples int `json:"samples"`
	Waiting int `json:"waiting"` // with clients waiting
	Full    int `json:"full"`    // of these, with every server connection in use
	// Crowded are those with as many clients as max_client_conn allows.
	Crowded    int `json:"crowded,omitempty"`
	MostQueued int `json:"cl_waiting_peak"`
	// LongestWait is the peak of maxwait, in seconds.
	LongestWait float64 `json:"maxwait_peak_s"`
}
