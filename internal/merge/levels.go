package merge

import (
	"math"
	"slices"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// mergedRecording is what the runners recorded, as one.
type mergedRecording struct {
	recording timeline.Recording
	pools     map[string]*sampledLevels // by name
}

// mergeRecordings merges the distributions and adds the levels in windows as
// long as the longest among the runners'.
func mergeRecordings(runners []Runner, progress func(share float64)) mergedRecording {
	first := runners[0].Summary.Recording
	r := timeline.Recording{Start: first.Start, Window: first.Window, Levels: make(map[string][]timeline.Level), Fine: make(map[string]timeline.Fine)}
	for _, runner := range runners {
		other := runner.Summary.Recording
		r.Window = math.Max(r.Window, other.Window)
		if other.Start.Before(r.Start) {
			r.Start = other.Start
		}
		r.Totals.Merge(other.Totals)
	}
	r.Responses, r.Ended = mergeResponses(runners), mergeEnded(runners)
	pools := make(map[string]*sampledLevels)
	names := poolsOf(runners)
	for i, name := range names {
		part := func(side int) func(done, all int) {
			return func(done, all int) {
				progress((float64(2*i+side) + float64(done)/float64(all)) / float64(2*len(names)))
			}
		}
		pool := &sampledLevels{}
		var sum []timeline.Level
		var active, waiting []timeline.LevelSeries
		for _, runner := range runners {
			other := runner.Summary.Recording
			levels := onGrid(other.Levels[name], other.Start.Sub(r.Start), r.Window)
			fine := fineOf(other, name)
			active, waiting = append(active, fine.Active), append(waiting, fine.Waiting)
			size, _, _ := runner.Summary.Run.Configuration.Sizes(name)
			pool.size += size
			if runner.Summary.Run.Target != "" && len(levels) > 0 {
				// Every runner saw the same application's pool: it is there once.
				sum, active, waiting = levels, active[len(active)-1:], waiting[len(waiting)-1:]
				pool.size = size
				break
			}
			sum = addLevels(sum, levels)
		}
		pools[name] = pool
		r.Levels[name] = onlySampled(sum, r.Window)
		pool.active, pool.waiting = addByClock(active, part(0)), addByClock(waiting, part(1))
		r.Fine[name] = pool.fine(r)
	}
	return mergedRecording{recording: r, pools: pools}
}

func poolsOf(runners []Runner) []string {
	var names []string
	for _, r := range runners {
		for name := range r.Summary.Recording.Levels {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// onGrid moves a runner's levels to the windows that all share. Between its
// first and its last window a runner has levels in each: where the grid is finer
// than its windows, those of the window before.
func onGrid(levels []timeline.Level, offset time.Duration, window float64) []timeline.Level {
	byWindow := make(map[int][]timeline.Level)
	first, last := math.MaxInt, -1
	for _, l := range levels {
		index := int(math.Floor((l.At + offset.Seconds()) / window))
		byWindow[index] = append(byWindow[index], l)
		first, last = min(first, index), max(last, index)
	}
	grid := make([]timeline.Level, last+1)
	for index := first; index <= last; index++ {
		if here := byWindow[index]; len(here) > 0 {
			grid[index] = foldLevels(here)
		} else {
			grid[index] = grid[index-1]
			grid[index].Samples = 0
		}
	}
	return grid
}

// foldLevels makes one window of one runner's neighboring ones.
func foldLevels(levels []timeline.Level) timeline.Level {
	var sum timeline.Level
	for _, l := range levels {
		n := float64(l.Samples)
		sum.Samples += l.Samples
		sum.Active += n * l.Active
		sum.Waiting += n * l.Waiting
		sum.Total += n * l.Total
		sum.ActiveMax = math.Max(sum.ActiveMax, l.ActiveMax)
		sum.WaitingMax = math.Max(sum.WaitingMax, l.WaitingMax)
		sum.TotalMax = math.Max(sum.TotalMax, l.TotalMax)
	}
	if n := float64(sum.Samples); n > 0 {
		sum.Active, sum.Waiting, sum.Total = sum.Active/n, sum.Waiting/n, sum.Total/n
	}
	return sum
}

// addLevels adds a runner's levels to sum, window by window. The largest of a
// window need not have been at the same moment for each: their sum is the most it
// can have been.
func addLevels(sum, levels []timeline.Level) []timeline.Level {
	for len(sum) < len(levels) {
		sum = append(sum, timeline.Level{})
	}
	for i, l := range levels {
		sum[i] = addLevel(sum[i], l)
	}
	return sum
}

// onlySampled says when the windows were, and leaves those without samples out.
func onlySampled(levels []timeline.Level, window float64) []timeline.Level {
	for i := range levels {
		levels[i].At = timeline.Short(float64(i) * window)
	}
	return slices.DeleteFunc(levels, func(l timeline.Level) bool { return l.Samples == 0 })
}

func addLevel(a, b timeline.Level) timeline.Level {
	return timeline.Level{
		Samples: a.Samples + b.Samples,
		Active:  timeline.Short(a.Active + b.Active), ActiveMax: a.ActiveMax + b.ActiveMax,
		Waiting: timeline.Short(a.Waiting + b.Waiting), WaitingMax: a.WaitingMax + b.WaitingMax,
		Total: timeline.Short(a.Total + b.Total), TotalMax: a.TotalMax + b.TotalMax,
	}
}
