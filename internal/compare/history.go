package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// DefaultLast is how many runs of the history count: two months of nights.
const DefaultLast = 60

// history are the runs that may be compared with the result, oldest first.
type history struct {
	runs     []verdict.Summary
	notes    []string
	nights   []verdict.Summary // the runs, the baseline wherever it belongs, and the result last
	baseline int               // which of the nights it is
}

// newHistory takes the last of the runs that came before the result with the
// same configuration on the same machine.
func newHistory(in Input) history {
	if len(in.History) == 0 {
		return history{}
	}
	var h history
	left := map[string]int{}
	started := func(a, b verdict.Summary) int { return a.Run.Started.Compare(b.Run.Started) }
	for _, run := range slices.SortedStableFunc(slices.Values(in.History), started) {
		if same(run, in.Result) || len(h.runs) > 0 && same(run, h.runs[len(h.runs)-1]) {
			continue // a copy
		}
		if !in.Result.Run.Started.IsZero() && run.Run.Started.After(in.Result.Run.Started) {
			left["a later start"]++
			continue
		}
		if why := Difference(run, in.Result); why != "" {
			kind, _, _ := strings.Cut(why, " (")
			left[kind]++
			continue
		}
		h.runs = append(h.runs, run)
	}
	h.runs = recent(h.runs, in)
	h.notes = notes(left)
	h.arrange(in)
	return h
}

// recent are the last runs, and those around the baseline however long ago: its
// level must not be forgotten while a regression lasts.
func recent(all []verdict.Summary, in Input) []verdict.Summary {
	const around = 20
	first := len(all) - in.Last
	if first <= 0 || in.Baseline == nil {
		return all[max(0, first):]
	}
	baseline, _ := slices.BinarySearchFunc(all, in.Baseline.Run.Started, func(run verdict.Summary, at time.Time) int {
		return run.Run.Started.Compare(at)
	})
	from, to := max(0, baseline-around), min(first, baseline+around)
	return append(slices.Clone(all[min(from, to):to]), all[first:]...)
}

// arrange puts the baseline among the runs, and the result behind them.
func (h *history) arrange(in Input) {
	h.nights = append(slices.Clone(h.runs), in.Result)
	if in.Baseline == nil {
		return
	}
	for h.baseline < len(h.runs) && h.runs[h.baseline].Run.Started.Before(in.Baseline.Run.Started) {
		h.baseline++
	}
	if h.baseline == len(h.runs) || !same(h.runs[h.baseline], *in.Baseline) {
		h.nights = slices.Insert(h.nights, h.baseline, *in.Baseline)
	}
}

// course is a metric over the nights that measured it, of which the baseline and
// the result, the last, have to be.
func (h history) course(f metric) (values []float64, nights []time.Time, baseline int) {
	values, nights = make([]float64, 0, len(h.nights)), make([]time.Time, 0, len(h.nights))
	for i, night := range h.nights {
		v := f.of(night)
		if v == nil {
			continue
		}
		if i == h.baseline {
			baseline = len(values)
		}
		values, nights = append(values, *v), append(nights, night.Run.Started)
	}
	return values, nights, baseline
}

// same tells whether two files hold the same run. Without a start it cannot
// be told.
func same(a, b verdict.Summary) bool {
	return !a.Run.Started.IsZero() && a.Run.Started.Equal(b.Run.Started) &&
		a.ConfigurationHash == b.ConfigurationHash
}

func notes(left map[string]int) []string {
	var notes []string
	for _, kind := range slices.Sorted(maps.Keys(left)) {
		notes = append(notes, fmt.Sprintf("History: %s with %s left out.", runs(left[kind]), kind))
	}
	return notes
}

func runs(n int) string { return text.Counted(n, "run") }

// keys are those of both maps, sorted.
func keys(a, b map[string]string) []string {
	all := map[string]string{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// longer is how much longer than another a run may have been. A run that was
// cut short has seen less of what grows: caches, tables, connections in use.
const longer = 1.5

// Difference says why two runs cannot be compared, in one phrase that ends
// a sentence such as "the baseline has …"; empty where they can.
func Difference(run, result verdict.Summary) string {
	a, b := run.Run, result.Run
	switch {
	case run.SetupFailed != "":
		return "a failed setup()"
	case run.ConfigurationHash != result.ConfigurationHash:
		return "another configuration" + whatDiffers(a, b)
	case a.Cores != b.Cores:
		return fmt.Sprintf("another machine (%d cores, the result %d)", a.Cores, b.Cores)
	case a.Platform != b.Platform:
		return fmt.Sprintf("another machine (%s, the result %s)", a.Platform, b.Platform)
	case a.Duration > longer*b.Duration, b.Duration > longer*a.Duration:
		return fmt.Sprintf("another duration (%.0f s, the result %.0f s)", a.Duration, b.Duration)
	default:
		return ""
	}
}

// whatDiffers names the first thing that makes two configurations different.
// A target may hold a password and is not shown.
func whatDiffers(a, b verdict.Run) string {
	switch {
	case a.Script != b.Script:
		return fmt.Sprintf(" (script %s, the result %s)", a.Script, b.Script)
	case a.Users != b.Users:
		return fmt.Sprintf(" (%d users, the result %d)", a.Users, b.Users)
	case a.Target != b.Target:
		return " (target)"
	}
	ofA, ofB := a.Configuration, b.Configuration
	for _, name := range keys(ofA, ofB) {
		if x, y := ofA[name], ofB[name]; x != y {
			return fmt.Sprintf(" (%s %s, the result %s)", name, cmp.Or(x, "none"), cmp.Or(y, "none"))
		}
	}
	return ""
}

// changedVersions are notes on what has changed besides the metrics.
func changedVersions(a, b verdict.Run) []string {
	var notes []string
	for _, name := range keys(a.Versions, b.Versions) {
		if x, y := a.Versions[name], b.Versions[name]; x != y {
			notes = append(notes, fmt.Sprintf("%s: %s in the baseline, %s in the result.", name, cmp.Or(x, "none"), cmp.Or(y, "none")))
		}
	}
	return notes
}
