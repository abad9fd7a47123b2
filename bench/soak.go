package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// soak runs queries until they are enough and compares the resident size of
// the last fifth with that of the second: the first is warm-up.
func soak(ctx context.Context, s settings, queries int) error {
	fmt.Fprintf(os.Stderr, "%d queries\n", queries)
	cmd := exec.CommandContext(ctx, filepath.Join(s.dir, "k6"), "run", "--quiet", //nolint:gosec // our own
		"--features", "native-histograms", filepath.Join("bench", "k6", "soak.js"))
	cmd.Env = append(os.Environ(), "DATABASE_URL="+s.url, "USERS=100",
		"POOL="+strconv.Itoa(s.pool), "QUERIES="+strconv.Itoa(queries))
	start := time.Now()
	w, err := watch(ctx, cmd, time.Second, func() {})
	if err != nil {
		return err
	}
	fifth := len(w.sizes) / 5
	if fifth < 2 {
		return fmt.Errorf("the run took only %v: ask for more queries", time.Since(start).Round(time.Second))
	}
	second, last := mean(w.sizes[fifth:2*fifth]), mean(w.sizes[4*fifth:5*fifth])
	fmt.Printf("%d queries in %v: resident size %.1f MiB in the second fifth, %.1f MiB in the last (%+.1f %%)\n",
		queries, time.Since(start).Round(time.Second), second, last, 100*(last/second-1))
	return nil
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
