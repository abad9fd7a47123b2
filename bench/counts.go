package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// counts are what a query needs whatever else the machine does. Each is the
// difference between a long and a short run of the same process, divided by the
// difference of their queries.
type counts struct {
	Allocations float64 `json:"allocations_per_query"`
	Bytes       float64 `json:"allocated_bytes_per_query"`
	Reads       float64 `json:"reads_per_query"`
	Writes      float64 `json:"writes_per_query"`
	Futexes     float64 `json:"futexes_per_query"`
	Syscalls    float64 `json:"syscalls_per_query"`
}

// The iterations of the two runs, per user, and the users: few, since strace
// makes every system call slow.
const (
	countUsers = 20
	shortRun   = 5
	longRun    = 105
)

func countAll(ctx context.Context, s settings, c benchCase) (*counts, error) {
	if !c.counted {
		return nil, nil //nolint:nilnil // only k6 with the extension counts its iterations
	}
	fmt.Fprintf(os.Stderr, "counting: %s\n", c.label)
	short, err := countRun(ctx, s, c, shortRun)
	if err != nil {
		return nil, err
	}
	long, err := countRun(ctx, s, c, longRun)
	if err != nil {
		return nil, err
	}
	per := func(name string) float64 { return (long.of[name] - short.of[name]) / (long.queries - short.queries) }
	return &counts{
		Allocations: per("allocations"), Bytes: per("bytes"),
		Reads: per("read"), Writes: per("write"), Futexes: per("futex"), Syscalls: per("total"),
	}, nil
}

type counted struct {
	queries float64
	of      map[string]float64
}

// countRun runs a case twice: once for what it allocates, once under strace.
func countRun(ctx context.Context, s settings, c benchCase, iterations int) (counted, error) {
	s.iterations = iterations
	plain := c.command(s, countUsers, 0)
	out, err := plain.Output()
	if err != nil {
		return counted{}, fmt.Errorf("%s: %w", c.name, err)
	}
	var told struct{ Queries, Allocations, Bytes float64 }
	if err := json.Unmarshal(out, &told); err != nil {
		return counted{}, fmt.Errorf("%s: reading its counts: %w", c.name, err)
	}
	result := counted{queries: told.Queries, of: map[string]float64{"allocations": told.Allocations, "bytes": told.Bytes}}
	table := filepath.Join(s.dir, "strace")
	traced := c.command(s, countUsers, 0)
	under := exec.CommandContext(ctx, "strace", append([]string{"-f", "-c", "-o", table}, traced.Args...)...) // #nosec G204 -- our own binary
	under.Env = traced.Env
	if out, err := under.CombinedOutput(); err != nil {
		return counted{}, fmt.Errorf("strace (Debian's package of that name; -counts=false does without): %w: %s", err, out)
	}
	text, err := os.ReadFile(table) // #nosec G304 -- written a moment ago
	if err != nil {
		return counted{}, fmt.Errorf("reading strace's table: %w", err)
	}
	for name, calls := range syscalls(text) {
		result.of[name] = calls
	}
	return result, nil
}

// syscalls reads strace's table: the number of calls is the fourth column, the
// name the last.
func syscalls(table []byte) map[string]float64 {
	calls := map[string]float64{}
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 5 {
			continue
		}
		if n, err := strconv.ParseFloat(fields[3], 64); err == nil {
			calls[fields[len(fields)-1]] = n
		}
	}
	return calls
}
