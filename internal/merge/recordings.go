package merge

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

const (
	// mostWindows is how many windows merged levels may have: at k6's longest
	// tests and the shortest windows more than any run makes.
	mostWindows = 1_000_000
	// mostLevel is more than any pool's connections, and users of one runner.
	mostLevel = 1_000_000
)

// checkRecordings refuses recordings that are missing or broken, one that is
// there twice, and one of another time: runners of one test run together.
func checkRecordings(runners []Runner) error {
	for i, r := range runners {
		if n := r.Summary.Run.Configuration[runnersOption]; n != "" {
			return &Error{r.Name, fmt.Sprintf("it is merged of %s runners already: name each runner's own summary", n)}
		}
		if r.Summary.Recording == nil {
			return &Error{r.Name, "it has no recording to merge: it is of an experiment, whose steps are no one run, " +
				"or of an older version; run the test again with this one"}
		}
		if fault := recordingFault(r.Summary.Recording); fault != "" {
			return &Error{r.Name, "its recording is broken: " + fault}
		}
		for _, other := range runners[:i] {
			if sameRun(r.Summary, other.Summary) {
				return &Error{r.Name, "it is the same run as " + other.Name + ": name each runner's summary once"}
			}
		}
	}
	return checkTimes(runners)
}

// requestsFault is [recordingFault] of the users' requests.
func requestsFault(r *timeline.Recording) string {
	if r.Ended != nil && !(r.Ended.Window > 0) {
		return fmt.Sprintf("ended has a window_s of %v, accepted is more than 0", r.Ended.Window)
	}
	if r.Responses != nil && !(r.Responses.Window > 0) {
		return fmt.Sprintf("responses has a window_s of %v, accepted is more than 0", r.Responses.Window)
	}
	return ""
}

// recordingFault says what no recording of ours has, empty for a sound one. A file may
// have been edited, or cut.
func recordingFault(r *timeline.Recording) string {
	if !(r.Window > 0) || math.IsInf(r.Window, 0) {
		return fmt.Sprintf("window_s is %v, accepted is more than 0", r.Window)
	}
	if r.Start.IsZero() {
		return "it has no start"
	}
	if fault := requestsFault(r); fault != "" {
		return fault
	}
	for name, p := range r.Totals.Pools {
		if p == nil {
			return fmt.Sprintf("pool %q has no totals", name)
		}
	}
	for name, levels := range r.Levels {
		for _, l := range levels {
			if fault := levelFault(l, r.Window); fault != "" {
				return fmt.Sprintf("pool %q has %s", name, fault)
			}
		}
	}
	return ""
}

func levelFault(l timeline.Level, window float64) string {
	if !(l.At >= 0) || l.At/window > mostWindows || l.Samples < 1 {
		return fmt.Sprintf("levels at %v s of %d samples", l.At, l.Samples)
	}
	for _, level := range []float64{l.Active, l.ActiveMax, l.Waiting, l.WaitingMax} {
		if level < 0 || level > mostLevel {
			return fmt.Sprintf("a level of %v at %v s", level, l.At)
		}
	}
	for _, at := range []map[int]int64{l.ActiveAt, l.WaitingAt} {
		for level, n := range at {
			if level < 0 || level > mostLevel || n < 1 {
				return fmt.Sprintf("%d samples at level %d", n, level)
			}
		}
	}
	return ""
}

// sameRun tells a copy. Two runners may begin at the same moment, but measure
// different things.
func sameRun(a, b verdict.Summary) bool {
	return a.Recording.Start.Equal(b.Recording.Start) && reflect.DeepEqual(a.Metrics, b.Metrics)
}

// checkTimes refuses a runner that began when all of the earlier ones had ended.
func checkTimes(runners []Runner) error {
	byStart := slices.SortedStableFunc(slices.Values(runners), func(a, b Runner) int {
		return a.Summary.Recording.Start.Compare(b.Summary.Recording.Start)
	})
	end := byStart[0].end()
	for _, r := range byStart[1:] {
		start := r.Summary.Recording.Start
		if start.After(end) {
			return &Error{r.Name, fmt.Sprintf("it began at %s, when the others had ended: merge the runners of one test",
				start.UTC().Format(time.RFC3339))}
		}
		if until := r.end(); until.After(end) {
			end = until
		}
	}
	return nil
}

// end is when the runner had recorded everything, at the earliest when its run
// was over.
func (r Runner) end() time.Time {
	s := r.Summary.Recording
	seconds := r.Summary.Run.Duration
	for _, levels := range s.Levels {
		for _, l := range levels {
			seconds = math.Max(seconds, l.At+s.Window)
		}
	}
	seconds = math.Min(seconds, mostWindows*s.Window)
	return s.Start.Add(time.Duration(seconds * float64(time.Second)))
}
