package testrun

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"
	"golang.org/x/term"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// sampler turns a pool's levels into metrics at every sampleInterval, and
// prints the status line. It is fully stopped before the test's end is
// acknowledged.
type sampler struct {
	task
	pool  *pool.Pool
	out   *observer
	watch *serverWatch // nil: none

	// Of the sample before: until then the peaks and the time in overflow have
	// been told.
	at                      time.Time
	peakActive, peakWaiting int
	overflow                time.Duration
	owed                    float64 // share of time in overflow that no sample of it has told yet
}

func startSampler(p *pool.Pool, out *observer, watch *serverWatch) *sampler {
	s := &sampler{pool: p, out: out, watch: watch, at: time.Now()}
	if watch != nil {
		watch.join(out)
	}
	s.start(s.run)
	return s
}

func (s *sampler) run(ctx context.Context) {
	config := s.pool.Config()
	tick := time.NewTicker(config.SampleInterval)
	defer tick.Stop()
	var status <-chan time.Time
	if config.StatusInterval > 0 {
		t := time.NewTicker(config.StatusInterval)
		defer t.Stop()
		status = t.C
	}
	for {
		select {
		case at := <-tick.C:
			s.sample(at)
		case <-status:
			stat := s.pool.Stat()
			printLine(monitor.StatusLine(stat.Active, stat.Size))
		case <-ctx.Done():
			return
		}
	}
}

// end ends the sampler, once; with push the last levels are sampled too, so
// that the shortest run has at least one.
func (s *sampler) end(push bool) {
	if !s.stop() {
		return
	}
	if s.watch != nil {
		s.watch.leave(s.out)
	}
	if push {
		s.sample(time.Now())
	}
}

func (s *sampler) sample(at time.Time) {
	m, stat := s.out.buffer.run.metrics, s.pool.Stat()
	if !s.out.counts() {
		s.inOverflow(stat)
		s.peakActive, s.peakWaiting, s.owed = stat.PeakActive, stat.PeakWaiting, 0
		return
	}
	level := func(m *metrics.Metric, n int) metrics.Sample { return s.out.sample(m, at, float64(n)) }
	inOverflow := s.inOverflow(stat)
	s.out.push(
		level(m.active, stat.Active), level(m.idle, stat.Idle), level(m.total, stat.Total),
		level(m.overflow, stat.Overflow), level(m.waiting, stat.Waiting),
		level(m.activeSampled, peakOr(&s.peakActive, stat.PeakActive, stat.Active)),
		level(m.waitingSampled, peakOr(&s.peakWaiting, stat.PeakWaiting, stat.Waiting)),
		s.out.sample(m.utilization, at, 100*float64(stat.Active)/float64(stat.Size)),
		s.out.sample(m.inOverflow, at, oneIf(inOverflow)),
		level(m.samples, 1),
	)
}

// inOverflow is what to say of the time since the sample before. A Rate knows only
// yes and no: what the time in overflow is more or less than the answer is owed to
// the next sample, so that the rate is the integrated share.
func (s *sampler) inOverflow(stat pool.Stat) bool {
	now := time.Now()
	elapsed, over := now.Sub(s.at), stat.OverflowTime-s.overflow
	s.at, s.overflow = now, stat.OverflowTime
	s.owed += min(1, over.Seconds()/max(elapsed, 1).Seconds())
	if s.owed < 0.5 {
		return false
	}
	s.owed--
	return true
}

// peakOr is the peak where it is a new one, so that the Trend's maximum is the
// exact peak, which lies between samples; else the level at this moment.
func peakOr(told *int, peak, level int) int {
	if peak > *told {
		*told = peak
		return peak
	}
	return level
}

// runTags are the tags of samples that belong to the run and to no VU.
func (t *Run) runTags(state *lib.State) *metrics.TagSet {
	return t.root.WithTagsFromMap(state.Options.RunTags)
}

// printLine writes a line to standard output, above k6's progress bar where there is
// one. It leaves the cursor where k6 expects it: at the start of a line, below which
// the bar is drawn again.
func printLine(line string) {
	const eraseBelow = "\x1b[J"
	if term.IsTerminal(int(os.Stdout.Fd())) {
		line = eraseBelow + line
	}
	// A broken standard output is k6's to report.
	_, _ = fmt.Fprintln(os.Stdout, line)
}
