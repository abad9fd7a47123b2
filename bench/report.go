package main

import (
	"encoding/json"
	"fmt"
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
}

func newReport(s settings) *report {
	return &report{
		When: time.Now().UTC().Truncate(time.Second), Cores: runtime.NumCPU(), Go: runtime.Version(),
		Rounds: s.rounds, Seconds: s.seconds, Pool: s.pool,
	}
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %d cores, pool of %d, medians of %d interleaved rounds of %d s. "+
		"Ratios are to the bare loop of the same round.\n\n",
		r.Server, r.Go, r.Cores, r.Pool, r.Rounds, r.Seconds)
	b.WriteString("| case | users | client CPU per query | ratio | queries/s | ratio |\n|---|--:|--:|--:|--:|--:|\n")
	for _, l := range r.Lines {
		var cpu, rate []float64
		for _, f := range l.Runs {
			cpu, rate = append(cpu, f.CPU), append(rate, f.Rate)
		}
		fmt.Fprintf(&b, "| %s | %d | %.1f µs | %.2f | %.0f | %.2f |\n",
			l.Label, l.Users, median(cpu), l.CPURatio, median(rate), l.RateRatio)
	}
	return b.String()
}

func (r *report) write(base string) error {
	if err := os.WriteFile(base+".md", []byte(r.markdown()), 0o600); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	if err := os.WriteFile(base+".json", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	return nil
}
