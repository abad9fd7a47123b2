// Command bench compares what a query costs seen from k6 with a bare loop over
// pgxpool, with pgbench and, where it is built, with xk6-sql; with -compare it
// compares two commits.
//
// A case and its yardstick run at the same time in turns of 50 ms, so that a
// machine which drifts does it to both. Client CPU is what the operating system
// says of the finished process, less what the same process needs for a single
// iteration; the ratios are what counts.
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
	counts  bool // also count allocations and system calls
	// iterations is set for a run that counts: so many for each user.
	iterations int
}

// job is what the command line asks for.
type job struct {
	settings
	out         string // base of the report's files
	xk6sql      bool
	repeat      bool
	commits     bool
	manyUsers   int
	ramp        int // seconds
	runners     int
	soakQueries int
}

func parse() (j job, err error) {
	var users string
	flag.IntVar(&j.rounds, "rounds", 5, "rounds; the median and the range are reported")
	flag.IntVar(&j.seconds, "seconds", 5, "seconds that each process gets in a round")
	flag.IntVar(&j.pool, "pool", 20, "connections")
	flag.StringVar(&users, "users", "20,100", "concurrent users, with commas between")
	flag.StringVar(&j.only, "only", "", "run only cases whose name contains this")
	flag.StringVar(&j.out, "out", "", "write the table to OUT.md and OUT.json")
	flag.BoolVar(&j.xk6sql, "xk6sql", true, "build xk6-sql with lib/pq for comparison")
	flag.BoolVar(&j.counts, "counts", true, "also count allocations and, with strace, system calls")
	flag.BoolVar(&j.repeat, "repeat", false, "measure everything twice and tell how far the two lie apart")
	flag.BoolVar(&j.commits, "compare", false, "instead of the comparison: two commits, given as arguments; . is the working copy")
	flag.IntVar(&j.manyUsers, "many", 0, "instead of the comparison: so many users on one pool of 60")
	flag.IntVar(&j.ramp, "ramp", 0, "with -many: seconds within which the users begin one after the other")
	flag.IntVar(&j.runners, "runners", 0, "instead of the comparison: so many k6 that share users and pool, against one")
	flag.IntVar(&j.soakQueries, "soak", 0, "instead of the comparison: so many queries, and what memory does")
	flag.Parse()
	for _, text := range strings.Split(users, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return j, fmt.Errorf("-users is %q; use integers of at least 1 separated by commas", users)
		}
		j.users = append(j.users, n)
	}
	single := j.manyUsers+j.soakQueries+j.runners == 0
	j.xk6sql, j.counts = j.xk6sql && single, j.counts && single
	return j, j.check()
}

func (j job) check() error {
	if j.commits && flag.NArg() != 2 {
		return fmt.Errorf("-compare takes two commits, not %d", flag.NArg())
	}
	if !j.commits && flag.NArg() > 0 {
		return fmt.Errorf("unknown argument %q: -help lists what is accepted", flag.Arg(0))
	}
	for _, given := range []struct {
		flag         string
		value, least int
	}{
		{"-rounds", j.rounds, 1}, {"-seconds", j.seconds, 1}, {"-pool", j.pool, 1},
		{"-many", j.manyUsers, 0}, {"-ramp", j.ramp, 0}, {"-runners", j.runners, 0}, {"-soak", j.soakQueries, 0},
	} {
		if given.value < given.least {
			return fmt.Errorf("%s is %d; use an integer of at least %d", given.flag, given.value, given.least)
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
	if !j.commits {
		if err := build(ctx, ".", j.dir, targets(j)...); err != nil {
			return err
		}
	}
	server, err := startDatabase(ctx, max(j.pool, 100))
	if err != nil {
		return err
	}
	defer server.Stop() //nolint:errcheck // temporary
	j.url = server.URL()
	switch {
	case j.commits:
		return compareCommits(ctx, j, flag.Arg(0), flag.Arg(1))
	case j.manyUsers > 0:
		return many(ctx, j.settings, j.manyUsers, j.ramp)
	case j.runners > 0:
		return runners(ctx, j.settings, j.runners)
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
	if j.repeat {
		again, err := measureAll(ctx, j.settings, cases(j.xk6sql))
		if err != nil {
			return err
		}
		report.Again = again.Lines
	}
	fmt.Print(report.markdown())
	if j.out == "" {
		return nil
	}
	return report.write(filepath.Clean(j.out))
}
