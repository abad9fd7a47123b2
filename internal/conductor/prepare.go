package conductor

import (
	"context"
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// checkUsers finds out whether k6 runs as many users as the plan needs. With
// fewer of them every value would be of another load than it is reported for.
func (c *Conductor) checkUsers() error {
	running, err := c.test.Users()
	if err != nil || running == 0 || running >= c.plan.Users() {
		return err
	}
	return &pool.ConfigError{
		Source:   "experiment " + c.plan.Name(),
		Reason:   fmt.Sprintf("its steps need %d users, and k6 runs %d", c.plan.Users(), running),
		Accepted: "CONCURRENT and DURATION in place of k6's --vus and --duration, and one runner for all users",
	}
}

// server asks the database for its size. What a role may not see stays unknown.
func (c *Conductor) server(ctx context.Context) (experiment.Server, error) {
	config, err := c.resolve(nil)
	if err != nil {
		return experiment.Server{}, err
	}
	if config.URL == "" {
		if c.plan.Connections() == 0 {
			return experiment.Server{}, nil // over HTTP, the database unknown
		}
		if config.URL, err = c.test.ServerURL(); err != nil {
			return experiment.Server{}, err
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
