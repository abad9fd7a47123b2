package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	api, err := freeAddress()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.dir, "k6"), "run", "--quiet", "--summary-mode", "compact", // #nosec G204 -- our own binary
		"--profiling-enabled", "--address", api, filepath.Join("bench", "k6", "soak.js"))
	cmd.Env = append(append(os.Environ(), "DATABASE_URL="+s.url, "USERS=100", "OUT="+out,
		// What a loop without think time on the database's own machine fails in any case.
		"WAIVE=db_cpu,active_connections,response_drift,longest_stall",
		"POOL="+strconv.Itoa(s.pool), "QUERIES="+strconv.Itoa(queries)), env...)
	start := time.Now()
	var heaps []heap
	look := time.NewTicker(2 * time.Second)
	defer look.Stop()
	w, err := watch(ctx, cmd, 200*time.Millisecond, func() {
		select {
		case <-look.C:
			if h, err := readHeap(ctx, api); err == nil { // a k6 that ends does not answer
				heaps = append(heaps, h)
			}
		default:
		}
	})
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
	if fifth = len(heaps) / 5; fifth == 0 {
		return nil // over before there was much to see
	}
	before, after := meanHeap(heaps[fifth:2*fifth]), meanHeap(heaps[4*fifth:5*fifth])
	fmt.Printf("%-30s  live: %.1f and %.1f MiB, of which k6's Trends are %.1f and %.1f; without them %+.1f MiB\n", "",
		before.live, after.live, before.trends, after.trends, after.live-after.trends-before.live+before.trends)
	return nil
}

// heap is what a k6 holds after a collection, in MiB.
type heap struct{ live, trends float64 }

var (
	liveBytes = regexp.MustCompile(`# HeapAlloc = (\d+)`)
	// A list of a Trend's values is larger than what the profile leaves out between two
	// samples, and so is in it whole.
	trendBytes = regexp.MustCompile(`(?m)^\d+: (\d+) \[.*\n#.*metrics\.\(\*TrendSink\)\.Add`)
)

// readHeap has k6 collect its garbage and tell what is left.
func readHeap(ctx context.Context, api string) (h heap, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+api+"/debug/pprof/heap?gc=1&debug=1", nil)
	if err != nil {
		return h, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return h, err
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	profile, err := io.ReadAll(response.Body)
	if err != nil {
		return h, err
	}
	mib := func(found [][]byte) float64 {
		bytes, _ := strconv.ParseFloat(string(found[1]), 64) // digits
		return bytes / (1 << 20)
	}
	live := liveBytes.FindSubmatch(profile)
	if live == nil {
		return h, errors.New("the profile has no HeapAlloc")
	}
	h.live = mib(live)
	for _, found := range trendBytes.FindAllSubmatch(profile, -1) {
		h.trends += mib(found)
	}
	return h, nil
}

func meanHeap(heaps []heap) (m heap) {
	for _, h := range heaps {
		m.live += h.live / float64(len(heaps))
		m.trends += h.trends / float64(len(heaps))
	}
	return m
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
