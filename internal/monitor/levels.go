package monitor

import (
	"maps"
	"math"
	"slices"
)

// Level sums up a number of connections over the samples. P95 and P99 are nearest
// ranks.
type Level struct {
	Min  int     `json:"min"`
	Mean float64 `json:"mean"`
	P95  int     `json:"p95"`
	P99  int     `json:"p99"`
	Peak int     `json:"peak"`
}

// levels is the distribution of small integers, in bounded memory.
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
		P99:  l.percentile(sorted, 0.99),
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

// median is the middle value, 0 without any.
func (l *levels) median() int {
	if l.total == 0 {
		return 0
	}
	return l.percentile(slices.Sorted(maps.Keys(l.counts)), 0.5)
}
