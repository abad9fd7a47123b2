package testrun

import (
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// probeInterval is long enough for a process's CPU time, kept in ticks of
// 10 ms, to say something.
const probeInterval = time.Second

// generatorProbe records how busy k6 itself is, from the first thing that is
// recorded until the test's end.
type generatorProbe struct {
	logger logrus.FieldLogger

	mu      sync.Mutex
	quit    chan struct{} // nil until started
	done    chan struct{}
	stopped bool
}

func (p *generatorProbe) start(r *timeline.Recorder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quit != nil || p.stopped {
		return
	}
	p.quit, p.done = make(chan struct{}), make(chan struct{})
	go p.run(r, p.quit, p.done)
}

func (p *generatorProbe) run(r *timeline.Recorder, quit, done chan struct{}) {
	defer close(done)
	probe, err := timeline.NewGeneratorProbe(time.Now())
	if err != nil {
		p.logger.WithError(err).Warn("the load of k6 itself will not be measured")
		return
	}
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for {
		select {
		case at := <-tick.C:
			observed, err := probe.Read(at)
			if err != nil {
				p.logger.WithError(err).Warn("the load of k6 itself will not be measured")
				return
			}
			r.Record(observed)
		case <-quit:
			return
		}
	}
}

func (p *generatorProbe) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.quit != nil {
		close(p.quit)
		<-p.done
		p.quit = nil
	}
}
