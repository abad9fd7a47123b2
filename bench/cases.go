package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// benchCase is one line of the table.
type benchCase struct {
	name  string
	label string
	// bare is the yardstick that the case is compared with.
	bare string
	// command makes the process; seconds 0 asks for one iteration per user.
	command func(s settings, users, seconds int) *exec.Cmd
	// queries reads how many there were from what the process printed.
	queries func(output []byte) (float64, error)
	// startup says that the process needs a while before its first query, to
	// be measured apart and taken off.
	startup bool
	// counted says that the process can tell what it has allocated.
	counted bool
}

const (
	bareOne  = "bare"
	bareRows = "bare-rows"
)

func cases(xk6sql bool) []benchCase {
	all := []benchCase{
		bareCase(bareOne, "bare pgxpool loop in Go", 1),
		{name: "pgbench", label: "pgbench, prepared statements", bare: bareOne, command: pgbench, queries: pgbenchQueries},
		extension("blocking", "extension, 20 queries an iteration", bareOne),
		extension("single", "extension, 1 query an iteration", bareOne),
		extension("empty", "k6's own iteration, no query", bareOne),
		extension("pre-ping", "extension, 1 query an iteration, pre-ping", bareOne),
		extension("touched", "extension, queryRow, a column touched", bareOne),
		extension("promise", "extension, Promise", bareOne),
		extension("transaction", "extension, transaction around each query", bareOne),
		extension("acquire", "extension, acquire held over 3 queries", bareOne),
		compactCase("blocking", "extension, 20 queries an iteration, compact", bareOne),
		compactCase("single", "extension, 1 query an iteration, compact", bareOne),
		bareCase(bareRows, "bare pgxpool loop in Go, 100 rows", 100),
		extension("rows", "extension, 100 rows untouched", bareRows),
		extension("rows touched", "extension, 100 rows, a column of each touched", bareRows),
	}
	if xk6sql {
		all = append(all, benchCase{
			name: "xk6-sql", label: "xk6-sql with lib/pq, 1 query an iteration", bare: bareOne,
			command: k6("xk6sql.js", "k6-xk6sql", "single"), queries: jsonQueries, startup: true,
		})
	}
	return all
}

func bareCase(name, label string, rows int) benchCase {
	return benchCase{name: name, label: label, bare: name, queries: jsonQueries,
		command: func(s settings, users, seconds int) *exec.Cmd {
			return exec.Command(filepath.Join(s.dir, "bare"), // #nosec G204 -- our own binary
				"-url", s.url, "-users", strconv.Itoa(users), "-pool", strconv.Itoa(s.pool),
				"-rows", strconv.Itoa(rows), "-duration", fmt.Sprintf("%ds", seconds))
		}}
}

func extension(name, label, bare string) benchCase {
	return benchCase{
		name: name, label: label, bare: bare, startup: true, counted: true, queries: jsonQueries,
		command: k6("users.js", "k6", name),
	}
}

// compactCase is a case with metrics: 'compact'.
func compactCase(name, label, bare string) benchCase {
	c := extension(name, label, bare)
	full := c.command
	c.name += " compact"
	c.command = func(s settings, users, seconds int) *exec.Cmd {
		cmd := full(s, users, seconds)
		cmd.Env = append(cmd.Env, "METRICS=compact")
		return cmd
	}
	return c
}

func k6(script, binary, name string) func(settings, int, int) *exec.Cmd {
	return func(s settings, users, seconds int) *exec.Cmd {
		if s.iterations > 0 {
			script, binary = "counts.js", "k6-memory"
		}
		cmd := exec.Command(filepath.Join(s.dir, binary), "run", "--quiet", filepath.Join("bench", "k6", script)) // #nosec G204 -- our own binary
		cmd.Env = append(os.Environ(), "DATABASE_URL="+s.url, "CASE="+name, "ITERATIONS="+strconv.Itoa(max(s.iterations, 1)),
			"USERS="+strconv.Itoa(users), "POOL="+strconv.Itoa(s.pool), "SECONDS="+strconv.Itoa(seconds))
		return cmd
	}
}

func pgbench(s settings, users, seconds int) *exec.Cmd {
	return exec.Command("pgbench", "--no-vacuum", "--protocol=prepared", "--jobs=2", // #nosec G204 -- fixed arguments
		"--client="+strconv.Itoa(users), "--time="+strconv.Itoa(max(seconds, 1)),
		"--file="+filepath.Join("bench", "k6", "select.sql"), s.url)
}

var pgbenchCount = regexp.MustCompile(`number of transactions actually processed: (\d+)`)

func pgbenchQueries(output []byte) (float64, error) {
	m := pgbenchCount.FindSubmatch(output)
	if m == nil {
		return 0, fmt.Errorf("pgbench printed no number of transactions: %s", output)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

func jsonQueries(output []byte) (float64, error) {
	line := output[bytes.LastIndexByte(bytes.TrimSpace(output), '\n')+1:]
	var result struct{ Queries float64 }
	if err := json.Unmarshal(line, &result); err != nil {
		return 0, fmt.Errorf("reading the number of queries from %q: %w", output, err)
	}
	if result.Queries == 0 {
		return 0, errors.New("no query was run")
	}
	return result.Queries, nil
}

// target is a binary to build: its name, the module's directory below the
// project's, and the package.
type target struct{ name, module, pkg string }

// build builds binaries from the sources in root into dir.
func build(ctx context.Context, root, dir string, targets ...target) error {
	for _, t := range targets {
		fmt.Fprintln(os.Stderr, "building", t.name)
		cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, t.name), t.pkg) // #nosec G204 -- fixed arguments
		cmd.Dir = filepath.Join(root, t.module)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s (run it from the project's directory): %w: %s", t.name, err, out)
		}
	}
	return nil
}

func targets(j job) []target {
	all := []target{{"bare", ".", "./bench/bare"}, {"k6", ".", "./cmd/k6"}}
	if j.counts {
		all = append(all, target{"k6-memory", ".", "./bench/k6memory"})
	}
	if j.xk6sql {
		all = append(all, target{"k6-xk6sql", filepath.Join("bench", "xk6sql"), "."})
	}
	return all
}
