package monitor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Querier is the part of a connection, transaction or pool that a reading
// needs.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// readStat asks for the start of the file only: its first line is the sum over
// all processors. The variant with a length also reads past the size of zero
// that /proc reports.
const readStat = `SELECT pg_read_file('/proc/stat', 0, 1024),
	CASE WHEN $1 <> '' THEN pg_read_file($1, 0, 4096) END, CASE WHEN $2 <> '' THEN pg_read_file($2, 0, 4096) END,
	extract(epoch FROM clock_timestamp())::float8`

// CPU computes how much of the CPU that the server may use was in use between
// two readings through SQL (pg_read_file): of what its cgroup allows, where one
// limits it, else of the whole host, whatever runs there.
//
// The zero value is ready; it is not safe for concurrent use.
type CPU struct {
	last   cpuTimes
	primed bool
	group  *cgroup // nil without a limit

	pressure         string    // file of it, empty where the kernel does not tell
	waited, waitedAt float64   // seconds
	strain           cpuStrain // of the last reading
}

// cpuStrain is what keeps CPU from the server beside its own use, in percent of
// the time between the last two readings.
type cpuStrain struct {
	steal     float64 // the hypervisor gave it to others
	throttled float64 // the server's cgroup had used up its quota
	pressure  float64 // some process of the host waited for a CPU
}

// Read returns the percentage, 0 to 100, of the CPU time in use since the
// previous call. ok is false where there is no such interval yet: at the
// first call, when the clock has not ticked since the previous one, and when
// the counters went backwards (the host restarted, or the server moved to
// another one).
//
// The error is a *CPUUnavailableError where another try is pointless, and the
// server's own otherwise.
func (c *CPU) Read(ctx context.Context, q Querier) (percent float64, ok bool, err error) {
	var stat string
	var pressure, group *string
	var at float64
	if err := q.QueryRow(ctx, readStat, c.pressure, c.group.stat()).Scan(&stat, &pressure, &group, &at); err != nil {
		return 0, false, explainCPU(ctx, q, err)
	}
	times, err := parseCPUTimes(stat)
	if err != nil {
		return 0, false, noStat(err)
	}
	if !c.primed {
		c.group = findCgroup(ctx, q)
		if _, ok := readFile(ctx, q, pressureFile); ok {
			c.pressure = pressureFile
		}
	}
	percent, ok = c.advance(times)
	c.advancePressure(pressure, at)
	if c.group != nil {
		percent, c.strain.throttled, ok = c.group.advance(group, at)
	}
	return percent, ok, nil
}

// advance makes times the last reading and compares it with the one before.
func (c *CPU) advance(times cpuTimes) (percent float64, ok bool) {
	last, primed := c.last, c.primed
	c.last, c.primed = times, true
	if !primed || times.total <= last.total || times.busy < last.busy {
		return 0, false
	}
	total := times.total - last.total
	stolen := min(total, times.steal-min(times.steal, last.steal))
	c.strain.steal = 100 * float64(stolen) / float64(total)
	if total == stolen {
		return 0, false
	}
	// Linux lets iowait, part of total but not of busy, step back a little.
	return min(100, 100*float64(times.busy-last.busy)/float64(total-stolen)), true
}

// cpuTimes are counters since the host's start, in clock ticks over all
// processors.
type cpuTimes struct {
	busy, steal, total uint64 // steal is part of total and not of busy
}

// parseCPUTimes reads the sum over all processors from the start of
// /proc/stat. Waiting for I/O is idle time: the processor is free for others.
// Stolen time is neither busy nor the host's to use: it is told apart. guest and
// guest_nice, which follow it, are part of user and nice already.
func parseCPUTimes(stat string) (cpuTimes, error) {
	line, _, complete := strings.Cut(stat, "\n")
	var name string
	var user, nice, system, idle, iowait, irq, softirq, steal uint64
	n, _ := fmt.Sscan(line, &name, &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal)
	const most, least = 9, 6 // values; old kernels have no steal
	if !complete || name != "cpu" || n < min(most, max(least, len(strings.Fields(line)))) {
		return cpuTimes{}, fmt.Errorf("/proc/stat does not start with the cpu line: %.80q", stat)
	}
	busy := user + nice + system + irq + softirq
	return cpuTimes{busy: busy, steal: steal, total: busy + steal + idle + iowait}, nil
}

// explainCPU turns the server's refusal into an error a user can act on.
func explainCPU(ctx context.Context, q Querier, err error) error {
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch refusal.Code {
		case "42501": // insufficient_privilege
			return noPermission(ctx, q, err)
		case "58P01", "42883", "0A000": // undefined_file, undefined_function, feature_not_supported
			return noStat(err)
		}
	}
	return fmt.Errorf("reading the database host's CPU: %w", err)
}

// CPUUnavailableError means that the server does not show its host's CPU on this
// connection.
type CPUUnavailableError struct {
	grants []string // statements, run by a superuser, that would allow it; nil where none would
	reason string
	err    error
}

func (e *CPUUnavailableError) Error() string { return e.reason }

// Unwrap returns what the server answered.
func (e *CPUUnavailableError) Unwrap() error { return e.err }

func noStat(err error) error {
	return &CPUUnavailableError{err: err,
		reason: "the database's host has no readable /proc/stat (not Linux, or a managed service): " + err.Error()}
}

const lookUpCPUGrants = `SELECT quote_ident(current_user),
	pg_has_role('pg_read_server_files', 'USAGE'),
	has_function_privilege('pg_read_file(text, bigint, bigint)', 'EXECUTE')`

// noPermission names the grants that the role lacks. Where even that cannot
// be looked up (the refusal ended a transaction), it names both.
func noPermission(ctx context.Context, q Querier, err error) error {
	role, readsFiles, executes := "CURRENT_USER", false, false
	if q.QueryRow(ctx, lookUpCPUGrants).Scan(&role, &readsFiles, &executes) != nil {
		readsFiles, executes = false, false
	}
	var grants []string
	if !readsFiles {
		grants = append(grants, "GRANT pg_read_server_files TO "+role)
	}
	if !executes {
		grants = append(grants, "GRANT EXECUTE ON FUNCTION pg_read_file(text, bigint, bigint) TO "+role)
	}
	return &CPUUnavailableError{grants: grants, err: err, reason: fmt.Sprintf(
		"role %s may not read the server's /proc/stat; a superuser can allow it: %s", role, strings.Join(grants, "; "))}
}
