package experiment

import (
	"fmt"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// judgement is what the criteria say of one step.
type judgement struct {
	// Broke are the rows that the load did not meet, as the gate sees them.
	broke []verdict.Row
	// unjudged names the rows that could not be measured, with the reason.
	unjudged []string
}

func (j judgement) carried() bool { return len(j.broke) == 0 }

// reason names the rows that broke.
func (j judgement) reason() string {
	text := ""
	for i, row := range j.broke {
		if i > 0 {
			text += "; "
		}
		text += row.Criterion.Title + ": " + row.Reason
	}
	return text
}

// judge asks the criteria about a step. A row that could not be measured says
// nothing about the load and does not break; a row without data, although it
// should have some, does.
func (s settings) judge(m Measurement) (judgement, error) {
	report, err := verdict.Evaluate(verdict.Input{
		Criteria: s.criteriaOf(m), Metrics: m.metrics(s.http), Gate: string(s.gate), Waived: s.waive,
	})
	if err != nil {
		return judgement{}, fmt.Errorf("judging step %q: %w", m.Step.Label, err)
	}
	var j judgement
	for _, row := range report.Rows {
		switch {
		case row.Waived:
		case row.Criterion.Metric == driftMetric && !m.drifted():
			if !s.gate.Holds(row.Verdict) {
				j.unjudged = append(j.unjudged, row.Criterion.Title+" (too few responses to tell a drift from noise)")
			}
		case row.Verdict == verdict.Warning && row.Measured == nil:
			j.unjudged = append(j.unjudged, row.Criterion.Title+" ("+row.Reason+")")
		case !s.gate.Holds(row.Verdict):
			j.broke = append(j.broke, row)
		}
	}
	return j, nil
}

// criteriaOf are the criteria as this step can be judged by them: a few
// requests cannot show a drift, which is no fault of theirs.
func (s settings) criteriaOf(m Measurement) []verdict.Criterion {
	rows := slices.Clone(s.criteria)
	for i := range rows {
		if rows[i].Metric == driftMetric && m.Drift == nil && m.Requests > 0 {
			rows[i].Unmeasured = "the step has too few responses"
		}
	}
	return rows
}
