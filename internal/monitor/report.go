package monitor

import "time"

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
	Held    Held          `json:"idle_transactions"`
	// Blocker is the root of the largest tree of sessions waiting for locks that
	// was seen, nil without one.
	Blocker *Session     `json:"blocker"`
	Server  ServerReport `json:"server"`
	// Pooler is nil where none is known of.
	Pooler *PoolerReport `json:"pooler"`
}

// CPULevel is in percent, 0 to 100.
type CPULevel struct {
	Mean float64 `json:"mean"`
	Peak float64 `json:"peak"`
	// Note says whose CPU it is, and what kept it from the server.
	Note string `json:"note,omitempty"`
}

// Usage is what the connections in use were doing: sums over the samples in
// which the pool was under pressure, to be divided by each other.
type Usage struct {
	// Pressed counts those samples: at least Pressure of the base size in use,
	// or somebody waiting. Full counts those with every connection in use, of
	// the pool or of one worker, or with somebody waiting.
	Pressed int `json:"pressed"`
	Full    int `json:"full"`
	// InUse and its parts, as in Sessions. Held is IdleInTransaction without
	// those that have been so for less than BriefIdle.
	InUse             int `json:"in_use"`
	Working           int `json:"working"`
	Sleeping          int `json:"sleeping"`
	LockWaits         int `json:"lock_waits"`
	IdleInTransaction int `json:"idle_in_transaction"`
	Held              int `json:"held"`
	// IdleSeconds is how long those idle in a transaction had been so.
	IdleSeconds float64 `json:"idle_in_transaction_s"`
	// AllInUse and AllWorking are InUse and Working over all samples.
	AllInUse   int `json:"all_in_use"`
	AllWorking int `json:"all_working"`
	// AllHeld counts the samples with a full pool all of whose sessions were
	// idle in a transaction: nobody made progress.
	AllHeld int `json:"all_held"`
	// Locked counts the samples in which at least half of those in use were
	// waiting for a lock.
	Locked int `json:"locked"`
	// Limited counts the samples in which the server had no room for another
	// connection, hardly one was idle, and the pool was not full.
	Limited int `json:"limited"`
	// Orphaned counts the samples in which more sessions were not idle than the
	// application had checked out, or could have, by at least two;
	// MostOrphaned is by how many.
	Orphaned     int `json:"orphaned"`
	MostOrphaned int `json:"most_orphaned"`
	// Queued counts the samples in which the application had more connections
	// checked out than there are sessions: a pooler stands between.
	Queued int `json:"queued"`
	// Pooled counts those in which it had more open, in use or not.
	Pooled int `json:"pooled"`
	// Exceeded counts the samples with more sessions open than the pool may have.
	Exceeded int `json:"exceeded"`
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

// Held are sessions idle in a transaction.
type Held struct {
	// Before are those that were so before the watch and stayed so until its
	// end; Since began in its first, second and last third, are idle for at
	// least LongIdle and still were so at the end. Ended are those that had been
	// idle for LongIdle and went on.
	Before int    `json:"before"`
	Since  [3]int `json:"since"`
	Ended  int    `json:"ended"`
	// Longest is the session that had been idle for longest, of those that
	// still were at the end or else of all; Oldest has the oldest transaction.
	Longest *Session `json:"longest"`
	Oldest  *Session `json:"oldest"`
	// LongestIdle is in seconds.
	LongestIdle float64 `json:"longest_idle_s"`
}

// ServerReport is what the server said about itself and the application's
// databases during the watch.
type ServerReport struct {
	// Limit is the tightest limit of connections at its tightest; nil where
	// none is known.
	Limit *Limit `json:"limit"`
	// Refused counts the samples for which the server had no connection left.
	Refused int `json:"refused"`
	// Restarted says that it started anew, or said that it is starting or
	// shutting down.
	Restarted bool `json:"restarted"`
	// ReadOnly says that it was so at the end, BecameReadOnly that it was not
	// at the beginning.
	ReadOnly       bool `json:"read_only"`
	BecameReadOnly bool `json:"became_read_only"`
	// Statistics are differences over the watch, of all databases together;
	// Seconds is the time between.
	Statistics Statistics `json:"statistics"`
	Seconds    float64    `json:"seconds"`
	// In milliseconds, 0 where the application's role and database set none.
	StatementTimeout float64 `json:"statement_timeout_ms,omitempty"`
	IdleTimeout      float64 `json:"idle_timeout_ms,omitempty"`
	// Opened counts sessions of the application that were not there before.
	Opened int `json:"sessions_opened"`
}

// PoolerReport is what PgBouncer's console said. Counts are of samples.
type PoolerReport struct {
	Pooler         // the last answer
	Samples    int `json:"samples"`
	Waiting    int `json:"waiting"` // with clients waiting
	Full       int `json:"full"`    // of these, with every server connection in use
	MostQueued int `json:"cl_waiting_peak"`
	// LongestWait is the peak of maxwait, in seconds.
	LongestWait float64 `json:"maxwait_peak_s"`
}
