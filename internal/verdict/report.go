package verdict

import (
	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// Row is the judgment of one criterion.
type Row struct {
	Criterion
	Verdict Verdict `json:"verdict"`
	Waived  bool    `json:"waived"` // it is shown and does not count
	// Measured is the value that Pass looks at, null where there is none.
	Measured *float64 `json:"measured"`
	Reason   string   `json:"reason"` // why the verdict is not PASS; empty for PASS
	// Advice says what to do about it; empty for PASS and where nothing was
	// measured.
	Advice string `json:"-"`
}

// Report is the judgment of a run. It is immutable.
type Report struct {
	// Verdict is the worst of the rows that are not waived.
	Verdict Verdict
	Gate    Gate
	// GateHolds tells whether the gate lets Verdict through. k6 exits with 99
	// when it does not.
	GateHolds bool
	// noThresholds says that k6 judged none, so that it does not.
	noThresholds bool
	// Setup says why setup() failed. There are no rows then.
	Setup *SetupFailure
	Rows  []Row // in the order of the criteria
	// Diagnoses are the troubles that the values show, most likely first; none
	// for a healthy run. They do not change the verdict.
	Diagnoses []diagnosis.Diagnosis
	Notes     []string
	Run       Run
	Metrics   map[string]Metric
	// Statements are those of a workload; empty without one.
	Statements []Statement
	Recording  *timeline.Recording // nil where nothing was recorded
	// Application is what was seen of it, nil where none was under load.
	Application *diagnosis.Application
	// limits are those of the servers of the run's pools.
	limits diagnosis.Limits
}
