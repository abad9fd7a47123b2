package monitor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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
	strain           CPUStrain // of the last reading
}

// CPUStrain is what keeps CPU from the server beside its own use, in percent of
// the time between the last two readings.
type CPUStrain struct {
	Steal     float64 // the hypervisor gave it to others
	Throttled float64 // the server's cgroup had used up its quota
	Pressure  float64 // some process of the host waited for a CPU
}

// Read returns the percentage, 0 to 100, of the CPU time in use since the
// previous call. ok is false where there is no such interval yet: at the
// first call, when the clock has not ticked since the previous one, and when
// the counters went backwards (the host restarted, or the server moved to
// another one).
//
// The error is a *CPUPermissionError where the role may not read the file, a
// *CPUUnavailableError where there is no such file to read, and the server's
// own error otherwise. Only the last kind is worth another try.
func (c *CPU) Read(ctx context.Context, q Querier) (percent float64, ok bool, err error) {
	var stat string
	var pressure, group *string
	var at float64
	if err := q.QueryRow(ctx, readStat, c.pressure, c.group.stat()).Scan(&stat, &pressure, &group, &at); err != nil {
		return 0, false, explainCPU(ctx, q, err)
	}
	times, err := parseCPUTimes(stat)
	if err != nil {
		return 0, false, &CPUUnavailableError{err: err}
	}
	if !c.primed {
		c.group, c.pressure = findCgroup(ctx, q), findPressure(ctx, q)
	}
	percent, ok = c.advance(times)
	c.advancePressure(pressure, at)
	if c.group != nil {
		percent, c.strain.Throttled, ok = c.group.advance(group, at)
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
	c.strain.Steal = 100 * float64(stolen) / float64(total)
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

// The columns of the cpu line as proc(5) numbers them. guest and guest_nice,
// which follow, are part of user and nice already.
const (
	idleColumn   = 3
	iowaitColumn = 4
	stealColumn  = 7
)

// parseCPUTimes reads the sum over all processors from the start of
// /proc/stat. Waiting for I/O is idle time: the processor is free for others.
// Stolen time is neither busy nor the host's to use: it is told apart.
func parseCPUTimes(stat string) (cpuTimes, error) {
	line, _, complete := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if !complete || len(fields) <= iowaitColumn+1 || fields[0] != "cpu" {
		return cpuTimes{}, fmt.Errorf("/proc/stat does not start with the cpu line: %.80q", stat)
	}
	var times cpuTimes
	for column, text := range fields[1:] {
		if column > stealColumn {
			break
		}
		ticks, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return cpuTimes{}, fmt.Errorf("/proc/stat has a cpu line that is not numbers: %q", line)
		}
		times.total += ticks
		if column == stealColumn {
			times.steal = ticks
			continue
		}
		if column != idleColumn && column != iowaitColumn {
			times.busy += ticks
		}
	}
	return times, nil
}

// explainCPU turns the server's refusal into an error a user can act on.
func explainCPU(ctx context.Context, q Querier, err error) error {
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) {
		return fmt.Errorf("reading the database host's CPU: %w", err)
	}
	switch refusal.Code {
	case "42501": // insufficient_privilege
		return permissionError(ctx, q, err)
	case "58P01", "42883", "0A000": // undefined_file, undefined_function, feature_not_supported
		return &CPUUnavailableError{err: err}
	default:
		return fmt.Errorf("reading the database host's CPU: %w", err)
	}
}

const lookUpCPUGrants = `SELECT quote_ident(current_user),
	pg_has_role('pg_read_server_files', 'USAGE'),
	has_function_privilege('pg_read_file(text, bigint, bigint)', 'EXECUTE')`

// permissionError names the grants that the role lacks. Where even that cannot
// be looked up (the refusal ended a transaction), it names both.
func permissionError(ctx context.Context, q Querier, err error) error {
	refused := &CPUPermissionError{Role: "CURRENT_USER", err: err}
	var readsFiles, executes bool
	if q.QueryRow(ctx, lookUpCPUGrants).Scan(&refused.Role, &readsFiles, &executes) != nil {
		readsFiles, executes = false, false
	}
	if !readsFiles {
		refused.Grants = append(refused.Grants, "GRANT pg_read_server_files TO "+refused.Role)
	}
	if !executes {
		refused.Grants = append(refused.Grants,
			"GRANT EXECUTE ON FUNCTION pg_read_file(text, bigint, bigint) TO "+refused.Role)
	}
	return refused
}

// CPUPermissionError means that the role may not read /proc/stat.
type CPUPermissionError struct {
	Role   string   // quoted as SQL wants it
	Grants []string // statements, run by a superuser, that would allow it
	err    error
}

func (e *CPUPermissionError) Error() string {
	return fmt.Sprintf("role %s may not read the server's /proc/stat; a superuser can allow it: %s",
		e.Role, strings.Join(e.Grants, "; "))
}

// Unwrap returns the server's refusal.
func (e *CPUPermissionError) Unwrap() error { return e.err }

// CPUUnavailableError means that the database's host offers no /proc/stat: it
// does not run Linux, or a managed service hides it.
type CPUUnavailableError struct {
	err error
}

func (e *CPUUnavailableError) Error() string {
	return "the database's host has no readable /proc/stat (not Linux, or a managed service): " +
		e.err.Error()
}

// Unwrap returns what the server answered.
func (e *CPUUnavailableError) Unwrap() error { return e.err }
