package monitor

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Pool is the configured pool of the watched application: the sums over all
// worker processes, each of which has a pool of its own.
type Pool struct {
	Size        int `json:"size"`         // base size (pool_size), at least 1
	MaxOverflow int `json:"max_overflow"` // connections beyond it, at least 0
	Workers     int `json:"workers"`      // 0 where nobody said: taken for 1
	// Timeout is DB_POOL_TIMEOUT, in seconds; 0 where it is not known.
	Timeout float64 `json:"timeout_s,omitempty"`
}

// Capacity is how many connections the pool may have open.
func (p Pool) Capacity() int { return p.Size + p.MaxOverflow }

// of is the pool of one process, run by so many.
func (p Pool) of(workers int) Pool {
	return Pool{Size: p.Size * workers, MaxOverflow: p.MaxOverflow * workers, Workers: workers, Timeout: p.Timeout}
}

// One is the pool of one of the workers.
func (p Pool) One() Pool {
	n := max(1, p.Workers)
	return Pool{Size: p.Size / n, MaxOverflow: p.MaxOverflow / n, Workers: 1, Timeout: p.Timeout}
}

// String is "5+10", or "4 x 5+10" for several workers.
func (p Pool) String() string {
	one := p.One()
	if p.Workers > 1 {
		return fmt.Sprintf("%d x %d+%d", p.Workers, one.Size, one.MaxOverflow)
	}
	return fmt.Sprintf("%d+%d", one.Size, one.MaxOverflow)
}

// Sample is one moment, seen from every side that answers. It is immutable.
type Sample struct {
	Time time.Time
	Pool Pool
	// Database is the server's side, nil where it could not be read: then Err
	// says why.
	Database *Database
	// Application is the application's own side, nil where it is not asked or
	// does not answer.
	Application *Application
	// unanswered says that the application was asked and did not answer in time.
	unanswered bool
	// Pooler is what stands between the application and the server, nil where
	// none is known.
	Pooler *Pooler
	Err    error

	clients   []clientProcess // of the sessions, as far as they are known
	mostOfOne int             // sessions in use that one of them has
	// Notices say what changed about the monitoring itself, one line each: a
	// server that went away or came back, something the role may not see. Each
	// is given once, until it changes.
	Notices []Notice
}

// Use is how many connections of a pool are in use.
type Use struct {
	Connections int
	// Known is false where nobody can tell: the server's side is missing, or
	// the role may not see what sessions do, and the application says nothing.
	Known bool
	// AtLeast says that there may be more: sessions are open beyond what the
	// pool keeps idle, so they are checked out, but rest outside a transaction;
	// or a pooler is between application and server.
	AtLeast bool
}

// Use is the largest number that any side knows of: the sessions that are not
// idle, what the application has checked out, and, where the application does
// not say, the sessions beyond those that its pool may keep idle.
func (s Sample) Use() Use {
	var use Use
	if d := s.Database; d != nil && d.Hidden == 0 {
		use = Use{Connections: d.Active, Known: true}
	}
	told := s.Application != nil && s.Application.Complete
	if a := s.Application; a != nil {
		use.Known = use.Known || told
		use.Connections = max(use.Connections, a.CheckedOut)
	}
	if told || !use.Known {
		return use
	}
	if p := s.Pooler; p != nil { // the server shows what has come through it
		return Use{Connections: max(use.Connections, p.ServersActive+p.ClientsWaiting), Known: true, AtLeast: true}
	}
	if bound := s.bound(); bound > use.Connections {
		return Use{Connections: bound, Known: true, AtLeast: true}
	}
	return use
}

// Seen tells whether the application was there: an application without a session
// may have another name, unless it says itself that it has none in use.
func (s Sample) Seen() bool {
	told := s.Application != nil && s.Application.Complete
	return s.Use().Known && (told || s.Database != nil && s.Database.Open > 0)
}

// bound is how many connections must be checked out, whatever their sessions
// do: a QueuePool never keeps more than Size of them idle. asyncpg's own pool
// does, but resets each connection that is returned.
func (s Sample) bound() int {
	d := s.Database
	switch {
	case d == nil:
		return 0
	case d.Reset > 0:
		return d.Open - d.Reset - d.Fresh
	default:
		return d.Open - s.Pool.Size
	}
}

// Active is Use's number, 0 where it is not known.
func (s Sample) Active() int { return s.Use().Connections }

// Available is max(0, size - active).
func (s Sample) Available() int { return max(0, s.Pool.Size-s.Active()) }

// InOverflow tells whether more connections than Size are in use.
func (s Sample) InOverflow() bool { return s.Active() > s.Pool.Size }

// Overflow is how many sessions are open beyond Size, at least 0.
func (s Sample) Overflow() int {
	if s.Database == nil {
		return 0
	}
	return max(0, s.Database.Open-s.Pool.Size)
}

// StatusLine is the runbook's line, see the function of this name. What nobody
// can tell is "unknown", and what may be more is marked "at least".
func (s Sample) StatusLine() string {
	use := s.Use()
	if !use.Known {
		return "Pool Status: Active=unknown, Available=unknown, Total=unknown, Utilization=unknown"
	}
	line := StatusLine(use.Connections, s.Pool.Size)
	switch {
	case use.AtLeast && use.Connections > s.Pool.Size:
		line += ", at least"
	case use.AtLeast:
		line += "  # at least"
	}
	return line
}

// StatusLine is the runbook's line about one moment of a pool:
//
//	Pool Status: Active=5, Available=15, Total=20, Utilization=25.0%
//
// active is the number of connections in use and size the pool's base size
// (pool_size), both at least 0. Total is max(size, active), Available is
// max(0, size-active), Utilization is active/Total in percent. The comment
// "# Using overflow" follows while active exceeds size.
func StatusLine(active, size int) string {
	line := fmt.Sprintf("Pool Status: Active=%d, Available=%d, Total=%d, Utilization=%.1f%%",
		active, max(0, size-active), max(size, active), 100*Utilization(active, size))
	if active > size {
		line += "  # Using overflow"
	}
	return line
}

// Utilization is active/max(size, active), between 0 and 1, and 0 for a pool
// without any connection.
func Utilization(active, size int) float64 {
	total := max(size, active)
	if total == 0 {
		return 0
	}
	return float64(active) / float64(total)
}

// A Schedule says when to sample. On a fixed grid, a load whose period is the
// grid's interval is seen at one point of its period only, and the answer
// depends on the moment of the start. Moments at random see time averages
// (PASTA: Wolff, Operations Research 30, 1982); one in each interval keeps
// their number.
type Schedule struct {
	interval time.Duration
	random   func() float64 // 0 to 1
	last     time.Duration  // the sample before
}

// NewSchedule begins with a sample at once.
func NewSchedule(interval time.Duration) *Schedule {
	return &Schedule{interval: interval, random: rand.Float64} // #nosec G404 -- no secret
}

// shortestGap between two samples, as a part of the interval: what is computed
// from two of them, such as the CPU, needs some time between.
const shortestGap = 0.1

// Next is of the interval in which elapsed lies, all counted from the start: the
// sample's moment, and the interval's end, when to show it. An interval that
// has passed while a sample was waited for is left out.
func (s *Schedule) Next(elapsed time.Duration) (sample, shown time.Duration) {
	begin := elapsed.Truncate(s.interval)
	sample = begin + time.Duration(s.random()*float64(s.interval))
	sample = max(sample, s.last+time.Duration(shortestGap*float64(s.interval)))
	s.last = max(sample, elapsed)
	return sample, begin + s.interval
}
