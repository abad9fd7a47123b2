package compare

import (
	"cmp"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// reportSchema is the version of the report as JSON. It grows when a field
// changes its meaning or goes away; new fields do not change it.
const reportSchema = 1

// Report is what came of a comparison.
type Report struct {
	Schema int    `json:"schema"`
	Answer Answer `json:"answer"`
	// Obstacle says why no metric could be compared, empty where they could.
	Obstacle string       `json:"obstacle,omitempty"`
	Baseline *description `json:"baseline"` // null where there is none
	Result   description  `json:"result"`
	Runs     int          `json:"runs"` // of the history that counted
	Rows     []row        `json:"figures"`
	Notes    []string     `json:"notes"`
}

// description says which run this was.
type description struct {
	Script            string            `json:"script"`
	Users             int               `json:"users"`
	Duration          float64           `json:"duration_s"`
	Started           time.Time         `json:"started,omitzero"`
	Cores             int               `json:"cores"`
	Platform          string            `json:"platform,omitempty"`
	Versions          map[string]string `json:"versions,omitempty"`
	Verdict           verdict.Verdict   `json:"verdict"`
	ConfigurationHash string            `json:"configuration_hash"`
}

// row is the comparison of one metric. Values are in the metric's unit.
type row struct {
	metric
	Baseline *float64 `json:"baseline"` // with a history the median of the nights around it; null where it was not measured
	Result   *float64 `json:"result"`
	Change   *float64 `json:"change"`  // null where it cannot be compared
	Allowed  float64  `json:"allowed"` // the largest change that is the same
	Noise    *noise   `json:"noise"`   // null where it is not known
	// Since is the first night of the level that the answer is about; null where
	// the metric did not move.
	Since *time.Time `json:"since"`
	// Chance is how likely noise alone makes such a change; null where it is not
	// known.
	Chance *float64 `json:"chance"`
	// Confirmation is what reruns said of a metric that was worse; null where it
	// was not run again.
	Confirmation *confirmation `json:"confirmation"`
	Answer       Answer        `json:"answer"`
	Reason       string        `json:"reason,omitempty"` // where the change does not say it
}

// noise is what a metric does from night to night without any change.
type noise struct {
	Runs      int     `json:"runs"`
	Median    float64 `json:"median"`    // of the nights around the baseline
	Deviation float64 `json:"deviation"` // standard deviation, steps taken out
}

func describe(s verdict.Summary) description {
	return description{
		Script: s.Run.Script, Users: s.Run.Users, Duration: s.Run.Duration, Started: s.Run.Started,
		Cores: s.Run.Cores, Platform: s.Run.Platform, Versions: s.Run.Versions,
		Verdict: s.Verdict, ConfigurationHash: s.ConfigurationHash,
	}
}

// overall is the answer that counts among many: a metric that got worse stays
// so whatever could not be compared, and a run is not fine while one is unknown.
func (r Report) overall() Answer {
	switch {
	case len(r.Names(Worse)) > 0:
		return Worse
	case len(r.Names(Unknown)) > 0, len(r.Rows) == 0:
		return Unknown
	case len(r.Names(Better)) > 0:
		return Better
	default:
		return Same
	}
}

// Names are those of the metrics with an answer.
func (r Report) Names(answer Answer) []string {
	var names []string
	for _, row := range r.Rows {
		if row.Answer == answer {
			names = append(names, row.Name)
		}
	}
	return names
}

// Summary is the report in one line, safe to print.
func (r Report) Summary() string { return text.Line(r.summary()) }

func (r Report) summary() string {
	switch {
	case r.Answer == Worse:
		return "worse: " + r.named(Worse)
	case r.Obstacle != "":
		return "unknown: " + r.Obstacle
	case r.Answer == Unknown && len(r.Rows) == 0:
		return "unknown: neither run measured a metric to compare"
	case r.Answer == Unknown:
		return "unknown: " + r.named(Unknown)
	case r.Answer == Better:
		return "better: " + r.named(Better)
	case len(r.refuted()) > 0:
		return "same: reruns did not confirm what was worse: " + strings.Join(r.refuted(), ", ")
	default:
		return "same: no metric changed by more than its tolerance and noise"
	}
}

// named lists the metrics with an answer, each with the change that made it or the
// reason.
func (r Report) named(answer Answer) string {
	var said []string
	for _, row := range r.Rows {
		if row.Answer == answer {
			said = append(said, row.Name+" "+cmp.Or(row.Reason, row.changeText()))
		}
	}
	return strings.Join(said, "; ")
}

// Answer is what a comparison says, of one metric or of a whole run.
type Answer string

// The four answers.
const (
	Better  Answer = "better"
	Same    Answer = "same"
	Worse   Answer = "worse"
	Unknown Answer = "unknown" // it cannot be told
)
