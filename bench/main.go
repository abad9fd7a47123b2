// Command bench compares what a query costs seen from k6 with a bare loop over
// pgxpool, with pgbench and, where it is built, with xk6-sql.
//
// All cases of a round run one after the other, and the rounds are repeated, so
// that a machine which drifts does it to all of them. Client CPU is what the
// operating system says of the finished process, less what the same process
// needs for a single iteration; the figures to look at are the ratios.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are the same for every case.
type settings struct {
	rounds  int
	seconds int
	pool    int
	users   []int
	url     string
	dir     string // binaries
	only    string
}

func run() error {
	var s settings
	var users, out string
	var xk6sql bool
	var manyUsers, soakQueries int
	flag.IntVar(&s.rounds, "rounds", 5, "rounds; the medians are reported")
	flag.IntVar(&s.seconds, "seconds", 5, "length of each run")
	flag.IntVar(&s.pool, "pool", 20, "connections")
	flag.StringVar(&users, "users", "20,100", "concurrent users, with commas between")
	flag.StringVar(&s.only, "only", "", "run only cases whose name contains this, and the yardstick")
	flag.StringVar(&out, "out", "", "write the table to OUT.md and OUT.json")
	flag.BoolVar(&xk6sql, "xk6sql", true, "build xk6-sql with lib/pq for comparison")
	flag.IntVar(&manyUsers, "many", 0, "instead of the comparison: so many users on one pool of 60")
	flag.IntVar(&soakQueries, "soak", 0, "instead of the comparison: so many queries, and what memory does")
	flag.Parse()
	for _, text := range strings.Split(users, ",") {
		var n int
		if _, err := fmt.Sscanf(text, "%d", &n); err != nil || n < 1 {
			return fmt.Errorf("-users is %q: accepted are whole numbers of at least 1 with commas between", users)
		}
		s.users = append(s.users, n)
	}

	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	dir, err := os.MkdirTemp("", "xk6-pgxpool-bench-")
	if err != nil {
		return fmt.Errorf("making a directory for the binaries: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	s.dir = dir
	if err := buildAll(ctx, s.dir, xk6sql && manyUsers+soakQueries == 0); err != nil {
		return err
	}
	server, err := startDatabase(ctx, max(s.pool, 100))
	if err != nil {
		return err
	}
	defer server.Stop() //nolint:errcheck // temporary
	s.url = server.URL()

	switch {
	case manyUsers > 0:
		return many(ctx, s, manyUsers, 60)
	case soakQueries > 0:
		return soak(ctx, s, soakQueries)
	}
	report, err := measureAll(ctx, s, cases(xk6sql))
	if err != nil {
		return err
	}
	report.Server = "PostgreSQL " + server.Version()
	fmt.Print(report.markdown())
	if out == "" {
		return nil
	}
	return report.write(filepath.Clean(out))
}
