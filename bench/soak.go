package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// soakRuns are what a soak compares: the compact metrics, whose verdict must come
// in flat memory; k6 alone, which keeps a value of each iteration whatever is
// loaded, so that its share can be told apart; and the full metrics.
var soakRuns = []struct {
	title string
	env   []string
}{
	{"compact metrics, with verdict", []string{"METRICS=compact"}},
	{"k6 alone, no query", []string{"CASE=empty"}},
	{"full metrics, with verdict", []string{"METRICS=full"}},
}

// soak runs iterations of one query each until they are enough and compares the
// resident size of the last fifth with that of the second: the first is warm-up.
func soak(ctx context.Context, s settings, queries int) error {
	fmt.Printf("%d iterations of one query by 100 users:\n", queries)
	for _, r := range soakRuns {
		if s.only != "" && !strings.Contains(r.title, s.only) {
			continue
		}
		if err := soakWith(ctx, s, queries, r.title, r.env); err != nil {
			return err
		}
	}
	return nil
}

func soakWith(ctx context.Context, s settings, queries int, title string, env []string) error {
	fmt.Fprintf(os.Stderr, "%s: %d iterations\n", title, queries)
	out := filepath.Join(s.dir, "soak")
	cmd := exec.CommandContext(ctx, filepath.Join(s.dir, "k6"), "run", "--quiet", "--summary-mode", "compact", filepath.Join("bench", "k6", "soak.js")) // #nosec G204 -- our own binary
	cmd.Env = append(append(os.Environ(), "DATABASE_URL="+s.url, "USERS=100", "OUT="+out,
		// What a loop without think time on the database's own machine fails in any case.
		"WAIVE=db_cpu,active_connections,response_drift,longest_stall",
		"POOL="+strconv.Itoa(s.pool), "QUERIES="+strconv.Itoa(queries)), env...)
	start := time.Now()
	w, err := watch(ctx, cmd, 200*time.Millisecond, func() {})
	if err != nil {
		return err
	}
	fifth := len(w.sizes) / 5
	if fifth < 2 {
		return fmt.Errorf("the run took only %v: ask for more queries", time.Since(start).Round(time.Second))
	}
	second, last := mean(w.sizes[fifth:2*fifth]), mean(w.sizes[4*fifth:5*fifth])
	fmt.Printf("%-30s  %6.0f s  second fifth %6.1f MiB, last fifth %6.1f MiB, %+.1f MiB, %+.1f %%, %.1f bytes an iteration between them\n",
		title, time.Since(start).Seconds(), second, last, last-second, 100*(last/second-1),
		(last-second)*(1<<20)/(0.6*float64(queries)))
	return nil
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
