package monitor

import (
	"maps"
	"math"
	"slices"
	"time"
)

// Tally sums up samples into a Report in bounded memory, however long the
// watch. The zero value is ready; it is not safe for concurrent use.
type Tally struct {
	first, last time.Time
	pool        Pool
	samples     int
	failed      int
	seen        int // samples in which the application had a session that shows what it does
	inOverflow  int
	unavailable int // samples in which the base size was used up
	active      levels
	open        levels
	checkedOut  levels
	waiting     levels
	hidden      int
	longest     float64
	cpuSum      float64
	cpuSamples  int
	cpuPeak     float64
	layers      map[Layer]int
}

// Add takes one more sample, in the order of time.
func (t *Tally) Add(s Sample) {
	if t.first.IsZero() {
		t.first, t.layers = s.Time, map[Layer]int{}
	}
	t.last, t.pool = s.Time, s.Pool
	if s.Layer != "" {
		t.layers[s.Layer]++
	}
	if s.Application != nil {
		t.addApplication(*s.Application)
	}
	if s.Database == nil {
		t.failed++
		return
	}
	t.samples++
	t.addDatabase(*s.Database)
	if s.InOverflow() {
		t.inOverflow++
	}
	if s.Available() == 0 {
		t.unavailable++
	}
}

func (t *Tally) addDatabase(d Database) {
	t.active.add(d.Active)
	t.open.add(d.Open)
	t.hidden = max(t.hidden, d.Hidden)
	t.longest = max(t.longest, d.LongestTransaction)
	if d.Open > d.Hidden {
		t.seen++
	}
	if d.CPU != nil {
		t.cpuSamples++
		t.cpuSum += *d.CPU
		t.cpuPeak = max(t.cpuPeak, *d.CPU)
	}
}

func (t *Tally) addApplication(a Application) {
	t.checkedOut.add(a.CheckedOut)
	if a.Waiting != nil {
		t.waiting.add(*a.Waiting)
	}
}

// levels is the distribution of a small whole number.
type levels struct {
	counts map[int]int
	total  int
	sum    int
}

func (l *levels) add(level int) {
	if l.counts == nil {
		l.counts = map[int]int{}
	}
	l.counts[level]++
	l.total++
	l.sum += level
}

// level sums the distribution up, nil without any value.
func (l *levels) level() *Level {
	if l.total == 0 {
		return nil
	}
	sorted := slices.Sorted(maps.Keys(l.counts))
	return &Level{
		Min:  sorted[0],
		Peak: sorted[len(sorted)-1],
		Mean: float64(l.sum) / float64(l.total),
		P95:  l.percentile(sorted, 0.95),
	}
}

// percentile is the smallest value that at least the given share of all values
// do not exceed (nearest rank).
func (l *levels) percentile(sorted []int, share float64) int {
	rank := int(math.Ceil(share * float64(l.total)))
	for _, value := range sorted {
		if rank -= l.counts[value]; rank <= 0 {
			return value
		}
	}
	return sorted[len(sorted)-1]
}
