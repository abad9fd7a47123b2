package conductor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/application"
	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/results"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// TryApplication starts the application with the settings of the first step and
// stops it again, so that what keeps it from running is said before any load.
// Without one it does nothing. ctx is that of setup().
func (c *Conductor) TryApplication(ctx context.Context, test Test) error {
	if c.runner == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	defer close(ended)
	c.mu.Lock()
	if c.finished {
		c.mu.Unlock()
		return errors.New("the test has ended")
	}
	c.cancel, c.ended = cancel, ended
	c.mu.Unlock()

	defer c.closeApplication()
	step, _ := c.plan.Next(c.measured()) // where the plan asks the server first, the application's own settings
	return c.start(ctx, test, step, "start")
}

// restart starts the application with the settings of a step. It gives the
// configuration of its pool, of all processes together.
func (c *Conductor) restart(ctx context.Context, step experiment.Step, config pool.Config) (pool.Config, error) {
	number := fmt.Sprintf("%02d-%s", len(c.measured())+1, step.Label)
	c.test.WatchPool(config)
	if err := c.start(ctx, c.test, step, number); err != nil {
		return config, err
	}
	watched := c.test.Watched()
	config.Name, config.PoolSize, config.MaxOverflow = watched.Name, watched.PoolSize, watched.MaxOverflow
	return config, nil
}

// start starts it where nothing is left of the one before. Its output goes to
// app-NAME.log among the results.
func (c *Conductor) start(ctx context.Context, test Test, step experiment.Step, name string) error {
	if err := test.AwaitNoSessions(ctx); err != nil {
		return err
	}
	folder := results.Folder(c.lookup)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return &results.FolderError{Folder: folder, Err: err}
	}
	environment := test.Variables()
	maps.Copy(environment, experiment.Environment(step.Options))
	environment["WORKERS"] = strconv.Itoa(c.workers)
	return c.runner.Start(ctx, application.Start{
		Environment: environment, Log: filepath.Join(folder, results.ApplicationLog(fileName(name))), Several: c.workers > 1, Notify: test.Print,
	})
}

// fileName makes a part of a file's name of a step's label.
func fileName(label string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("+-.", r):
			return r
		default:
			return '-'
		}
	}, label)
}

// whileItRuns gives a context that ends with the application, where one runs.
// stop lets the application end.
func (c *Conductor) whileItRuns(ctx context.Context, step experiment.Step) (within context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if c.runner == nil {
		return ctx, func() { cancel(nil) }
	}
	ended := c.runner.Ended()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ended:
			cancel(c.runner.EndedError("during step " + strconv.Quote(step.Label)))
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-watched
	}
}

// stopApplication ends the application and all of its processes.
func (c *Conductor) stopApplication() {
	if c.runner != nil && c.runner.Stop() {
		c.test.Print("application: it did not end within 10 s of SIGTERM and was killed")
	}
}

// closeApplication leaves nothing of it behind.
func (c *Conductor) closeApplication() {
	if c.runner != nil {
		_ = c.runner.Close() // the watchdog's exit status, of one that has nothing left to do
	}
}
