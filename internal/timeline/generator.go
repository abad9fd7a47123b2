package timeline

import (
	"fmt"
	"math"
	"os"
	"runtime/metrics"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// A load generator is at its limit where the median of at least EnoughReadings
// says so.
const (
	BusyCPU        = 90 // percent of the processors that it may use
	LongDelay      = 50 // milliseconds at p99 of a stretch
	EnoughReadings = 3
)

const schedulerLatencies = "/sched/latencies:seconds"

// GeneratorProbe reads how busy this process is, which makes the load: where it
// is at its limit, what it measures is its own slowness. It is not safe for
// concurrent use.
type GeneratorProbe struct {
	self  *process.Process
	at    time.Time // of the reading before
	cpu   float64   // seconds that the process has used by then
	delay []uint64  // the scheduler's histogram by then
}

// NewGeneratorProbe takes a first reading. It fails where the system does not
// tell the process's CPU time.
func NewGeneratorProbe(at time.Time) (*GeneratorProbe, error) {
	self, err := process.NewProcess(int32(os.Getpid())) // #nosec G115 -- process ids are small
	if err != nil {
		return nil, fmt.Errorf("reading the load generator's CPU time: %w", err)
	}
	p := &GeneratorProbe{self: self}
	if _, err := p.Read(at); err != nil {
		return nil, err
	}
	return p, nil
}

// Read gives what happened since the reading before: the CPU in percent of the
// processors it may use, and how long goroutines that could run waited for a core, as the 99th
// percentile in milliseconds.
func (p *GeneratorProbe) Read(at time.Time) ([]Observation, error) {
	times, err := p.self.Times()
	if err != nil {
		return nil, fmt.Errorf("reading the load generator's CPU time: %w", err)
	}
	latencies := []metrics.Sample{{Name: schedulerLatencies}}
	metrics.Read(latencies)
	histogram := latencies[0].Value.Float64Histogram()
	cpu, elapsed := times.User+times.System, at.Sub(p.at).Seconds()
	var observed []Observation
	if !p.at.IsZero() && elapsed > 0 {
		observed = []Observation{
			{Measure: GeneratorCPU, At: at, Value: 100 * (cpu - p.cpu) / elapsed / Processors()},
			{Measure: SchedulerDelay, At: at, Value: 1000 * quantileSince(histogram, p.delay, 0.99)},
		}
	}
	p.at, p.cpu, p.delay = at, cpu, histogram.Counts
	return observed, nil
}

// quantileSince is the upper end of the bucket in which the quantile lies of
// what a histogram has beyond the counts before; 0 where that is nothing.
func quantileSince(h *metrics.Float64Histogram, before []uint64, q float64) float64 {
	added := make([]uint64, len(h.Counts))
	var total uint64
	for i, n := range h.Counts {
		added[i] = n
		if i < len(before) {
			added[i] -= before[i]
		}
		total += added[i]
	}
	rank, seen := uint64(math.Ceil(q*float64(total))), uint64(0)
	for i, n := range added {
		if seen += n; n > 0 && seen >= rank {
			if end := h.Buckets[i+1]; !math.IsInf(end, 0) {
				return end
			}
			return h.Buckets[i]
		}
	}
	return 0
}
