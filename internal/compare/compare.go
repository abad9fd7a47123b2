// Package compare tells whether a run is better or worse than an earlier one:
// two results/summary.json, metric by metric, with what a history of runs says
// about the noise.
//
// A change counts when it is larger than the tolerance, which is the smallest
// change that matters to the user, and larger than the noise, which is what the
// same configuration does on the same machine without any change. A metric that
// cannot be compared is unknown, never same.
//
// It knows neither k6 nor its JavaScript.
package compare

import (
	"fmt"
	"math"
	"slices"

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

// MetricError is a name of no metric.
type MetricError struct{ Problem string }

func (e *MetricError) Error() string { return e.Problem }

// Compare gives an answer for each metric and for the run. The only error is a
// [MetricError]: whatever cannot be compared is [Unknown].
func Compare(in Input) (Report, error) {
	for _, name := range in.Only {
		if err := checkMetric(name); err != nil {
			return Report{}, &MetricError{err.Error()}
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
	if len(in.History) == 0 {
		report.Notes = append(report.Notes, "The noise is not known: the tolerance alone decides (--history).")
	}
	if in.Baseline != nil {
		baseline := describe(*in.Baseline)
		report.Baseline = &baseline
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
	report.Answer = report.overall()
	return report, nil
}

// obstacle says why no metric can be compared, empty where they can.
func obstacle(in Input) string {
	if in.Baseline == nil {
		return "there is no baseline"
	}
	if why := difference(*in.Baseline, in.Result); why != "" {
		return "the baseline has " + why
	}
	return ""
}

// newRow compares one metric. One that nobody measured is no row.
func newRow(f Metric, in Input, h history, obstacle string) (Row, bool) {
	row := Row{Metric: f, Result: f.of(in.Result)}
	if in.Baseline != nil {
		row.Baseline = f.of(*in.Baseline)
	}
	if row.Baseline == nil && row.Result == nil {
		return row, false
	}
	row.Noise = newNoise(values(f, h.runs))
	row.judge(obstacle)
	if row.Result != nil {
		course := append(values(f, since(in.Baseline, h.runs)), *row.Result)
		row.follow(course)
	}
	return row, true
}

// judge answers by the change from the baseline to the result.
func (r *Row) judge(obstacle string) {
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
		if r.Noise != nil {
			r.Allowed = max(r.Allowed, r.Noise.Band)
		}
		r.Answer = r.answer(change, r.Allowed)
	}
}

// answer judges a change.
func (f Metric) answer(change, allowed float64) Answer {
	// A success rate of 0.995 is not 0.005000000000000004 below 1.
	const rounding = 1e-9
	switch {
	case math.Abs(change) <= allowed+rounding*max(1, allowed):
		return Same
	case (change > 0) == (f.Better == Higher):
		return Better
	default:
		return Worse
	}
}

// follow looks for a slow climb: one that no single comparison shows, since
// each run is hardly worse than the one before. course ends with the result.
func (r *Row) follow(course []float64) {
	t := newTrend(course)
	r.Trend = t
	if t == nil || t.Chance > chance {
		return
	}
	if r.answer(*r.Result-median(course), 0) != Worse {
		return // it climbed until somebody mended it
	}
	allowed := r.tolerated(*r.Result, *r.Result-t.total())
	if r.answer(t.total(), allowed) != Worse || r.Answer == Worse {
		return
	}
	r.Answer = Worse
	r.Reason = fmt.Sprintf("slow climb: %s a run over %s", r.change(t.Slope), runs(t.Runs))
	if r.Better == Higher {
		r.Reason = fmt.Sprintf("slow fall: %s a run over %s", r.change(t.Slope), runs(t.Runs))
	}
}
