package module

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// drainMargin is what a turn may take beyond waiting for its connection and
// holding it before the experiment gives up on it.
const drainMargin = 30 * time.Second

// conductor leads the users through the steps of an experiment: it opens each
// step's pool, lets the users settle, measures, waits for the last turns, and
// asks the plan what comes next. It is the process's.
type conductor struct {
	test     *testRun
	plan     experiment.Plan
	given    map[string]any // by the script, to know them again
	identity map[string]any // see identityOf
	pool     map[string]any // the script's own options for every pool
	lookup   config.Lookup

	asked   experiment.Server
	resumed bool
	before  int // steps that were measured before this run

	users atomic.Int32 // have asked for a turn
	gone  atomic.Int32 // have ended their iteration within one, and may not ask again
	drift atomic.Pointer[verdict.Drift]

	mu       sync.Mutex
	state    *lib.State // of the first user; nil until the experiment has begun
	out      *tagged
	stage    *stage
	changed  chan struct{} // closed when stage or finished changes
	finished bool
	err      error // why it could not go on
	done     []experiment.Measurement
	found    experiment.Result // of so many measurements as foundOf, nil where none was asked for
	foundOf  int
	cancel   context.CancelFunc
	ended    chan struct{}
}

// begin starts the experiment with the first user's turn.
func (c *conductor) begin(state *lib.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != nil || c.finished {
		return
	}
	c.state, c.out = state, c.test.backgroundTags(state, c.plan.Name())
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel, c.ended = cancel, make(chan struct{})
	go c.run(ctx)
}

func (c *conductor) run(ctx context.Context) {
	defer close(c.ended)
	err := c.lead(ctx)
	if err != nil && ctx.Err() == nil {
		c.test.logger.Error(text.Line(err.Error()))
	} else {
		err = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err, c.finished = err, true
	close(c.changed)
}

func (c *conductor) lead(ctx context.Context) error {
	if err := c.manned(c.state.Options); err != nil {
		return err
	}
	server, err := c.server(ctx)
	if err != nil {
		return err
	}
	if err := c.prepare(server); err != nil {
		return err
	}
	for {
		step, more := c.plan.Next(c.measured())
		if !more {
			return nil
		}
		c.say(c.plan.Announce(step, c.measured()))
		measurement, err := c.perform(ctx, step)
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.done = append(c.done, measurement)
		c.mu.Unlock()
		if err := c.save(); err != nil {
			return err
		}
	}
}

// measured are the steps that are done.
func (c *conductor) measured() []experiment.Measurement {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done[:len(c.done):len(c.done)]
}

// result reads the measurements, once for as many as there are: tune draws its
// noise thousands of times.
func (c *conductor) result() (experiment.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found != nil && c.foundOf == len(c.done) {
		return c.found, nil
	}
	found, err := c.plan.Result(c.done)
	if err != nil {
		return nil, err
	}
	c.found, c.foundOf = found, len(c.done)
	return found, nil
}

// perform runs one step.
func (c *conductor) perform(ctx context.Context, step experiment.Step) (experiment.Measurement, error) {
	shared, config, err := c.open(step)
	if err != nil {
		return experiment.Measurement{}, err
	}
	users := step.Load.Users
	s := newStage(shared, users, c.plan.Think(), step.Load.Rate > 0)
	c.publish(s)
	defer s.stop()
	if s.arrivals != nil {
		go s.arrive(step.Load.Rate, c.dropped)
	}
	if err := pause(ctx, step.Settle); err != nil {
		return experiment.Measurement{}, err
	}
	m, err := c.measure(ctx, step, s, config)
	if err != nil {
		return experiment.Measurement{}, err
	}
	if shared != nil {
		c.test.retire(shared)
	}
	return m, nil
}

// measure observes a step from now on until its last turn has ended.
func (c *conductor) measure(
	ctx context.Context, step experiment.Step, s *stage, config pool.Config,
) (experiment.Measurement, error) {
	var drift verdict.Drift
	recorder := &c.test.recording.recorder
	c.test.flusher.flush(ctx)
	began := time.Now()
	recorder.Begin(step.Label, began)
	c.drift.Store(&drift)
	defer c.drift.Store(nil)
	err := pause(ctx, step.Duration)
	lasted := time.Since(began)
	s.stop()
	if err != nil {
		return experiment.Measurement{}, err
	}
	c.test.flusher.flush(ctx)
	atStop := recorder.Current()
	if err := c.drain(ctx, s, c.drainLimit(config)); err != nil {
		return experiment.Measurement{}, err
	}
	if err := ctx.Err(); err != nil {
		return experiment.Measurement{}, err // drained, but by users who were cut off
	}
	c.test.flusher.flush(ctx)
	phase := recorder.End(time.Now())
	return experiment.Measure(step, phase, config.Name, config.PoolSize, atStop.Totals, lasted, driftOf(&drift)), nil
}

func (c *conductor) drainLimit(config pool.Config) time.Duration {
	return config.PoolTimeout + c.plan.LongestHold() + drainMargin
}

// drain waits for the turns that are still under way.
func (c *conductor) drain(ctx context.Context, s *stage, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.drained:
		return nil
	case <-timer.C:
		s.mu.Lock()
		defer s.mu.Unlock()
		return fmt.Errorf("%s: %d requests had not ended %v after the step did; "+
			"make the queries shorter, or set DB_STATEMENT_TIMEOUT", c.plan.Name(), s.turns, limit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// publish makes a stage the present one.
func (c *conductor) publish(s *stage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stage = s
	close(c.changed)
	c.changed = make(chan struct{})
}

// turn waits for a user's next turn. last is the stage of the user's turn
// before. It gives nil when the experiment, or ctx, is over.
func (c *conductor) turn(ctx context.Context, user int, last *stage) *stage {
	for {
		c.mu.Lock()
		s, changed, finished := c.stage, c.changed, c.finished
		c.mu.Unlock()
		if finished {
			return nil
		}
		if s != nil && user < s.users && s.admit(ctx, s != last) {
			return s
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if wasCutOff(ctx) {
				c.interrupt()
			}
			return nil
		}
	}
}

// interrupt ends the step under way as one that is not measured, and the
// experiment with it. It does not wait for that.
func (c *conductor) interrupt() {
	c.mu.Lock()
	cancel := c.cancel
	c.mu.Unlock()
	cancel() // who asks for turns has begun the experiment
}

// stop ends the experiment; what has been measured stays.
func (c *conductor) stop() {
	c.mu.Lock()
	cancel, ended := c.cancel, c.ended
	c.finished = c.finished || cancel == nil
	c.mu.Unlock()
	if cancel != nil {
		cancel()
		<-ended
	}
}

// observe notes a response for the drift of the step being measured.
func (c *conductor) observe(at time.Time, ms float64) {
	if drift := c.drift.Load(); drift != nil {
		_ = drift.Add(at, ms) // the run's own drift has refused what is no response time
	}
}

// driftOf is nil where there were too few responses for one. Whether it can be
// told from noise is the plan's business.
func driftOf(drift *verdict.Drift) *float64 {
	ratio, err := drift.Value()
	if err != nil {
		return nil
	}
	return &ratio
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
