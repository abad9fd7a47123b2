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
// the last fifth with that of the second: the first is warm-up. Once as k6 runs
// by default, where it keeps every value of a Trend, and once without the
// end-of-test summary and thresholds, for which it does so.
func soak(ctx context.Context, s settings, queries int) error {
	for _, flags := range [][]string{
		{"--features", "native-histograms"},
		{"--summary-mode", "disabled", "--no-thresholds"},
	} {
		if err := soakWith(ctx, s, queries, flags); err != nil {
			return err
		}
	}
	return nil
}

func soakWith(ctx context.Context, s settings, queries int, flags []string) error {
	fmt.Fprintf(os.Stderr, "%d queries %v\n", queries, flags)
	args := append([]string{"run", "--quiet"}, flags...)
	cmd := exec.CommandContext(ctx, filepath.Join(s.dir, "k6"), append(args, filepath.Join("bench", "k6", "soak.js"))...) // #nosec G204 -- our own binary
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
	fmt.Printf("%d queries with %v in %v: resident size %.1f MiB in the second fifth, %.1f MiB in the last (%+.1f %%)\n",
		queries, flags, time.Since(start).Round(time.Second), second, last, 100*(last/second-1))
	return nil
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
