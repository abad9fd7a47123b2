package report

import (
	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/text"
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
			Title:    text.Line(row.Criterion.Title),
			Measured: text.Line(row.MeasuredText()),
			Limit:    text.Line(row.Criterion.LimitText()),
			Verdict:  text.Line(row.VerdictText()),
			Class:    classOf(row.Verdict),
			Reason:   text.Line(row.Reason),
			Advice:   text.Line(row.Advice),
		}
	}
	return views
}

// diagnosisView is a trouble that the values show.
type diagnosisView struct {
	Name       string
	Confidence string
	Evidence   []string
	Remedy     string
}

func diagnoses(found []diagnosis.Diagnosis) []diagnosisView {
	views := make([]diagnosisView, len(found))
	for i, d := range found {
		views[i] = diagnosisView{text.Line(d.Name), text.Line(string(d.Confidence)), text.Lines(d.Evidence), text.Line(d.Remedy)}
	}
	return views
}
