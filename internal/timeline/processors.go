package timeline

import (
	"math"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// Processors is how many of the machine's processors this process may use: by
// affinity and GOMAXPROCS, and by the quotas of its control groups, which may be
// a fraction of one.
func Processors() float64 {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return float64(runtime.GOMAXPROCS(0)) // no Linux
	}
	read := func(name string) string {
		text, err := os.ReadFile(path.Join("/sys/fs/cgroup", name)) // #nosec G304 -- the kernel names it
		if err != nil {
			return "" // this group has no limit
		}
		return string(text)
	}
	return math.Min(float64(runtime.GOMAXPROCS(0)), quota(string(groups), read))
}

// quota is the tightest of the CPU limits (cgroup v2's cpu.max) of a process's
// group and those around it, +Inf without one.
func quota(groups string, read func(name string) string) float64 {
	least := math.Inf(1)
	for line := range strings.Lines(groups) {
		group, unified := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !unified {
			continue
		}
		for ; ; group = path.Dir(group) {
			least = math.Min(least, cpuMax(read(path.Join(group, "cpu.max"))))
			if group == "/" || group == "." {
				break
			}
		}
	}
	return least
}

// cpuMax reads "$MAX $PERIOD" in microseconds, where "max" is no limit.
func cpuMax(text string) float64 {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return math.Inf(1)
	}
	limit, err := strconv.ParseFloat(fields[0], 64)
	period, errPeriod := strconv.ParseFloat(fields[1], 64)
	if err != nil || errPeriod != nil || limit <= 0 || period <= 0 {
		return math.Inf(1)
	}
	return limit / period
}
