// Package merge makes one run of several runners' parts of it: counters and
// rates add, distributions merge, levels add on one wall clock.
package merge

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// runnerError says why summaries cannot be judged as one run.
type runnerError struct {
	runner  string // whose summary, as the caller names it; empty where it is about all
	problem string
}

func (e *runnerError) Error() string {
	if e.runner == "" {
		return e.problem
	}
	return e.runner + ": " + e.problem
}

// Runner is one runner's part of a test.
type Runner struct {
	Name    string // for messages, such as the path of its summary
	Summary verdict.Summary
}

// Runners makes of several runners' summaries the input of [verdict.Evaluate] for
// the test they ran together: counters and rates add, distributions merge, levels
// add moment by moment, and response_drift is computed anew. A metric of the
// runners that none of this can be done with keeps what is certain of it.
//
// It fails where the summaries are not parts of one test:
// other scripts, criteria, gates or configured pools, a part that is missing,
// there twice or of another time, a summary without a sound recording. progress
// hears what share of the work is done.
func Runners(runners []Runner, progress func(share float64)) (verdict.Input, error) {
	if len(runners) == 0 {
		return verdict.Input{}, &runnerError{"", "there is no summary: name one for each runner"}
	}
	if err := checkRecordings(runners); err != nil {
		return verdict.Input{}, err
	}
	if err := checkRunners(runners); err != nil {
		return verdict.Input{}, err
	}
	if err := checkSegments(runners); err != nil {
		return verdict.Input{}, err
	}
	first := runners[0].Summary
	merged := mergeRecordings(runners, progress)
	in := verdict.Input{
		Criteria:  criteriaOf(first),
		Gate:      string(first.Gate),
		Waived:    waivedOf(first),
		Notes:     mergedNotes(runners),
		Run:       mergeRuns(runners),
		Metrics:   mergeMetrics(runners, merged),
		Recording: &merged.recording,
	}
	in.Unmeasured, in.Missing = reasonsOf(runners)
	for _, r := range runners {
		if seen := r.Summary.Application; seen != nil {
			in.Application.Merge(*seen)
		}
		in.Limits.Merge(r.Summary.Limits)
	}
	in.Notes = append(in.Notes, in.Application.Responses.Notes()...)
	if stall, ok := timeline.LongestStall(merged.recording.Ended); ok {
		in.Notes = append(in.Notes, stall.String())
	}
	return in, nil
}

// checkRunners refuses summaries that are not of one test.
func checkRunners(runners []Runner) error {
	first := runners[0].Summary
	for _, r := range runners {
		s := r.Summary
		difference := ""
		switch {
		case s.Run.Script != first.Run.Script:
			difference = fmt.Sprintf("script is %q", s.Run.Script)
		case s.Run.Target != first.Run.Target:
			difference = fmt.Sprintf("target is %q", s.Run.Target)
		case s.Gate != first.Gate:
			difference = fmt.Sprintf("GATE is %s", s.Gate)
		case !slices.Equal(criteriaOf(s), criteriaOf(first)):
			difference = "its criteria differ"
		case !slices.Equal(waivedOf(s), waivedOf(first)):
			difference = fmt.Sprintf("WAIVE is %v", waivedOf(s))
		default:
			difference = differentOption(s, first)
		}
		if difference != "" {
			return &runnerError{r.Name, difference + ", other than in " + runners[0].Name + ": merge the runners of one test"}
		}
	}
	return nil
}

// differentOption names the first configured option that differs; what a
// runner has of its own does not count.
func differentOption(s, first verdict.Summary) string {
	a, b := configured(s.Run), configured(first.Run)
	names := maps.Clone(a)
	maps.Copy(names, b)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if value, given := a[name]; !given {
			return name + " is not given"
		} else if other, given := b[name]; !given || value != other {
			return fmt.Sprintf("%s is %q", name, value)
		}
	}
	return ""
}

func criteriaOf(s verdict.Summary) []verdict.Criterion {
	criteria := make([]verdict.Criterion, len(s.Criteria))
	for i, c := range s.Criteria {
		criteria[i] = c.Criterion
	}
	return criteria
}

func waivedOf(s verdict.Summary) []string {
	var waived []string
	for _, c := range s.Criteria {
		if c.Waived {
			waived = append(waived, c.Name)
		}
	}
	return waived
}

// reasonsOf keeps why a runner has no value for a criterion.
func reasonsOf(runners []Runner) (unmeasured, missing map[string]string) {
	unmeasured, missing = make(map[string]string), make(map[string]string)
	for _, r := range runners {
		for _, c := range r.Summary.Criteria {
			if c.Measured != nil || c.Reason == "" {
				continue
			}
			if c.Verdict == verdict.Warning {
				unmeasured[c.Metric] = r.Name + ": " + strings.TrimPrefix(c.Reason, verdict.Unmeasured)
			} else {
				missing[c.Metric] = r.Name + ": " + strings.TrimPrefix(c.Reason, verdict.NoData)
			}
		}
	}
	return unmeasured, missing
}

// mergedNotes say what the values are of, and what each runner said of itself.
func mergedNotes(runners []Runner) []string {
	who := "1 runner judged alone"
	if len(runners) > 1 {
		who = fmt.Sprintf("%d runners judged as one", len(runners))
	}
	notes := []string{who + ": counts add, distributions merge, levels add moment by moment."}
	for _, r := range runners {
		if r.Summary.Verdict == verdict.Pass && len(r.Summary.Diagnoses) == 0 {
			continue
		}
		note := fmt.Sprintf("%s alone: %s", r.Name, r.Summary.Verdict)
		for _, d := range r.Summary.Diagnoses {
			note += ", " + d.Name
		}
		notes = append(notes, note+".")
	}
	return slices.Concat(notes, partTimeNotes(runners), commonNotes(runners))
}

// partTimeNotes name the runners that were not there for more than a tenth of
// the test, such as one that was interrupted: it made less load than asked for.
func partTimeNotes(runners []Runner) []string {
	begin, end := runners[0].Summary.Recording.Start, runners[0].end()
	for _, r := range runners[1:] {
		if start := r.Summary.Recording.Start; start.Before(begin) {
			begin = start
		}
		if until := r.end(); until.After(end) {
			end = until
		}
	}
	var notes []string
	for _, r := range runners {
		late, early := r.Summary.Recording.Start.Sub(begin), end.Sub(r.end())
		if late > end.Sub(begin)/10 {
			notes = append(notes, fmt.Sprintf("%s began %s after the first one: until then the load was smaller.",
				r.Name, text.Length(late)))
		}
		if early > end.Sub(begin)/10 {
			notes = append(notes, fmt.Sprintf("%s ended %s before the last one: from then on the load was smaller.",
				r.Name, text.Length(early)))
		}
	}
	return notes
}

// commonNotes are those that every runner's report shows, such as whose CPU it
// is. What only some say is of their own share, and so is how requests failed.
func commonNotes(runners []Runner) []string {
	var failed []string
	if seen := runners[0].Summary.Application; seen != nil {
		failed = seen.Responses.Notes()
	}
	return slices.DeleteFunc(slices.Clone(runners[0].Summary.Notes), func(note string) bool {
		if slices.Contains(failed, note) {
			return true
		}
		return slices.ContainsFunc(runners, func(r Runner) bool { return !slices.Contains(r.Summary.Notes, note) })
	})
}

// mergeRuns is the test that the runners ran together.
func mergeRuns(runners []Runner) verdict.Run {
	run := runners[0].Summary.Run
	run.Configuration = configured(run)
	run.Configuration[runnersOption] = strconv.Itoa(len(runners))
	run.Users, run.Cores = 0, 0
	end := run.Started
	for _, r := range runners {
		other := r.Summary.Run
		run.Users += other.Users
		run.Cores += other.Cores
		run.CutShort = run.CutShort || other.CutShort
		if other.Started.Before(run.Started) {
			run.Started = other.Started
		}
		if until := other.Started.Add(time.Duration(other.Duration * float64(time.Second))); until.After(end) {
			end = until
		}
	}
	run.Duration = end.Sub(run.Started).Seconds()
	return run
}
