package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// subject is a case of one build of k6, or a bare loop.
type subject struct {
	benchCase
	dir string // of the binaries
}

func (s subject) command(set settings, users, seconds int) command {
	set.dir = s.dir
	return command{name: s.name, cmd: s.benchCase.command(set, users, seconds), queries: s.queries}
}

// ratio is one round: a subject against its yardstick, run in turns.
type ratio struct {
	CPU  float64 `json:"cpu"`
	Rate float64 `json:"rate"`
	// The subject's own values, for orientation: they change with the machine.
	CPUMicroseconds  float64 `json:"cpu_us_per_query"`
	QueriesPerSecond float64 `json:"queries_per_s"`
}

// line is one case.
type line struct {
	Case   string  `json:"case"`
	Label  string  `json:"label"`
	Users  int     `json:"users"`
	Rounds []ratio `json:"rounds"`
	Counts *counts `json:"counts,omitempty"`
}

// estimate is a ratio's median over the rounds with the range they span.
type estimate struct{ median, low, high float64 }

func (l line) cpu() estimate  { return estimateOf(l.Rounds, func(r ratio) float64 { return r.CPU }) }
func (l line) rate() estimate { return estimateOf(l.Rounds, func(r ratio) float64 { return r.Rate }) }

func estimateOf(rounds []ratio, pick func(ratio) float64) estimate {
	all := make([]float64, len(rounds))
	for i, r := range rounds {
		all[i] = pick(r)
	}
	return estimate{median: median(all), low: slices.Min(all), high: slices.Max(all)}
}

// measureAll compares each case with the bare loop that does the same.
func measureAll(ctx context.Context, s settings, all []benchCase) (*report, error) {
	r := newReport(s)
	for _, users := range s.users {
		for _, c := range all {
			if c.bare == c.name || !strings.Contains(c.name, s.only) {
				continue
			}
			yardstick := all[slices.IndexFunc(all, func(o benchCase) bool { return o.name == c.bare })]
			l, err := pairs(ctx, s, users, subject{c, s.dir}, subject{yardstick, s.dir})
			if err != nil {
				return nil, err
			}
			if s.counts {
				if l.Counts, err = countAll(ctx, s, c); err != nil {
					return nil, err
				}
			}
			r.Lines = append(r.Lines, l)
		}
	}
	return r, nil
}

// pairs runs a subject and its yardstick in turns, round after round.
func pairs(ctx context.Context, s settings, users int, a, b subject) (line, error) {
	l := line{Case: a.name, Label: a.label, Users: users}
	startupA, err := startupOf(s, a, users)
	if err != nil {
		return l, err
	}
	startupB, err := startupOf(s, b, users)
	if err != nil {
		return l, err
	}
	for round := range s.rounds {
		fmt.Fprintf(os.Stderr, "%d users, round %d of %d: %s\n", users, round+1, s.rounds, a.label)
		ra, rb, err := alternate(ctx, a.command(s, users, 2*s.seconds), b.command(s, users, 2*s.seconds))
		if err != nil {
			return l, err
		}
		costA, costB := (ra.cpu-startupA)/ra.queries, (rb.cpu-startupB)/rb.queries
		l.Rounds = append(l.Rounds, ratio{
			CPU: costA / costB, Rate: ra.queries / rb.queries,
			CPUMicroseconds: costA * 1e6, QueriesPerSecond: ra.queries / float64(s.seconds),
		})
	}
	return l, nil
}

// startupOf is the CPU that a case's process needs before and besides its
// queries: the median of three runs of a single iteration.
func startupOf(s settings, c subject, users int) (float64, error) {
	if !c.startup {
		return 0, nil
	}
	var all []float64
	for range 3 {
		r, err := alone(c.command(s, users, 0))
		if err != nil {
			return 0, err
		}
		all = append(all, r.cpu)
	}
	return median(all), nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
