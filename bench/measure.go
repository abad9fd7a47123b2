package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// figure is one run: what each query cost and how many there were.
type figure struct {
	CPU  float64 `json:"cpu_us_per_query"` // client, microseconds
	Rate float64 `json:"queries_per_s"`
}

// line is one case at one number of users.
type line struct {
	Case  string   `json:"case"`
	Label string   `json:"label"`
	Users int      `json:"users"`
	Runs  []figure `json:"runs"`
	// CPURatio and RateRatio are medians over the rounds of the ratio to the
	// bare loop of the same round.
	CPURatio  float64 `json:"cpu_ratio"`
	RateRatio float64 `json:"rate_ratio"`
}

func measureAll(ctx context.Context, s settings, all []benchCase) (*report, error) {
	all = slices.DeleteFunc(all, func(c benchCase) bool {
		return c.bare != c.name && !strings.Contains(c.name, s.only)
	})
	r := newReport(s)
	for _, users := range s.users {
		lines := make([]line, len(all))
		startup := make([]float64, len(all))
		for i, c := range all {
			lines[i] = line{Case: c.name, Label: c.label, Users: users}
			var err error
			if startup[i], err = startupOf(ctx, s, c, users); err != nil {
				return nil, err
			}
		}
		for round := range s.rounds {
			for i, c := range all {
				fmt.Fprintf(os.Stderr, "%d users, round %d of %d: %s\n", users, round+1, s.rounds, c.label)
				f, err := measure(ctx, s, c, users, startup[i])
				if err != nil {
					return nil, err
				}
				lines[i].Runs = append(lines[i].Runs, f)
			}
		}
		compare(all, lines)
		r.Lines = append(r.Lines, lines...)
	}
	return r, nil
}

// startupOf is the CPU that a case's process needs before and besides its
// queries: the median of three runs of a single iteration.
func startupOf(ctx context.Context, s settings, c benchCase, users int) (float64, error) {
	if !c.startup {
		return 0, nil
	}
	var all []float64
	for range 3 {
		_, cpu, err := execute(ctx, c, c.command(s, users, 0))
		if err != nil {
			return 0, err
		}
		all = append(all, cpu)
	}
	return median(all), nil
}

func measure(ctx context.Context, s settings, c benchCase, users int, startup float64) (figure, error) {
	queries, cpu, err := execute(ctx, c, c.command(s, users, s.seconds))
	if err != nil {
		return figure{}, err
	}
	return figure{CPU: (cpu - startup) * 1e6 / queries, Rate: queries / float64(s.seconds)}, nil
}

// execute runs one process and gives its queries and its CPU in seconds.
func execute(ctx context.Context, c benchCase, cmd *exec.Cmd) (queries, cpu float64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return 0, 0, fmt.Errorf("%s: %w: %s%s", c.name, err, stdout.String(), stderr.String())
	}
	queries, err = c.queries(stdout.Bytes())
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", c.name, err)
	}
	p := cmd.ProcessState
	return queries, (p.UserTime() + p.SystemTime()).Seconds(), nil
}

// compare fills in the ratios, each to the yardstick of its own round.
func compare(all []benchCase, lines []line) {
	for i, c := range all {
		yardstick := lines[slices.IndexFunc(all, func(o benchCase) bool { return o.name == c.bare })]
		var cpu, rate []float64
		for n, f := range lines[i].Runs {
			cpu = append(cpu, f.CPU/yardstick.Runs[n].CPU)
			rate = append(rate, f.Rate/yardstick.Runs[n].Rate)
		}
		lines[i].CPURatio, lines[i].RateRatio = median(cpu), median(rate)
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
