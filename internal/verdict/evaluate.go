package verdict

import (
	"errors"
	"fmt"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// Evaluate judges a run. It fails on a criterion that cannot be judged as
// written, on an unknown gate and on a waiver that names no criterion. Criteria
// without data are no error: they are FAIL, and their rows say which data is missing.
func Evaluate(in Input) (Report, error) {
	gate, err := ParseGate(in.Gate)
	if err != nil {
		return Report{}, err
	}
	if err := checkCriteria(in.Criteria); err != nil {
		return Report{}, err
	}
	if err := checkWaivers(in.Criteria, in.Waived); err != nil {
		return Report{}, err
	}
	if in.Setup != nil {
		return Report{Verdict: Fail, Gate: gate, Setup: in.Setup.shown(), Run: in.Run.shown(), Metrics: in.Metrics}, nil
	}
	report := Report{
		Verdict:      Pass,
		Gate:         gate,
		noThresholds: in.NoThresholds,
		Diagnoses:    diagnose(in),
		Notes:        notes(in),
		Run:          in.Run.shown(),
		Metrics:      in.Metrics,
		Statements:   in.Statements,
		Recording:    in.Recording,
		limits:       in.Limits,
	}
	if !in.Application.Nothing() {
		report.Application = &in.Application
	}
	if report.Recording == nil {
		report.Recording = timeline.Condense(in.Timeline)
	}
	for _, criterion := range in.Criteria {
		criterion.Unmeasured = text.Line(criterion.Unmeasured)
		row := judge(criterion, in)
		row.Waived = slices.Contains(in.Waived, criterion.Name)
		if !row.Waived && row.Verdict.worse(report.Verdict) {
			report.Verdict = row.Verdict
		}
		report.Rows = append(report.Rows, row)
	}
	report.Notes = append(report.Notes, report.capacity()...)
	report.GateHolds = gate.Holds(report.Verdict)
	return report, nil
}

// notes are the caller's, the criteria's, and a warning where nothing is judged.
func notes(in Input) []string {
	notes := text.Lines(in.Notes)
	judged := false
	for _, c := range in.Criteria {
		if note := text.Line(c.Note); note != "" && !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
		judged = judged || !slices.Contains(in.Waived, c.Name)
	}
	if nothing := "Every criterion is waived: nothing was judged."; !judged && !slices.Contains(notes, nothing) {
		notes = append(notes, nothing)
	}
	return notes
}

// checkCriteria reports the first row that cannot be judged: no rows at all, a
// row that is wrong in itself, two rows of one name.
func checkCriteria(criteria []Criterion) error {
	if len(criteria) == 0 {
		return errors.New(`criterion "": there are no criteria: at least one row is needed`)
	}
	seen := make(map[string]bool, len(criteria))
	for _, c := range criteria {
		if err := c.validate(); err != nil {
			return err
		}
		if seen[c.Name] {
			return fmt.Errorf("criterion %q: the name is used twice: every criterion needs its own", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

// judge comes to the same answer as the thresholds that criteria.js makes of
// the row: with GATE=pass they ask for Attempt, Guard, Pass and Warning, with
// GATE=fail for Warning and for Attempt or, where there is none, Guard.
func judge(c Criterion, in Input) Row {
	if c.Unmeasured != "" {
		return unmeasured(c, c.Unmeasured)
	}
	tried := !c.Attempt.isZero()
	if tried && ask(in.Metrics, c.Attempt) != yes {
		return missing(c, in, c.Attempt)
	}
	guard := ask(in.Metrics, c.Guard)
	switch {
	case guard == no && tried:
		return unmeasured(c, reasonUnmeasured(c, in))
	case guard != yes && !tried:
		return missing(c, in, c.Guard)
	}
	return measured(c, in, guard == yes)
}

// measured judges a row that has data. Without proof (the guard's value was
// left out of the data) it is no better than WARNING.
func measured(c Criterion, in Input, proven bool) Row {
	row := Row{Criterion: c, Measured: valueOf(in.Metrics, c.pass())}
	warning, pass := ask(in.Metrics, c.warning()), ask(in.Metrics, c.pass())
	switch {
	case warning == unknown, warning == empty:
		return missing(c, in, c.warning())
	case pass == empty:
		return missing(c, in, c.pass())
	case warning == no:
		row.Verdict, row.Advice = Fail, c.Advice.Fail
		row.Reason = reasonFail(c, in.Metrics)
	case pass == unknown:
		row.Verdict, row.Reason = Warning, reasonLeftOut(c.pass())
	case !proven:
		row.Verdict, row.Reason = Warning, reasonLeftOut(c.Guard)
	case pass == no:
		row.Verdict, row.Advice = Warning, c.Advice.Warning
		row.Reason = compare(c.pass(), c.Unit, in.Metrics, Pass)
	default:
		row.Verdict = Pass
	}
	return row
}

// How the reason begins of a row without data.
const (
	Unmeasured = "not measured: " // a WARNING: it cannot be had
	NoData     = "no data: "      // a FAIL
)

func unmeasured(c Criterion, why string) Row {
	return Row{Criterion: c, Verdict: Warning, Reason: text.Line(Unmeasured + why)}
}

func missing(c Criterion, in Input, what Condition) Row {
	return Row{Criterion: c, Verdict: Fail, Reason: text.Line(NoData + reasonMissing(c, in, what))}
}

// valueOf looks up the value that a condition is about.
func valueOf(metrics map[string]Metric, c Condition) *float64 {
	value, ok := metrics[c.Metric].value(c.parsed().method)
	if !ok {
		return nil
	}
	return &value
}

func reasonUnmeasured(c Criterion, in Input) string {
	if why := in.Unmeasured[c.Metric]; why != "" {
		return why
	}
	return fmt.Sprintf("it was tried (%s), but there was no value of %s before the end of the test", c.Attempt, c.Metric)
}
