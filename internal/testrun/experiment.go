package testrun

import (
	"context"
	"fmt"
	"maps"
	"time"

	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// Experiment is the run as the conductor of an experiment knows it, outside any VU. It
// implements conductor.Test.
type Experiment struct {
	*Run
	state *lib.State // of the first user
	out   *observer
}

// Experiment begins an experiment. state is that of its first user.
func (t *Run) Experiment(state *lib.State, name string) *Experiment {
	return &Experiment{Run: t, state: state, out: t.background(state, name)}
}

// Users is how many users k6 runs at most, 0 where that is unknown.
func (e *Experiment) Users() (int, error) {
	options := e.state.Options
	if len(options.Scenarios) == 0 {
		return 0, nil // k6 always has one; a test of ours may not
	}
	tuple, err := lib.NewExecutionTuple(options.ExecutionSegment, options.ExecutionSegmentSequence)
	if err != nil {
		return 0, fmt.Errorf("reading the execution segment: %w", err)
	}
	running := 0
	for _, scenario := range options.Scenarios {
		running += int(lib.GetMaxPlannedVUs(scenario.GetExecutionRequirements(tuple))) // #nosec G115 -- k6 can run so many
	}
	return running, nil
}

// Open starts a pool.
func (e *Experiment) Open(config pool.Config) error {
	shared, err := e.Join(config)
	if err != nil {
		return err
	}
	_, err = shared.Get(e.state)
	return err
}

// Retire closes a pool for good: its name is free again.
func (e *Experiment) Retire(name string) {
	shared := e.Pool(name)
	if shared == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	shared.stop(ctx, true)
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.pools, name)
}

// ServerURL is the address of the temporary PostgreSQL, which is started.
func (e *Experiment) ServerURL() (string, error) { return e.serverURL("experiment") }

// Watched is the pool of the application under test, of all its processes
// together, as far as it is known.
func (e *Experiment) Watched() pool.Config {
	if watched := e.watched(); watched != nil {
		return watched.pool()
	}
	return pool.DefaultConfig()
}

// WatchPool says how large the pool of one process of that application is from
// now on.
func (e *Experiment) WatchPool(config pool.Config) {
	if watched := e.watched(); watched != nil {
		watched.resize(config)
	}
}

// AwaitNoSessions waits until the server has no session of that application.
func (e *Experiment) AwaitNoSessions(ctx context.Context) error {
	if watched := e.watched(); watched != nil {
		return watched.awaitNoSessions(ctx, sessionsEnd)
	}
	return nil
}

// Variables are those of the script: k6's -e, and where it has them those of the
// process.
func (e *Experiment) Variables() map[string]string {
	all := map[string]string{}
	maps.Copy(all, e.variables)
	return all
}

// Dropped counts an arrival for which no user was free, as k6's own arrival
// rates do.
func (e *Experiment) Dropped(at time.Time) {
	e.recording.timeline.Record([]timeline.Observation{{Measure: timeline.RequestDropped, At: at, Value: 1}})
	e.out.push(sampleOf(e.metrics.dropped, e.runTags(e.state), at, 1))
}

// Print writes a line to the terminal, beside k6's progress bar.
func (e *Experiment) Print(line string) { printLine(line) }

// Error logs a line as an error.
func (e *Experiment) Error(line string) { e.logger.Error(line) }

// Report gives the experiment's values to k6's thresholds, and the reasons why
// others are unknown to the verdict. It may be called at the end of the run only.
func (e *Experiment) Report(values map[string]float64, unknown map[string]string) {
	for name, why := range unknown {
		e.facts.setUnmeasured(name, why)
	}
	for name, value := range values {
		if metric, known := e.metrics.experiment[name]; known {
			e.pushValue(e.state, metric, value)
		}
	}
}
