package report

import (
	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
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
		views[i] = criterionView{
			Title:    plain(row.Criterion.Title),
			Measured: plain(row.MeasuredText()),
			Limit:    plain(row.Criterion.LimitText()),
			Verdict:  plain(row.VerdictText()),
			Class:    classOf(row.Verdict),
			Reason:   plain(row.Reason),
			Advice:   plain(row.Advice),
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

func diagnoses(found []diagnosis.Diagnosis) []diagnosisView {
	views := make([]diagnosisView, len(found))
	for i, d := range found {
		views[i] = diagnosisView{plain(d.Name), plain(string(d.Confidence)), plainAll(d.Evidence), plain(d.Remedy)}
	}
	return views
}
