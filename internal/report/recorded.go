package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// recordingOf is what is known of the course of a run whose timeline is not at
// hand, as of several runners judged as one; nil where there is nothing.
func recordingOf(in Input) *timeline.Recording {
	r := in.Verdict.Recording
	if len(in.Timeline.Windows) > 0 || r == nil || !(r.Window > 0) {
		return nil
	}
	return r
}

// wholeOf are the run's totals.
func wholeOf(in Input) timeline.Totals {
	if r := recordingOf(in); r != nil {
		return r.Totals
	}
	return in.Timeline.Whole()
}

// recorded are the charts of a recording: the levels of its pools. It has nothing
// else over time.
func recorded(in Input, r *timeline.Recording) (figures []figure, remarks []string) {
	pools, remarks := chosenPools(r.Totals, func(name string) bool { return len(r.Levels[name]) == 0 })
	s := stepsOf(r)
	for _, name := range pools {
		figures = append(figures, figure{
			Chart: Chart{
				Title: "Connections" + titled(name, pools), YLabel: "connections and users",
				XLabel: sinceStart(s.at[len(s.at)-1]), Limits: limitsOf(in.Verdict.Run, pools), X: s.at, Series: s.levels(r.Levels[name], in.Verdict.Run.Target != ""),
			},
			clock: true, start: s.at[0], end: s.at[len(s.at)-1],
		})
	}
	return figures, append(remarks,
		fmt.Sprintf("Each point covers %s. %s",
			text.Seconds(s.width), firstObservation(r.Start)),
		"For several runners, the pools' levels are known over time. Response times, waits and failures are known for the "+
			"whole run; each runner's own report has them over time.")
}

// steps are a recording's time in equal lengths of at least a window.
type steps struct {
	width float64 // seconds
	at    []float64
}

func stepsOf(r *timeline.Recording) steps {
	last := 0.0
	for _, levels := range r.Levels {
		for _, l := range levels {
			last = math.Max(last, l.At)
		}
	}
	windows := math.Floor(last/r.Window) + 1
	s := steps{width: r.Window * math.Ceil(windows/mostMoments)}
	for i := range int(last/s.width) + 1 {
		s.at = append(s.at, float64(i)*s.width)
	}
	return s
}

// levels are the series of one pool. How many wait inside a watched application
// cannot be seen.
func (s steps) levels(all []timeline.Level, watched bool) []Series {
	mean, most := s.each(all, meanOf), s.each(all, mostOf)
	series := []Series{
		{Name: "active", Values: mean(func(l timeline.Level) float64 { return l.Active })},
		{Name: "active, most", Values: most(func(l timeline.Level) float64 { return l.ActiveMax })},
	}
	if !watched {
		series = append(series,
			Series{Name: "waiting", Values: mean(func(l timeline.Level) float64 { return l.Waiting })},
			Series{Name: "waiting, most", Values: most(func(l timeline.Level) float64 { return l.WaitingMax })})
	}
	return append(series, Series{Name: "open", Values: mean(func(l timeline.Level) float64 { return l.Total })})
}

// each gives one value of the levels in every step; without levels it is a gap.
func (s steps) each(all []timeline.Level, sum func([]float64) float64) func(func(timeline.Level) float64) []float64 {
	return func(value func(timeline.Level) float64) []float64 {
		inStep := make([][]float64, len(s.at))
		for _, l := range all {
			i := min(int(l.At/s.width), len(s.at)-1)
			inStep[i] = append(inStep[i], value(l))
		}
		values := make([]float64, len(s.at))
		for i := range values {
			values[i] = sum(inStep[i])
		}
		return values
	}
}

func meanOf(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values)) // NaN, a gap, where there are none
}

func mostOf(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return slices.Max(values)
}
