package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
)

// runners compares one k6 with several that share the same users and the same pool
// as execution segments, one after the other in each round: the several together
// should do as much as the one.
func runners(ctx context.Context, s settings, n int) error {
	cuts := []string{"0"}
	for i := range n {
		cuts = append(cuts, fmt.Sprintf("%d/%d", i+1, n))
	}
	users := s.users[len(s.users)-1]
	single := extension("single", "extension, 1 query an iteration", bareOne)
	var ratios []float64
	for round := range s.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d: 1 runner, then %d\n", round+1, s.rounds, n)
		one, err := together(ctx, []command{subject{single, s.dir}.command(s, users, s.seconds)})
		if err != nil {
			return err
		}
		var parts []command
		for i := range n {
			c := subject{single, s.dir}.command(s, users, s.seconds)
			c.cmd.Args = slices.Insert(c.cmd.Args, len(c.cmd.Args)-1,
				"--execution-segment", cuts[i]+":"+cuts[i+1], "--execution-segment-sequence", strings.Join(cuts, ","),
				"--address", "localhost:0")
			parts = append(parts, c)
		}
		all, err := together(ctx, parts)
		if err != nil {
			return err
		}
		ratios = append(ratios, all.queries/one.queries)
		fmt.Printf("1 runner %.0f queries, %.1f s of CPU; %d runners %.0f queries, %.1f s of CPU; ratio %.3f\n",
			one.queries, one.cpu, n, all.queries, all.cpu, all.queries/one.queries)
	}
	fmt.Printf("%d runners together over one, %d users, pool of %d: %.3f (%.3f–%.3f)\n",
		n, users, s.pool, median(ratios), slices.Min(ratios), slices.Max(ratios))
	return nil
}

// together runs processes at the same time and adds up what they did.
func together(ctx context.Context, commands []command) (sum outcome, err error) {
	var (
		mu sync.Mutex
		wg sync.WaitGroup
	)
	for _, c := range commands {
		wg.Go(func() {
			done, problem := alone(c)
			mu.Lock()
			defer mu.Unlock()
			sum.queries, sum.cpu = sum.queries+done.queries, sum.cpu+done.cpu
			err = errors.Join(err, problem)
		})
	}
	wg.Wait()
	return sum, errors.Join(err, ctx.Err())
}
