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

// checkRecordings refuses recordings that are missing or broken, one that is
// there twice, and one of another time: runners of one test run together.
func checkRecordings(runners []Runner) error {
	for i, r := range runners {
		if n := r.Summary.Run.Configuration[runnersOption]; n != "" {
			return &runnerError{r.Name, fmt.Sprintf("it is already merged from %s runners: name each runner's own summary", n)}
		}
		if r.Summary.Recording == nil {
			return &runnerError{r.Name, "it has no recording to merge: it is of an experiment, which is not one run, " +
				"or of an older version; run the test again with this one"}
		}
		if err := r.Summary.Recording.Check(); err != nil {
			return &runnerError{r.Name, "its recording is broken: " + err.Error()}
		}
		for _, other := range runners[:i] {
			if sameRun(r.Summary, other.Summary) {
				return &runnerError{r.Name, "it is the same run as " + other.Name + ": name each runner's summary once"}
			}
		}
	}
	return checkTimes(runners)
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
			return &runnerError{r.Name, fmt.Sprintf("it began at %s, when the others had ended: merge the runners of one test",
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
	seconds = math.Min(seconds, timeline.MostLevels*s.Window)
	return s.Start.Add(time.Duration(seconds * float64(time.Second)))
}
