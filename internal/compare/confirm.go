package compare

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// confirmation is what reruns said of one metric that was worse.
type confirmation struct {
	Results   []float64 `json:"results"`             // of the reruns, in their order
	Baselines []float64 `json:"baselines,omitempty"` // of the baseline's reruns, where there were any
	Baseline  float64   `json:"baseline"`            // the median of these, or else the row's own baseline
	Result    float64   `json:"result"`              // the median of the reruns
	Allowed   float64   `json:"allowed"`             // the largest change that is the same
	Confirmed bool      `json:"confirmed"`
}

// Confirm judges the metrics that are worse once more: they stay worse where the
// median of the reruns is, by more than the tolerance, and are the same where it is
// not. The result itself does not count: it is asked because it was worse, and what
// is chosen for being extreme is less so the next time by itself. A metric that the
// reruns did not measure stays worse.
//
// Reruns are one night, however many they are: they do not count as nights of the
// history, whose noise is larger. With reruns of the baseline, taken in turn with
// those of the result, what the machine does that night is on both sides.
//
// Sources: A. Abedi and T. Brecht, "Conducting Repeatable Experiments in Highly
// Variable Cloud Computing Environments", ICPE 2017 (trials in turn); L. Bulej et
// al., "Duet Benchmarking", ICPE 2020; S. H. Hurlbert, "Pseudoreplication and the
// Design of Ecological Field Experiments", Ecological Monographs 54 (1984).
func (r *Report) Confirm(results, baselines []verdict.Summary) {
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.Answer != Worse {
			continue
		}
		row.Confirmation = row.rerun(results, baselines)
		switch {
		case row.Confirmation == nil:
			r.Notes = append(r.Notes, fmt.Sprintf("%s: the reruns did not measure it, so it stays worse.", row.Name))
		case !row.Confirmation.Confirmed:
			row.Answer, row.Reason, row.Since = Same, "", nil
		}
	}
	r.Answer = r.overall()
}

// rerun is nil where the reruns did not measure the metric.
func (r row) rerun(results, baselines []verdict.Summary) *confirmation {
	c := &confirmation{Results: r.each(results), Baselines: r.each(baselines), Baseline: *r.Baseline}
	if len(c.Results) == 0 || len(c.Baselines) == 0 && len(baselines) > 0 {
		return nil
	}
	if len(c.Baselines) > 0 {
		c.Baseline = median(c.Baselines)
	}
	c.Result = median(c.Results)
	c.Allowed = r.tolerated(c.Baseline, c.Result)
	c.Confirmed = r.answer(c.Result-c.Baseline, c.Allowed) == Worse
	return c
}

// each is the metric in those of the runs that measured it.
func (f metric) each(runs []verdict.Summary) []float64 {
	var values []float64
	for _, run := range runs {
		if v := f.of(run); v != nil {
			values = append(values, *v)
		}
	}
	return values
}

// Settled tells whether reruns of the result have decided, whatever those that
// are left of so many would say: of each metric that is worse, more than half were
// worse, or more than half were not.
func (r Report) Settled(results []verdict.Summary, most int) bool {
	for _, row := range r.Rows {
		if row.Answer != Worse {
			continue
		}
		worse, values := 0, row.each(results)
		for _, v := range values {
			if row.answer(v-*row.Baseline, row.tolerated(*row.Baseline, v)) == Worse {
				worse++
			}
		}
		if 2*max(worse, len(values)-worse) <= most {
			return false
		}
	}
	return true
}

// text says what the reruns measured.
func (c confirmation) text(f metric) string {
	said := "not confirmed"
	if c.Confirmed {
		said = "confirmed"
	}
	each := func(values []float64) string {
		var all []string
		for _, v := range values {
			all = append(all, f.Unit.Format(v))
		}
		return strings.Join(all, ", ")
	}
	of := text.Counted(len(c.Results), "rerun")
	if len(c.Baselines) > 0 {
		return fmt.Sprintf("%s by %s in turn with the baseline: %s against %s", said, of, each(c.Results), each(c.Baselines))
	}
	return fmt.Sprintf("%s by %s: %s against %s", said, of, each(c.Results), f.Unit.Format(c.Baseline))
}

// rerunText is the cell of a row in the table.
func (r row) rerunText() string {
	if r.Confirmation == nil {
		return text.None
	}
	return r.beside(&r.Confirmation.Result, &r.Confirmation.Baseline)
}

func (r Report) wasRerun() bool {
	return slices.ContainsFunc(r.Rows, func(row row) bool { return row.Confirmation != nil })
}

// refuted are the metrics that were worse in the result and not in the reruns.
func (r Report) refuted() []string {
	var names []string
	for _, row := range r.Rows {
		if row.Confirmation != nil && !row.Confirmation.Confirmed {
			names = append(names, row.Name)
		}
	}
	return names
}
