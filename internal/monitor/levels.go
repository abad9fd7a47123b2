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
	return &Level{
		Min:  l.percentile(0),
		Mean: float64(l.sum) / float64(l.total),
		P95:  l.percentile(0.95),
		P99:  l.percentile(0.99),
		Peak: l.percentile(1),
	}
}

// percentile is the smallest value that at least the given share of all values
// do not exceed (nearest rank), 0 without any.
func (l *levels) percentile(share float64) (value int) {
	rank := int(math.Ceil(share * float64(l.total)))
	for _, value = range slices.Sorted(maps.Keys(l.counts)) {
		if rank -= l.counts[value]; rank <= 0 {
			break
		}
	}
	return value
}
