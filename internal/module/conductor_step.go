package module

import (
	"context"
	"fmt"
	"maps"
	"os"
	"time"

	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// open makes the pool of a step. Every step has a new one: what the step before
// left open is not its own doing. Over HTTP there is none, and the configuration
// is that of the application's pool, where it is watched.
func (c *conductor) open(step experiment.Step) (*sharedPool, pool.Config, error) {
	if step.Options == nil {
		return nil, c.watched(), nil
	}
	config, err := c.resolve(step.Options)
	if err != nil {
		return nil, config, err
	}
	config.Name = step.Label
	shared, err := c.test.join(config)
	if err != nil {
		return nil, config, err
	}
	_, err = shared.get(c.state)
	return shared, config, err
}

// resolve puts a step's options over those of the script.
func (c *conductor) resolve(options map[string]any) (pool.Config, error) {
	all := maps.Clone(c.pool)
	if all == nil {
		all = make(map[string]any)
	}
	maps.Copy(all, options)
	return config.Resolve(all, c.lookup)
}

// watched is the application's pool, as far as it is known.
func (c *conductor) watched() pool.Config {
	c.test.mu.Lock()
	defer c.test.mu.Unlock()
	config := pool.DefaultConfig()
	if c.test.app != nil {
		config = c.test.app.config
		config.Name = config.ApplicationName
	}
	return config
}

// server asks the database for its size. What a role may not see stays unknown.
func (c *conductor) server(ctx context.Context) (experiment.Server, error) {
	config, err := c.resolve(nil)
	if err != nil {
		return experiment.Server{}, err
	}
	if config.URL == "" {
		if c.plan.Connections() == 0 {
			return experiment.Server{}, nil // over HTTP, the database unknown
		}
		if config.URL, err = c.test.server.url(c.test.temporaryConnections()); err != nil {
			return experiment.Server{}, &pool.ConnectError{Pool: c.plan.Name(), Server: "a temporary PostgreSQL", Err: err}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, config.ConnectTimeout+monitor.StatementTimeout)
	defer cancel()
	settings, err := config.ConnConfig()
	if err != nil {
		return experiment.Server{}, err
	}
	conn, err := monitor.Connect(ctx, settings)
	if err != nil {
		return experiment.Server{}, &pool.ConnectError{Pool: c.plan.Name(), Server: "the database", Err: err}
	}
	defer func() { _ = conn.Close(ctx) }() // all that was asked has been answered
	limits, err := monitor.ReadLimits(ctx, conn, "")
	if err != nil {
		return experiment.Server{}, fmt.Errorf("reading the server's limits: %w", err)
	}
	cores, err := monitor.Processors(ctx, conn)
	if err != nil && ctx.Err() != nil {
		return experiment.Server{}, fmt.Errorf("counting the server's processors: %w", err)
	}
	return experiment.Server{Server: limits.Server, Cores: cores}, nil
}

// dropped counts an arrival for which no user was free, as k6's own arrival
// rates do.
func (c *conductor) dropped(at time.Time) {
	c.test.recording.recorder.Record([]timeline.Observation{{Measure: timeline.RequestDropped, At: at, Value: 1}})
	c.out.push(metrics.Sample{
		TimeSeries: metrics.TimeSeries{Metric: c.test.metrics.dropped, Tags: c.test.runTags(c.state)},
		Time:       at, Value: 1,
	})
}

func (c *conductor) say(line string) { newStatusPrinter(os.Stdout).line(line) }

// retire closes a pool for good: its name is free again.
func (t *testRun) retire(p *sharedPool) {
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	p.stop(ctx, true)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pools, p.config.Name)
}
