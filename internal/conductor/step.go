package conductor

import (
	"context"
	"fmt"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// drainMargin is what a turn may take beyond waiting for its connection and
// holding it before the experiment gives up on it.
const drainMargin = 30 * time.Second

// perform runs one step.
func (c *Conductor) perform(ctx context.Context, step experiment.Step) (experiment.Measurement, error) {
	began := time.Now()
	config, err := c.open(ctx, step)
	if err != nil {
		return experiment.Measurement{}, err
	}
	ctx, stop := c.whileItRuns(ctx, step)
	defer stop()
	s := newStage(step.Load.Users, c.plan.Think(), step.Load.Rate > 0)
	s.Pools = c.namesOf(step)
	c.publish(s)
	defer s.stop()
	if s.arrivals != nil {
		go s.arrive(step.Load.Rate, c.test.Dropped)
	}
	if err := pause(ctx, step.Settle); err != nil {
		return experiment.Measurement{}, err
	}
	m, err := c.measure(ctx, step, s, config)
	if err != nil {
		return experiment.Measurement{}, err
	}
	stop()
	c.close(s)
	m.Took = time.Since(began).Seconds()
	return m, nil
}

// measure observes a step from now on until its last turn has ended.
func (c *Conductor) measure(
	ctx context.Context, step experiment.Step, s *Stage, config pool.Config,
) (experiment.Measurement, error) {
	recorder := c.test.Timeline()
	c.test.Flush(ctx)
	began := time.Now()
	recorder.Begin(step.Label, began)
	err := pause(ctx, step.Duration)
	lasted := time.Since(began)
	s.stop()
	if err != nil {
		return experiment.Measurement{}, err
	}
	c.test.Flush(ctx)
	atStop := recorder.Current()
	if err := c.drain(ctx, s, c.drainLimit(config)); err != nil {
		return experiment.Measurement{}, err
	}
	if err := context.Cause(ctx); err != nil {
		return experiment.Measurement{}, err // drained, but by users who were cut off
	}
	c.test.Flush(ctx)
	phase := recorder.End(time.Now())
	if err := c.checkSessions(step, config, atStop.Totals); err != nil {
		return experiment.Measurement{}, err
	}
	return experiment.Measure(step, phase, config, s.Pools, atStop.Totals, lasted), nil
}

func (c *Conductor) drainLimit(config pool.Config) time.Duration {
	return c.plan.LongestRequest(config.PoolTimeout) + drainMargin
}

// drain waits for the turns that are still under way.
func (c *Conductor) drain(ctx context.Context, s *Stage, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.drained:
		return nil
	case <-timer.C:
		s.mu.Lock()
		defer s.mu.Unlock()
		return fmt.Errorf("%s: %d requests were still open %v after the end of the step; "+
			"make the queries shorter, or set DB_STATEMENT_TIMEOUT", c.plan.Name(), s.turns, limit)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// namesOf are those of a step's pools; none over HTTP.
func (c *Conductor) namesOf(step experiment.Step) (names []string) {
	if step.Options == nil || c.launcher != nil {
		return nil
	}
	if c.plan.Pools() == 1 {
		return []string{step.Label}
	}
	for n := range c.plan.Pools() {
		names = append(names, fmt.Sprintf("%s-%d", step.Label, n+1))
	}
	return names
}

// open makes the pools of a step. Every step has new ones: what the step before
// left open is not its own doing. Over HTTP there is none: the application is
// started, where that is ours to do, and the configuration is that of its pool,
// where it is watched.
func (c *Conductor) open(ctx context.Context, step experiment.Step) (pool.Config, error) {
	if step.Options == nil {
		return c.test.Watched(), nil
	}
	if c.launcher != nil {
		return c.restart(ctx, step)
	}
	config, err := c.resolve(step.Options)
	if err != nil {
		return config, err
	}
	for _, name := range c.namesOf(step) {
		config.Name = name
		if err := c.test.Open(config); err != nil {
			return config, err
		}
	}
	return config, nil
}

// close ends what open began.
func (c *Conductor) close(s *Stage) {
	c.stopApplication()
	for _, name := range s.Pools {
		c.test.Retire(name)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
