package merge

import (
	"math"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// fine are the levels of all runners together, as samples of the whole run: who
// merges again has the runners' own.
func (s *sampledLevels) fine(r timeline.Recording) timeline.Fine {
	series := func(moments []float64) timeline.LevelSeries {
		whole := timeline.LevelSeries{Start: r.Start, Window: time.Duration(r.Window * float64(time.Second))}
		var all timeline.Samples
		for level, n := range moments {
			if n := int64(math.Round(n)); n > 0 {
				all.Add(int64(level), n)
			}
		}
		whole.Windows = []timeline.Samples{all}
		return whole
	}
	return timeline.Fine{Active: series(s.active), Waiting: series(s.waiting)}
}

// mergeResponses is nil where a runner's file has none by their time.
func mergeResponses(runners []Runner) *timeline.Responses {
	var all []*timeline.Responses
	for _, r := range runners {
		if r.Summary.Recording.Responses == nil {
			if r.Summary.Recording.Totals.Requests.Duration.Count() > 0 {
				return nil
			}
			continue
		}
		all = append(all, r.Summary.Recording.Responses)
	}
	if len(all) == 0 {
		return nil
	}
	return timeline.MergeResponses(all)
}

// mergeEnded is nil where a runner's file has none.
func mergeEnded(runners []Runner) *timeline.Series {
	var all []timeline.Series
	var longest float64
	for _, r := range runners {
		ended := r.Summary.Recording.Ended
		if ended == nil {
			return nil
		}
		all = append(all, *ended)
		longest = math.Max(longest, ended.Window)
	}
	return addSeries(all, time.Duration(longest*float64(time.Second)))
}

// addSeries adds counts on one grid.
func addSeries(all []timeline.Series, width time.Duration) *timeline.Series {
	at := make(map[int64]int64) // by window since the Unix epoch
	first, last := int64(math.MaxInt64), int64(0)
	for begin, end := spanOf(all); end.Sub(begin)/width > mostEnds; {
		width *= 2
	}
	for _, s := range all {
		each := time.Duration(s.Window * float64(time.Second))
		for i, n := range s.Counts {
			index := s.Start.Add(time.Duration(i)*each).UnixNano() / int64(width)
			at[index] += n
			first, last = min(first, index), max(last, index)
		}
	}
	sum := &timeline.Series{Start: time.Unix(0, first*int64(width)).UTC(), Window: width.Seconds()}
	for index := first; index <= last; index++ {
		sum.Counts = append(sum.Counts, at[index])
	}
	return sum
}

// mostEnds is how many windows a merged series has at most.
const mostEnds = 1 << 16

// spanOf is from the earliest to the latest of what the series count.
func spanOf(all []timeline.Series) (begin, end time.Time) {
	for i, s := range all {
		until := s.Start.Add(time.Duration(float64(len(s.Counts)) * s.Window * float64(time.Second)))
		if i == 0 || s.Start.Before(begin) {
			begin = s.Start
		}
		if until.After(end) {
			end = until
		}
	}
	return begin, end
}
