package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flowboard/xk6-pgxpool/verdict"
)

// criterionView is a row of the table of criteria.
type criterionView struct {
	Title    string
	Measured string
	Limit    string
	Verdict  string
	Class    string
	Reason   string
	Advice   string
}

func criteria(rows []verdict.Row) []criterionView {
	views := make([]criterionView, len(rows))
	for i, row := range rows {
		bound, limit := passLimit(row.Criterion)
		views[i] = criterionView{
			Title:    plain(row.Criterion.Title),
			Measured: measured(row, bound),
			Limit:    plain(limit),
			Verdict:  plain(string(row.Verdict)),
			Class:    classOf(row.Verdict),
			Reason:   plain(row.Reason),
			Advice:   plain(row.Advice),
		}
		if row.Waived {
			views[i].Verdict += ", waived"
		}
	}
	return views
}

// diagnosisView is a trouble that the figures show.
type diagnosisView struct {
	Name       string
	Confidence string
	Evidence   []string
	Remedy     string
}

func diagnoses(found []verdict.Diagnosis) []diagnosisView {
	views := make([]diagnosisView, len(found))
	for i, d := range found {
		views[i] = diagnosisView{plain(d.Name), plain(string(d.Confidence)), plainAll(d.Evidence), plain(d.Remedy)}
	}
	return views
}

// passLimit is what PASS asks for: "≥ 95.0 %", "none". The verdict has made
// sure that the expression can be read.
func passLimit(c verdict.Criterion) (bound float64, text string) {
	at := strings.IndexAny(c.Pass, "<>=!")
	if at < 0 {
		return 0, c.Pass
	}
	value := strings.TrimLeft(c.Pass[at:], "<>=!")
	operator := strings.TrimSuffix(c.Pass[at:], value)
	bound, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return 0, c.Pass
	}
	if bound == 0 && (operator == "==" || operator == "===") {
		return 0, "none"
	}
	sign := map[string]string{
		"<": "<", "<=": "≤", ">": ">", ">=": "≥", "!=": "≠", "==": "=", "===": "=",
	}[operator]
	return bound, sign + " " + inUnit(bound, c.Unit, decimals(c.Unit))
}

// measured writes a figure with as many decimals as it takes to tell it from
// the bound it is compared with.
func measured(row verdict.Row, bound float64) string {
	if row.Measured == nil {
		return "no figure"
	}
	const most = 6
	unit := row.Criterion.Unit
	for n := decimals(unit); n < most; n++ {
		text := inUnit(*row.Measured, unit, n)
		if *row.Measured == bound || text != inUnit(bound, unit, n) {
			return text
		}
	}
	return inUnit(*row.Measured, unit, most)
}

func decimals(unit verdict.Unit) int {
	switch unit {
	case verdict.Ratio:
		return 2
	case verdict.Count:
		return 0
	default:
		return 1
	}
}

func inUnit(value float64, unit verdict.Unit, decimals int) string {
	switch unit {
	case verdict.Share:
		return fmt.Sprintf("%.*f %%", decimals, 100*value)
	case verdict.Percent:
		return fmt.Sprintf("%.*f %%", decimals, value)
	case verdict.Ratio:
		return fmt.Sprintf("%.*f×", decimals, value)
	default:
		return fmt.Sprintf("%.*f", decimals, value)
	}
}

// gateLine says whether the gate holds and what that means for a pipeline.
func gateLine(r verdict.Report) string {
	switch {
	case r.GateHolds:
		return fmt.Sprintf("GATE=%s holds.", r.Gate)
	case r.NoThresholds:
		return fmt.Sprintf("GATE=%s does not hold, but k6 judged no thresholds: its exit code does not say so.", r.Gate)
	default:
		return fmt.Sprintf("GATE=%s does not hold: k6 exits with 99.", r.Gate)
	}
}
