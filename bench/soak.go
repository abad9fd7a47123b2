package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/pprof/profile"
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
		"POOL="+strconv.Itoa(s.pool), "QUERIES="+strconv.Itoa(queries),
		"GODEBUG=memprofilerate=65536"), env...) // what is small and many shows too
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

// readHeap has k6 collect its garbage and tell what was in use when it began to: what
// has come since is mostly garbage again.
func readHeap(ctx context.Context, api string) (h heap, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+api+"/debug/pprof/heap?gc=1", nil)
	if err != nil {
		return h, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return h, err
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	p, err := profile.Parse(response.Body)
	if err != nil {
		return h, fmt.Errorf("reading k6's heap profile: %w", err)
	}
	inUse := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "inuse_space" })
	if inUse < 0 {
		return h, errors.New("k6's heap profile has no inuse_space")
	}
	for _, s := range p.Sample {
		mib := float64(s.Value[inUse]) / (1 << 20)
		h.live += mib
		if slices.ContainsFunc(s.Location, isTrend) {
			h.trends += mib
		}
	}
	return h, nil
}

func isTrend(at *profile.Location) bool {
	return slices.ContainsFunc(at.Line, func(l profile.Line) bool {
		return strings.HasSuffix(l.Function.Name, "metrics.(*TrendSink).Add")
	})
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
