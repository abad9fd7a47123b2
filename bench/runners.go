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
// as execution segments: the several together should do as much as the one. What they
// can do is bound by the pool, whose statements take the server 20 ms, and not by the
// processor, of which several processes get more than one on a busy machine. Both run
// at the same time, so that a neighbor delays both.
func runners(ctx context.Context, s settings, n int) error {
	cuts := []string{"0"}
	for i := range n {
		cuts = append(cuts, fmt.Sprintf("%d/%d", i+1, n))
	}
	users := s.users[len(s.users)-1]
	bound := subject{extension("bound", "extension, the pool is the bound", bareOne), s.dir}
	var ratios []float64
	for round := range s.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d: 1 runner beside %d\n", round+1, s.rounds, n)
		runner := func(options ...string) command {
			c := bound.command(s, users, s.seconds)
			c.cmd.Args = slices.Insert(c.cmd.Args, len(c.cmd.Args)-1, append(options, "--address", "localhost:0")...)
			return c
		}
		var parts []command
		for i := range n {
			parts = append(parts, runner("--execution-segment", cuts[i]+":"+cuts[i+1], "--execution-segment-sequence", strings.Join(cuts, ",")))
		}
		one, all, err := beside(ctx, []command{runner()}, parts)
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

// beside runs two groups of processes at the same time.
func beside(ctx context.Context, a, b []command) (sumA, sumB outcome, err error) {
	var (
		wg         sync.WaitGroup
		errA, errB error
	)
	wg.Go(func() { sumA, errA = together(ctx, a) })
	wg.Go(func() { sumB, errB = together(ctx, b) })
	wg.Wait()
	return sumA, sumB, errors.Join(errA, errB)
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
