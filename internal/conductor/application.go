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
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// TryApplication starts the application with the settings of the first step and
// stops it again, so that what keeps it from running is said before any load.
// Without one it does nothing. ctx is that of setup().
func (c *Conductor) TryApplication(ctx context.Context, test Test) error {
	if c.launcher == nil {
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
	_, err := c.start(ctx, test, step, "start", 1)
	return err
}

// restart starts the application with the settings of a step. It gives the
// configuration of its pool, of all processes together.
func (c *Conductor) restart(ctx context.Context, step experiment.Step) (pool.Config, error) {
	config, err := c.start(ctx, c.test, step, fmt.Sprintf("%02d-%s", len(c.measured())+1, step.Label), c.workers)
	if err != nil {
		return config, err
	}
	watched := c.test.Watched()
	config.Name, config.PoolSize, config.MaxOverflow = watched.Name, watched.PoolSize, watched.MaxOverflow
	return config, nil
}

// start starts it where nothing is left of the one before. Its output goes to
// app-NAME.log among the results. It is ready when as many of its processes are.
// start gives the configuration of one process's pool.
func (c *Conductor) start(ctx context.Context, test Test, step experiment.Step, name string, ready int) (pool.Config, error) {
	config, err := c.resolve(step.Options)
	if err != nil {
		return config, err
	}
	// Until then sessions are those of a pool of another size.
	if err := test.AwaitNoSessions(ctx); err != nil {
		return config, err
	}
	test.WatchPool(config)
	folder := results.Folder(c.lookup)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return config, &results.FolderError{Folder: folder, Err: err}
	}
	environment := test.Variables()
	maps.Copy(environment, experiment.Environment(step.Options))
	environment["WORKERS"] = strconv.Itoa(c.workers)
	return config, c.launcher.Start(ctx, application.Start{
		Environment: environment, Log: filepath.Join(folder, results.ApplicationLog(fileName(name))), Several: ready > 1, Notify: test.Print,
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
	if c.launcher == nil {
		return ctx, func() { cancel(nil) }
	}
	ended := c.launcher.Ended()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ended:
			cancel(c.launcher.EndedError("during step " + strconv.Quote(step.Label)))
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-watched
	}
}

// checkSessions refuses the step of an application that had more sessions than the
// step's pool allows: it does not read the settings, and no step would be what it
// is called. A session that is being closed may overlap the next one for a moment.
func (c *Conductor) checkSessions(step experiment.Step, config pool.Config, seen timeline.Totals) error {
	watched := seen.Pools[config.Name]
	if c.launcher == nil || watched == nil || watched.Total.Count() == 0 {
		return nil
	}
	const most = 0.5
	open, allowed := watched.Total.Quantile(most), float64(config.MaxConns())
	if open <= allowed {
		return nil
	}
	return fmt.Errorf("step %q: the server had %.0f sessions of %q, and %s with a pool of %d + %d each can have %.0f: the application has to read "+
		"DB_POOL_SIZE and DB_MAX_OVERFLOW from its environment; with several processes say how many (WORKERS)",
		step.Label, open, config.Name, processes(c.workers), config.PoolSize/c.workers, config.MaxOverflow/c.workers, allowed)
}

func processes(n int) string {
	if n == 1 {
		return "1 process"
	}
	return text.Grouped(float64(n)) + " processes"
}

// stopApplication ends the application and all of its processes.
func (c *Conductor) stopApplication() {
	if c.launcher != nil && c.launcher.Stop() {
		c.test.Print("application: it did not end within 10 s of SIGTERM and was killed")
	}
}

// closeApplication leaves nothing of it behind.
func (c *Conductor) closeApplication() {
	if c.launcher != nil {
		_ = c.launcher.Close() // the watchdog's exit status, of one that has nothing left to do
	}
}
