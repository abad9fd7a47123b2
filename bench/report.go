package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"
)

// report is the table and what it was measured on.
type report struct {
	When    time.Time `json:"when"`
	Cores   int       `json:"cores"`
	Go      string    `json:"go"`
	Server  string    `json:"server"`
	Rounds  int       `json:"rounds"`
	Seconds int       `json:"seconds"`
	Pool    int       `json:"pool"`
	Lines   []line    `json:"lines"`
	// Again has the same cases measured a second time (-repeat).
	Again []line `json:"again,omitempty"`
}

func newReport(s settings) *report {
	return &report{
		When: time.Now().UTC().Truncate(time.Second), Cores: runtime.GOMAXPROCS(0), Go: runtime.Version(),
		Rounds: s.rounds, Seconds: s.seconds, Pool: s.pool,
	}
}

func (r *report) about() string {
	return strings.TrimPrefix(fmt.Sprintf("%s, %s, %d cores, pool of %d, medians of %d rounds of %d s in turns of %v, with the range of the rounds.",
		r.Server, r.Go, r.Cores, r.Pool, r.Rounds, r.Seconds, slice), ", ")
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s Ratios are to the bare loop beside which the case ran.\n\n%s", r.about(), r.table())
	if counted := r.countsTable(); counted != "" {
		fmt.Fprintf(&b, "\nPer query, whatever else the machine does (%d users, `strace -c`, Go's allocation counts; a write to the server is a round trip):\n\n%s", countUsers, counted)
	}
	if len(r.Again) > 0 {
		fmt.Fprintf(&b, "\nThe whole measured twice: CPU ratios differ by at most %.1f %%, throughput ratios by at most %.1f %%.\n",
			100*apart(r.Lines, r.Again, line.cpu), 100*apart(r.Lines, r.Again, line.rate))
	}
	return b.String()
}

func (r *report) table() string {
	var b strings.Builder
	b.WriteString("| case | users | client CPU per query | ratio | queries/s | ratio |\n|---|--:|--:|--:|--:|--:|\n")
	for _, l := range r.Lines {
		cpu, rate := l.cpu(), l.rate()
		fmt.Fprintf(&b, "| %s | %d | %.1f µs | %.2f (%.2f–%.2f) | %.0f | %.2f (%.2f–%.2f) |\n", l.Label, l.Users,
			estimateOf(l.Rounds, func(r ratio) float64 { return r.CPUMicroseconds }).median, cpu.median, cpu.low, cpu.high,
			estimateOf(l.Rounds, func(r ratio) float64 { return r.QueriesPerSecond }).median, rate.median, rate.low, rate.high)
	}
	return b.String()
}

func (r *report) countsTable() string {
	var b strings.Builder
	for _, l := range r.Lines {
		if c := l.Counts; c != nil {
			fmt.Fprintf(&b, "| %s | %.1f | %.0f | %.2f | %.2f | %.2f | %.2f |\n", l.Label, c.Allocations, c.Bytes, c.Reads, c.Writes, c.Futexes, c.Syscalls)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "| case | allocations | bytes | read | write (round trips) | futex | all system calls |\n|---|--:|--:|--:|--:|--:|--:|\n" + b.String()
}

// apart is the largest relative difference of one estimate between two
// measurements of the same cases.
func apart(a, b []line, of func(line) estimate) (largest float64) {
	for i := range a {
		largest = max(largest, math.Abs(of(a[i]).median/of(b[i]).median-1))
	}
	return largest
}

func (r *report) write(base string) error {
	if err := os.WriteFile(base+".md", []byte(r.markdown()), 0o600); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the values: %w", err)
	}
	if err := os.WriteFile(base+".json", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the values: %w", err)
	}
	return nil
}
