// Package compare tells whether a run is better or worse than an earlier one:
// two results/summary.json, metric by metric, with what a history of runs says
// about the noise.
//
// A change counts when it is larger than the tolerance, which is the smallest
// change that matters to the user, and when the nights show that the metric moved:
// change points cut its history into stretches, and the stretch of the result is
// compared with that of the baseline. A metric that cannot be compared is unknown,
// never same.
//
// It knows neither k6 nor its JavaScript.
package compare

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// Input is what [Compare] compares.
type Input struct {
	Baseline *verdict.Summary // nil where there is none
	Result   verdict.Summary
	// History are earlier runs in any order, those that cannot be compared with
	// the result and copies of it or of the baseline among them.
	History    []verdict.Summary
	Last       int // how many runs of the history count, at least 1; 0 is [DefaultLast]
	Tolerances Tolerances
	Only       []string // names of metrics, all where empty
}

// Compare gives an answer for each metric and for the run. It fails only where
// Only names no metric: whatever cannot be compared is [Unknown].
func Compare(in Input) (Report, error) {
	for _, name := range in.Only {
		if err := checkMetric(name); err != nil {
			return Report{}, err
		}
	}
	if in.Last < 1 {
		in.Last = DefaultLast
	}
	h := newHistory(in)
	report := Report{
		Schema:   reportSchema,
		Result:   describe(in.Result),
		Runs:     len(h.runs),
		Notes:    h.notes,
		Obstacle: obstacle(in),
	}
	if len(in.History) == 0 && report.Obstacle == "" {
		report.Notes = append(report.Notes, "The noise is not known: only the tolerance decides (give --history).")
	}
	if in.Baseline != nil {
		report.Baseline = new(describe(*in.Baseline))
		report.Notes = append(report.Notes, changedVersions(in.Baseline.Run, in.Result.Run)...)
	}
	for _, f := range metrics {
		if len(in.Only) > 0 && !slices.Contains(in.Only, f.Name) {
			continue
		}
		f.Tolerance = in.Tolerances.of(f)
		if row, measured := newRow(f, in, h, report.Obstacle); measured {
			report.Rows = append(report.Rows, row)
		}
	}
	report.keepSure()
	report.Answer = report.overall()
	return report, nil
}

// keepSure takes back the changes that may be chance, all metrics considered.
func (r *Report) keepSure() {
	var chances []float64
	var asked []int
	for i, row := range r.Rows {
		if row.Chance != nil {
			chances, asked = append(chances, *row.Chance), append(asked, i)
		}
	}
	for i, sure := range surely(chances) {
		row := &r.Rows[asked[i]]
		if !sure && row.Answer != Unknown {
			row.Answer, row.Reason, row.Since = Same, "", nil
		}
	}
}

// obstacle says why no metric can be compared, empty where they can.
func obstacle(in Input) string {
	if in.Baseline == nil {
		return "there is no baseline"
	}
	switch {
	case in.Result.SetupFailed != "":
		return "the result has a failed setup(): " + text.Line(in.Result.SetupFailed)
	case in.Baseline.SetupFailed != "":
		return "the baseline has a failed setup(): " + text.Line(in.Baseline.SetupFailed)
	}
	if why := Difference(*in.Baseline, in.Result); why != "" {
		return "the baseline has " + why
	}
	return ""
}

// newRow compares one metric. One that nobody measured is no row.
func newRow(f metric, in Input, h history, obstacle string) (row, bool) {
	row := row{metric: f, Result: f.of(in.Result)}
	if in.Baseline != nil {
		row.Baseline = f.of(*in.Baseline)
	}
	if row.Baseline == nil && row.Result == nil {
		return row, false
	}
	row.judge(obstacle)
	if row.Change != nil && len(in.History) > 0 {
		row.follow(h)
	}
	return row, true
}

// judge answers by the change from the baseline to the result.
func (r *row) judge(obstacle string) {
	r.Answer = Unknown
	switch {
	case obstacle != "":
		r.Reason = obstacle
	case r.Baseline == nil:
		r.Reason = "the baseline did not measure it"
	case r.Result == nil:
		r.Reason = "the result did not measure it"
	default:
		change := *r.Result - *r.Baseline
		r.Change = &change
		r.Allowed = r.tolerated(*r.Baseline, *r.Result)
		r.Answer = r.answer(change, r.Allowed)
	}
}

// answer judges a change.
func (f metric) answer(change, allowed float64) Answer {
	// A success rate of 0.995 is not 0.005000000000000004 below 1.
	const rounding = 1e-9
	switch {
	case math.Abs(change) <= allowed+rounding*max(1, allowed):
		return Same
	case (change > 0) == (f.Better == higher):
		return Better
	default:
		return Worse
	}
}

// follow compares the nights since the metric last moved with those around the
// baseline. A single night decides only where it lies far outside the noise.
func (r *row) follow(h history) {
	values, nights, baseline := h.course(r.metric)
	if len(values) < MinNights {
		const sure = 10 // tolerances, which no usual noise explains
		if r.Answer != Same && r.answer(*r.Change, sure*r.Allowed) == Same {
			r.Reason = fmt.Sprintf("%s by %s, and %s are too few to tell a change from noise: it takes %d",
				r.Answer, r.changeText(), runs(len(values)), MinNights)
			r.Answer = Unknown
		}
		return
	}
	l := newLevels(values, r.metric)
	first, end := l.stretch(baseline)
	from, to := l.stretch(len(values) - 1)
	before, after := median(values[first:end]), median(values[from:to])
	r.Baseline, r.Noise = &before, &noise{Runs: len(values), Median: before, Deviation: l.deviation()}
	if l.factor {
		r.Noise.Deviation *= before
	}
	change := *r.Result - before
	r.Change, r.Allowed, r.Answer = &change, r.tolerated(before, after), Same
	chance := 1.0
	if from > baseline {
		chance = l.chance(l.values[first:end], l.values[from:to], len(values))
		r.Answer = r.answer(after-before, r.Allowed)
	}
	r.Chance = &chance
	if r.Answer != Same {
		r.Since = &nights[from]
		r.Reason = fmt.Sprintf("%s since the night of %s (%s)", r.levelText(before, after), nights[from].UTC().Format(time.DateOnly), runs(to-from))
	}
}
