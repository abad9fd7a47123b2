package verdict

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// Run is what there is to know about a run besides its metrics.
type Run struct {
	Script   string    `json:"script"`
	Users    int       `json:"users"`
	Duration float64   `json:"duration_s"`          // seconds
	Started  time.Time `json:"started,omitzero"`    // when the test began
	CutShort bool      `json:"cut_short,omitempty"` // it was stopped before its end
	Target   string    `json:"target,omitempty"`    // the application's URL, where there is one
	Cores    int       `json:"cores"`               // logical CPUs of the load generator
	Platform string    `json:"platform,omitempty"`  // operating system and architecture
	// Configuration holds the pools', the scenario's and the server's options.
	Configuration Configuration `json:"configuration,omitempty"`
	// Versions are by program: k6, pgxpool, postgresql, go.
	Versions map[string]string `json:"versions,omitempty"`
}

// Input is what [Evaluate] judges.
type Input struct {
	Criteria []Criterion
	Metrics  map[string]Metric // by name
	Gate     string            // "pass" (or empty) or "fail"
	Waived   []string          // names of criteria
	// Unmeasured says by metric why it could not be measured, such as "the role
	// may not read /proc/stat". It makes a WARNING of a criterion that has an
	// Attempt, since k6 sees the attempt too; for any other it explains the FAIL.
	Unmeasured map[string]string
	// Missing says by metric why it has no data although it should have, such
	// as "the first third of the run has 3 responses". It explains a FAIL.
	Missing map[string]string
	// NoThresholds says that k6 judged none (--no-thresholds), so that its exit
	// code does not follow the gate.
	NoThresholds bool
	// Setup says why setup() failed, nil where it did not. Nothing is judged then.
	Setup *SetupFailure
	Notes []string // shown in every report
	// Timeline is the run as recorded over time, empty where it was not.
	Timeline timeline.Snapshot
	// Recording is what package merge made of several timelines, in place of Timeline.
	Recording *timeline.Recording
	// Application is what was seen of the application under load, where there is one.
	Application diagnosis.Application
	// Limits are those of the servers of this process's pools.
	Limits diagnosis.Limits
	Run    Run
	// Statements are those of a workload; empty without one.
	Statements []Statement
}

// shown is a copy of the run that is fit to be shown.
func (r Run) shown() Run {
	r.Script, r.Target = text.Line(r.Script), text.Line(r.Target)
	r.Configuration, r.Versions = lines(r.Configuration), lines(r.Versions)
	return r
}

func lines(values map[string]string) map[string]string {
	clean := maps.Clone(values)
	for name, value := range clean {
		clean[name] = text.Line(value)
	}
	return clean
}

// checkWaivers reports the first waiver that names no criterion.
func checkWaivers(criteria []Criterion, waived []string) error {
	names := make([]string, len(criteria))
	for i, c := range criteria {
		names[i] = c.Name
	}
	for _, name := range waived {
		if !slices.Contains(names, name) {
			return fmt.Errorf("WAIVE: %q is not a criterion; use one of %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}
