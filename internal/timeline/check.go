package timeline

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/DataDog/sketches-go/ddsketch/pb/sketchpb"
)

// What no recording of ours goes beyond. A file may have been edited, cut, or
// made to keep a reader busy: with these limits sums of thousands of recordings
// stay within their types, and no loop depends on a number in a file.
const (
	mostSamples = 1_000_000_000     // in one window
	mostCount   = 1_000_000_000_000 // of anything in a run
	mostValue   = 1e15              // milliseconds, percent
	mostSeconds = 1e9
	mostWidth   = 86400.0 // of a window, in seconds
	leastWidth  = 0.001
	mostIndex   = 75_000 // of a sketch's bin at [Accuracy]: e^(±745), all of float64
)

// MostLevels is how many windows a recording's levels have at most.
const MostLevels = 1 << 14

// within tells whether a value is in the range, which NaN is not.
func within[N int | int64 | float64](value, least, most N) bool {
	return value >= least && value <= most
}

// Check says what no recording of ours has.
func (r *Recording) Check() error {
	if !(r.Window > 0) || r.Window > mostWidth {
		return fmt.Errorf("window_s is %v; use more than 0, up to %v", r.Window, mostWidth)
	}
	if r.Start.IsZero() {
		return fmt.Errorf("it has no start")
	}
	if err := r.checkTimes(); err != nil {
		return err
	}
	if err := r.Totals.check(); err != nil {
		return err
	}
	for name, levels := range r.Levels {
		for _, l := range levels {
			if err := l.check(r.Window); err != nil {
				return fmt.Errorf("pool %q has %w", name, err)
			}
		}
	}
	return nil
}

// checkTimes checks what has windows of its own.
func (r *Recording) checkTimes() error {
	if err := checkStart("it", r.Start); err != nil {
		return err
	}
	if r.Ended != nil {
		if err := checkWindows("ended", r.Ended.Start, r.Ended.Window, len(r.Ended.Counts), 4*maxFine); err != nil {
			return err
		}
		if err := checkCounts("ended", r.Ended.Counts...); err != nil {
			return err
		}
	}
	if r.Responses != nil {
		if err := checkWindows("responses", r.Responses.Start, r.Responses.Window, len(r.Responses.Windows), MostLevels); err != nil {
			return err
		}
	}
	for name, fine := range r.Fine {
		for _, s := range []LevelSeries{fine.Active, fine.Waiting} { // whose windows are checked as they are read
			if len(s.Windows) == 0 || s.Start.IsZero() {
				continue
			}
			if err := checkStart(fmt.Sprintf("pool %q", name), s.Start); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkWindows(of string, start time.Time, width float64, n, most int) error {
	switch {
	case !within(width, leastWidth, mostWidth):
		return fmt.Errorf("%s has a window_s of %v; use %v to %v", of, width, leastWidth, mostWidth)
	case n > most:
		return fmt.Errorf("%s has %d windows; use at most %d", of, n, most)
	case n == 0: // nothing was recorded
		return nil
	}
	return checkStart(of, start)
}

func checkStart(of string, start time.Time) error {
	if year := start.Year(); year < 1970 || year > 2200 {
		return fmt.Errorf("%s starts in the year %d", of, year)
	}
	return nil
}

func (l Level) check(window float64) error {
	if !within(l.At, 0, min(mostSeconds, window*MostLevels)) || !within(l.Samples, 1, mostSamples) {
		return fmt.Errorf("levels at %v s of %d samples", l.At, l.Samples)
	}
	for _, level := range []float64{l.Active, l.ActiveMax, l.Waiting, l.WaitingMax, l.Total, l.TotalMax} {
		if !within(level, 0, mostLevel) {
			return fmt.Errorf("a level of %v at %v s", level, l.At)
		}
	}
	for _, at := range []map[int]int64{l.ActiveAt, l.WaitingAt} {
		for level, n := range at {
			if !within(level, 0, mostLevel) || !within(n, 1, mostSamples) {
				return fmt.Errorf("%d samples at level %d", n, level)
			}
		}
	}
	return nil
}

// check refuses counts that are negative, or so large that their sums are not.
func (t Totals) check() error {
	counts := []int64{t.Requests.Failed, t.Requests.Timeouts, t.Requests.Dropped, t.Requests.Interrupted}
	if err := checkCounts("requests", slices.AppendSeq(counts, maps.Values(t.Requests.Retries))...); err != nil {
		return err
	}
	for name, p := range t.Pools {
		if p == nil {
			return fmt.Errorf("pool %q has no totals", name)
		}
		counts = counts[:0]
		for _, n := range p.counted() {
			if n != nil {
				counts = append(counts, *n)
			}
		}
		for _, by := range p.keyed() {
			if by != nil {
				counts = slices.AppendSeq(counts, maps.Values(*by))
			}
		}
		if err := checkCounts(fmt.Sprintf("pool %q", name), counts...); err != nil {
			return err
		}
	}
	return nil
}

func checkCounts(of string, counts ...int64) error {
	for _, n := range counts {
		if !within(n, 0, mostCount) {
			return fmt.Errorf("%s has a count of %d; use 0 to %d", of, n, int64(mostCount))
		}
	}
	return nil
}

// checkSketch refuses a sketch before memory is taken for the bins between its
// first and its last.
func checkSketch(s *sketchpb.DDSketch, count int64) error {
	if s.GetMapping() == nil {
		return fmt.Errorf("its sketch has no mapping")
	}
	if n := s.GetNegativeValues(); len(n.GetBinCounts())+len(n.GetContiguousBinCounts()) > 0 {
		return fmt.Errorf("its sketch has negative values")
	}
	sum, err := sketchCount(s)
	if err == nil && math.Abs(sum-float64(count)) > 0.5 {
		err = fmt.Errorf("count is %d, and its sketch has %v values", count, sum)
	}
	return err
}

func sketchCount(s *sketchpb.DDSketch) (sum float64, err error) {
	add := func(index int64, n float64) {
		switch sum += n; {
		case !within(index, -mostIndex, mostIndex):
			err = fmt.Errorf("its sketch has a bin %d; use %d to %d", index, -mostIndex, mostIndex)
		case !within(n, 0, mostCount):
			err = fmt.Errorf("its sketch has %v values in a bin; use 0 to %d", n, int64(mostCount))
		}
	}
	add(0, s.GetZeroCount())
	positive := s.GetPositiveValues()
	for index, n := range positive.GetBinCounts() {
		add(int64(index), n)
	}
	for i, n := range positive.GetContiguousBinCounts() {
		add(int64(positive.GetContiguousBinIndexOffset())+int64(i), n)
	}
	return sum, err
}
