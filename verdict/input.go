package verdict

import "time"

// Metric is one metric at the end of the test, as k6 hands it to
// handleSummary.
type Metric struct {
	// Type is k6's: counter, gauge, rate or trend.
	Type string `json:"type"`
	// Contains is k6's: default, time (milliseconds) or data (bytes).
	Contains string `json:"contains,omitempty"`
	// Values are the figures by name: count, rate, value, avg, "p(95)" …
	Values map[string]float64 `json:"values"`
	// Thresholds holds k6's own answers by expression, true where it holds.
	Thresholds map[string]bool `json:"thresholds,omitempty"`
}

// Run is what there is to know about a run besides its metrics.
type Run struct {
	Script   string    `json:"script"`
	Users    int       `json:"users"`
	Duration float64   `json:"duration_s"`         // seconds
	Started  time.Time `json:"started,omitzero"`   // when the test began
	Target   string    `json:"target,omitempty"`   // the application's URL, where there is one
	Cores    int       `json:"cores"`              // logical CPUs of the load generator
	Platform string    `json:"platform,omitempty"` // operating system and architecture
	// Configuration is the pool's and the scenario's options by name, without
	// any password.
	Configuration map[string]string `json:"configuration,omitempty"`
	// Versions are by program: k6, pgxpool, postgresql, go.
	Versions map[string]string `json:"versions,omitempty"`
}

// Input is what [Evaluate] judges.
type Input struct {
	Criteria []Criterion
	Metrics  map[string]Metric // by name
	Gate     string            // "pass" (or empty) or "fail"
	Waived   []string          // names of criteria
	// Unmeasured says by metric why it could not be measured, such as
	// "the role may not read /proc/stat".
	Unmeasured map[string]string
	// Missing says by metric why it has no data although it should have, such
	// as "the first third of the run has 3 responses". Unlike Unmeasured it
	// makes a FAIL no better; it explains it.
	Missing map[string]string
	// Notes are shown in every report, such as "CPU is the whole host's, load
	// generator included".
	Notes []string
	Run   Run
}
