package monitor

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// readFile reads the start of a file as the server sees it.
func readFile(ctx context.Context, q Querier, name string) (text string, ok bool) {
	err := q.QueryRow(ctx, `SELECT pg_read_file($1, 0, 4096)`, name).Scan(&text)
	return text, err == nil
}

const cgroupRoot = "/sys/fs/cgroup"

// cgroup is the control group (version 2) that limits the CPU of the server's
// processes: in a container limited to 2 of 64 processors a host that is 3 % busy
// leaves nothing.
type cgroup struct {
	dir       string
	cpus      float64 // that cpu.max allows
	usage     float64 // seconds of CPU by the reading before
	throttled float64 // seconds by then
	at        float64 // seconds since the Unix epoch
}

// findCgroup gives the tightest limit on the way from the server's own group to
// the root; nil where there is none, or none that can be read.
func findCgroup(ctx context.Context, q Querier) *cgroup {
	own, _ := readFile(ctx, q, "/proc/self/cgroup")
	_, below, found := strings.Cut(own, "0::/")
	if !found {
		return nil // version 1, or unreadable
	}
	below, _, _ = strings.Cut(below, "\n")
	var tightest *cgroup
	for dir := path.Join(cgroupRoot, below); strings.HasPrefix(dir, cgroupRoot); dir = path.Dir(dir) {
		limit, _ := readFile(ctx, q, path.Join(dir, "cpu.max")) // the root has none
		if cpus, ok := parseCPUMax(limit); ok && (tightest == nil || cpus < tightest.cpus) {
			tightest = &cgroup{dir: dir, cpus: cpus}
		}
	}
	return tightest
}

// parseCPUMax reads "200000 100000", quota and period in microseconds; ok is false
// for "max".
func parseCPUMax(text string) (cpus float64, ok bool) {
	var quota, period float64
	if _, err := fmt.Sscan(text, &quota, &period); err != nil || !(quota > 0) || !(period > 0) {
		return 0, false
	}
	return quota / period, true
}

// stat is the file with what the group has used, empty where there is no group.
func (c *cgroup) stat() string {
	if c == nil {
		return ""
	}
	return path.Join(c.dir, "cpu.stat")
}

// advance gives the percentage of the allowed CPU, and of the time that the group
// was throttled, since the reading before.
func (c *cgroup) advance(stat *string, at float64) (percent, throttled float64, ok bool) {
	if stat == nil {
		return 0, 0, false
	}
	last := *c
	c.usage, c.throttled, c.at = microseconds(*stat, "usage_usec "), microseconds(*stat, "\nthrottled_usec "), at
	elapsed := c.at - last.at
	if last.at == 0 || elapsed <= 0 || c.usage < last.usage {
		return 0, 0, false
	}
	return min(100, 100*(c.usage-last.usage)/elapsed/c.cpus),
		min(100, max(0, 100*(c.throttled-last.throttled)/elapsed)), true
}

// microseconds reads the number after a key, in seconds; 0 where there is none.
func microseconds(text, key string) (n float64) {
	_, after, _ := strings.Cut(text, key)
	_, _ = fmt.Sscan(after, &n) // what is no number is 0
	return n / 1e6
}

// pressureFile is the kernel's, of CPU pressure (PSI).
const pressureFile = "/proc/pressure/cpu"

// advancePressure notes how much of the time since the reading before some process
// of the host waited for a CPU.
func (c *CPU) advancePressure(text *string, at float64) {
	if text == nil {
		return
	}
	last, lastAt := c.waited, c.waitedAt
	c.waited, c.waitedAt = microseconds(*text, "total="), at
	if lastAt > 0 && at > lastAt && c.waited >= last {
		c.strain.pressure = min(100, 100*(c.waited-last)/(at-lastAt))
	}
}

// CPUTally sums up what kept CPU from the server over a run. The zero value is
// ready; it is not safe for concurrent use.
type CPUTally struct {
	of       string
	readings float64
	sum      cpuStrain
}

// Add counts the last reading of a CPU.
func (t *CPUTally) Add(c *CPU) {
	s := c.strain
	t.of = c.of()
	t.readings++
	t.sum.steal += s.steal
	t.sum.throttled += s.throttled
	t.sum.pressure += s.pressure
}

// Note says what kept the CPU from the server, and of what its percents are where
// that is not the whole host, of which every report speaks; "" where there is
// nothing to say.
func (t *CPUTally) Note() string {
	var said []string
	if t.of != "" {
		said = append(said, "it is in percent of "+t.of)
	}
	part := func(what string, sum float64) {
		if percent := sum / max(1, t.readings); percent >= 0.05 {
			said = append(said, fmt.Sprintf(what, percent))
		}
	}
	part("its cgroup was throttled for %.1f %% of the time", t.sum.throttled)
	part("the hypervisor gave %.1f %% of the time to other machines (steal)", t.sum.steal)
	part("processes waited for a CPU for %.1f %% of the time (pressure)", t.sum.pressure)
	if len(said) == 0 {
		return ""
	}
	return "Database CPU: " + strings.Join(said, "; ") + "."
}

// of says of what the percents are, empty for the whole host.
func (c *CPU) of() string {
	if c.group == nil {
		return ""
	}
	return strconv.FormatFloat(c.group.cpus, 'g', 3, 64) + " CPUs that its cgroup allows (cpu.max)"
}
