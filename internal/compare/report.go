package compare

import (
	"fmt"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// reportSchema is the version of the report as JSON. It grows when a field
// changes its meaning or goes away; new fields do not change it.
const reportSchema = 1

// Report is what came of a comparison.
type Report struct {
	Schema int    `json:"schema"`
	Answer Answer `json:"answer"`
	// Obstacle says why no figure could be compared, empty where they could.
	Obstacle string       `json:"obstacle,omitempty"`
	Baseline *Description `json:"baseline"` // null where there is none
	Result   Description  `json:"result"`
	Runs     int          `json:"runs"` // of the history that counted
	Rows     []Row        `json:"figures"`
	Notes    []string     `json:"notes"`
}

// Description says which run this was.
type Description struct {
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

// Row is the comparison of one figure. Values are in the figure's unit.
type Row struct {
	Figure
	Baseline *float64 `json:"baseline"` // null where it was not measured
	Result   *float64 `json:"result"`
	Change   *float64 `json:"change"`  // null where it cannot be compared
	Allowed  float64  `json:"allowed"` // the largest change that is the same
	Noise    *Noise   `json:"noise"`   // null where it is not known
	Trend    *Trend   `json:"trend"`   // null where there are too few runs
	Answer   Answer   `json:"answer"`
	Reason   string   `json:"reason,omitempty"` // where the change does not say it
}

func describe(s verdict.Summary) Description {
	return Description{
		Script: s.Run.Script, Users: s.Run.Users, Duration: s.Run.Duration, Started: s.Run.Started,
		Cores: s.Run.Cores, Platform: s.Run.Platform, Versions: s.Run.Versions,
		Verdict: s.Verdict, ConfigurationHash: s.ConfigurationHash,
	}
}

func (r Report) overall() Answer {
	answers := make([]Answer, len(r.Rows))
	for i, row := range r.Rows {
		answers[i] = row.Answer
	}
	return overall(answers)
}

// Summary is the report in one line, safe to print.
func (r Report) Summary() string { return verdict.Clean(r.summary()) }

func (r Report) summary() string {
	switch {
	case r.Answer == Worse:
		return "worse: " + r.named(Worse)
	case r.Obstacle != "":
		return "unknown: " + r.Obstacle
	case r.Answer == Unknown && len(r.Rows) == 0:
		return "unknown: neither run measured a figure to compare"
	case r.Answer == Unknown:
		return "unknown: " + r.named(Unknown)
	case r.Answer == Better:
		return "better: " + r.named(Better)
	default:
		return "same: no figure changed by more than its tolerance and noise"
	}
}

// named lists the figures with an answer, each with its change or reason.
func (r Report) named(answer Answer) string {
	text := ""
	for _, row := range r.Rows {
		if row.Answer != answer {
			continue
		}
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("%s %s", row.Name, row.why())
	}
	return text
}

// why is the change that made the answer, else the reason.
func (r Row) why() string {
	if r.Reason != "" {
		return r.Reason
	}
	return r.changeText()
}
