package report

import (
	"html/template"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// pageView is what page.html shows. No text in it is trusted but those of Key: the
// page has each other pass line, or lines.
type pageView struct {
	Style     template.CSS
	Title     string
	Verdict   verdict.Verdict
	Summary   string
	Gate      string
	Setup     string // why setup() failed; the page has no more than that
	Advice    string
	Key       []Fact // what one looks at first
	Criteria  []verdict.Row
	Diagnoses []diagnosis.Diagnosis
	Facts     []factGroup
	Remarks   []string
	Figures   []figureView
	Folded    bool // the run over time: an experiment's sections say more
	Phases    *tableView
	Errors    *tableView
	Workload  *tableView
	Sections  []sectionView
	Notes     []string
}

type sectionView struct {
	Title   string
	Text    []string
	Tables  []tableView
	Figures []figureView

	Snippets []Snippet
}

func pageOf(in Input) (pageView, error) {
	whole := wholeOf(in)
	figures, remarks := overTime(in, whole)
	v := pageView{
		Style:     template.CSS(styleSheet), // #nosec G203 -- ours, not the caller's
		Title:     titleOf(in.Verdict.Run),
		Verdict:   in.Verdict.Verdict,
		Summary:   summaryOf(in.Verdict.Run),
		Gate:      in.Verdict.GateText(),
		Key:       answerOf(in),
		Folded:    len(in.Sections) > 0,
		Criteria:  in.Verdict.Rows,
		Diagnoses: in.Verdict.Diagnoses,
		Facts:     facts(in.Verdict.Run),
		Remarks:   remarks,
		Phases:    phasesOf(in.Timeline),
		Errors:    errorsOf(whole),
		Workload:  workloadOf(in),
		Notes:     in.Verdict.Notes,
	}
	if setup := in.Verdict.Setup; setup != nil {
		v.Setup, v.Advice = setup.Reason(), setup.Advice
		return v, nil
	}
	var err error
	if v.Figures, err = views("t", figures); err != nil {
		return pageView{}, err
	}
	for i, section := range in.Sections {
		shown := sectionView{Title: section.Title, Text: section.Text, Snippets: section.Snippets}
		for _, t := range section.Tables {
			shown.Tables = append(shown.Tables, viewOf(t))
		}
		charts := make([]figure, len(section.Charts))
		for j, c := range section.Charts {
			charts[j] = figure{Chart: c, absent: nothing}
		}
		if shown.Figures, err = views("s"+text.Number(float64(i)), charts); err != nil {
			return pageView{}, err
		}
		v.Sections = append(v.Sections, shown)
	}
	return v, nil
}

// answerOf is an experiment's answer, else the values of the run: our own, with spaces
// in their numbers at which no line is broken.
func answerOf(in Input) []Fact {
	if len(in.Answer) == 0 {
		return keyFacts(in.Verdict)
	}
	all := make([]Fact, len(in.Answer))
	for i, f := range in.Answer {
		all[i] = Fact{text.Line(f.Name), text.Line(f.Value), text.Line(f.Detail)}
	}
	return all
}
