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
	"os/signal"
	"path/filepath"
	"strconv"
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

// job is what the command line asks for.
type job struct {
	settings
	out         string // base of the report's files
	xk6sql      bool
	manyUsers   int
	soakQueries int
}

func parse() (j job, err error) {
	var users string
	flag.IntVar(&j.rounds, "rounds", 5, "rounds; the medians are reported")
	flag.IntVar(&j.seconds, "seconds", 5, "length of each run")
	flag.IntVar(&j.pool, "pool", 20, "connections")
	flag.StringVar(&users, "users", "20,100", "concurrent users, with commas between")
	flag.StringVar(&j.only, "only", "", "run only cases whose name contains this, and the yardstick")
	flag.StringVar(&j.out, "out", "", "write the table to OUT.md and OUT.json")
	flag.BoolVar(&j.xk6sql, "xk6sql", true, "build xk6-sql with lib/pq for comparison")
	flag.IntVar(&j.manyUsers, "many", 0, "instead of the comparison: so many users on one pool of 60")
	flag.IntVar(&j.soakQueries, "soak", 0, "instead of the comparison: so many queries, and what memory does")
	flag.Parse()
	for _, text := range strings.Split(users, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return j, fmt.Errorf("-users is %q: accepted are whole numbers of at least 1 with commas between", users)
		}
		j.users = append(j.users, n)
	}
	return j, j.check()
}

func (j job) check() error {
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is no flag: -help lists what is accepted", flag.Arg(0))
	}
	for _, given := range []struct {
		flag         string
		value, least int
	}{
		{"-rounds", j.rounds, 1}, {"-seconds", j.seconds, 1}, {"-pool", j.pool, 1},
		{"-many", j.manyUsers, 0}, {"-soak", j.soakQueries, 0},
	} {
		if given.value < given.least {
			return fmt.Errorf("%s is %d: accepted is a whole number of at least %d", given.flag, given.value, given.least)
		}
	}
	return nil
}

func run() error {
	j, err := parse()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) // what is temporary goes either way
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	if j.dir, err = os.MkdirTemp("", "xk6-pgxpool-bench-"); err != nil {
		return fmt.Errorf("making a directory for the binaries: %w", err)
	}
	defer os.RemoveAll(j.dir) //nolint:errcheck // a temporary directory
	if err := buildAll(ctx, j.dir, j.xk6sql && j.manyUsers+j.soakQueries == 0); err != nil {
		return err
	}
	server, err := startDatabase(ctx, max(j.pool, 100))
	if err != nil {
		return err
	}
	defer server.Stop() //nolint:errcheck // temporary
	j.url = server.URL()
	switch {
	case j.manyUsers > 0:
		return many(ctx, j.settings, j.manyUsers, 60)
	case j.soakQueries > 0:
		return soak(ctx, j.settings, j.soakQueries)
	}
	return compareAll(ctx, j, "PostgreSQL "+server.Version())
}

func compareAll(ctx context.Context, j job, server string) error {
	report, err := measureAll(ctx, j.settings, cases(j.xk6sql))
	if err != nil {
		return err
	}
	report.Server = server
	fmt.Print(report.markdown())
	if j.out == "" {
		return nil
	}
	return report.write(filepath.Clean(j.out))
}
