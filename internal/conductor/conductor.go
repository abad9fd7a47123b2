// Package conductor leads k6's users through the steps of an experiment. It knows
// the test that they run in only as a Test.
package conductor

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/application"
	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// Test is the k6 test that an experiment runs in.
type Test interface {
	// Users is how many users k6 runs at most, 0 where that is unknown.
	Users() (int, error)
	// Open starts the pool of a step, and Retire closes it: its name is free
	// again.
	Open(config pool.Config) error
	Retire(name string)
	// ServerURL is the address of the temporary PostgreSQL.
	ServerURL() (string, error)
	// Watched is the pool of the application under test, of all its processes
	// together, as far as it is known. WatchPool says how large one process's is
	// from now on, and AwaitNoSessions waits until the server has none of it.
	Watched() pool.Config
	WatchPool(config pool.Config)
	AwaitNoSessions(ctx context.Context) error
	// Variables are those of the script: k6's -e and the process's.
	Variables() map[string]string
	// Timeline is the recording of the run. Flush brings what has happened so
	// far into it.
	Timeline() *timeline.Recorder
	Flush(ctx context.Context)
	// Dropped counts an arrival for which no user was free.
	Dropped(at time.Time)
	// Print writes a line to the terminal, Error logs one.
	Print(line string)
	Error(line string)
}

// Conductor leads the users through the steps of an experiment: it opens each
// step's pool, lets the users settle, measures, waits for the last turns, and
// asks the plan what comes next.
type Conductor struct {
	plan     experiment.Plan
	given    map[string]any // by the script, to know them again
	identity map[string]any // see identityOf
	pool     map[string]any // the script's own options for every pool
	lookup   config.Lookup
	launcher *application.Launcher // of the application; nil where none is started
	workers  int                   // processes of it

	asked   experiment.Server
	resumed bool
	before  int // steps that were measured before this run

	users atomic.Int32 // have asked for a turn
	gone  atomic.Int32 // have ended their iteration within one, and may not ask again

	mu       sync.Mutex
	test     Test // nil until the experiment has begun
	stage    *Stage
	changed  chan struct{} // closed when stage or finished changes
	finished bool
	err      error // why it could not go on
	done     []experiment.Measurement
	found    *experiment.Result // of so many measurements as foundOf, nil where none was asked for
	foundOf  int
	cancel   context.CancelFunc
	ended    chan struct{}
}

// New reads an experiment's options. Nothing is connected. `pool` holds options
// for every step's pool, `application` what to start anew for every step, `workload`
// what the requests are, to tell apart runs of others, `resume` the results to
// resume from; the rest is the plan's.
func New(given map[string]any, lookup config.Lookup) (*Conductor, error) {
	c := &Conductor{given: given, lookup: lookup, changed: make(chan struct{})}
	if err := c.plans(maps.Clone(given)); err != nil {
		return nil, err
	}
	return c, nil
}

// Plan is what the steps come from.
func (c *Conductor) Plan() experiment.Plan { return c.plan }

// IsFor reports whether these are the options that it was made with.
func (c *Conductor) IsFor(given map[string]any) bool { return reflect.DeepEqual(c.given, given) }

// begin starts the experiment with the first user's turn.
func (c *Conductor) begin(test func() Test) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.test != nil || c.finished {
		return
	}
	c.test = test()
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel, c.ended = cancel, make(chan struct{})
	go c.run(ctx)
}

func (c *Conductor) run(ctx context.Context) {
	defer close(c.ended)
	err := c.lead(ctx)
	c.closeApplication()
	if err != nil && ctx.Err() == nil {
		c.test.Error(text.Line(err.Error()))
	} else {
		err = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err, c.finished = err, true
	close(c.changed)
}

func (c *Conductor) lead(ctx context.Context) error {
	if err := c.checkUsers(); err != nil {
		return err
	}
	server, err := c.server(ctx)
	if err != nil {
		return err
	}
	if !c.resumed { // resumed results were measured with what the server said then
		c.asked = server
		if err := c.plan.Prepare(server); err != nil {
			return err
		}
	}
	for {
		step, more := c.plan.Next(c.measured())
		if !more {
			return nil
		}
		c.test.Print(experiment.Announce(c.plan, step, c.measured()))
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
func (c *Conductor) measured() []experiment.Measurement {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done[:len(c.done):len(c.done)]
}

// Result reads the measurements, once for as many as there are: tune draws its
// noise thousands of times.
func (c *Conductor) Result() *experiment.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found == nil || c.foundOf != len(c.done) {
		c.found, c.foundOf = c.plan.Result(c.done), len(c.done)
	}
	return c.found
}

// publish makes a stage the present one.
func (c *Conductor) publish(s *Stage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stage = s
	close(c.changed)
	c.changed = make(chan struct{})
}

// interrupt ends the step under way as one that is not measured, and the
// experiment with it. It does not wait for that.
func (c *Conductor) interrupt() {
	c.mu.Lock()
	cancel := c.cancel
	c.mu.Unlock()
	cancel() // who asks for turns has begun the experiment
}

// Stop ends the experiment; what has been measured stays.
func (c *Conductor) Stop() {
	c.mu.Lock()
	cancel, ended := c.cancel, c.ended
	c.finished = c.finished || c.test == nil
	c.mu.Unlock()
	if cancel != nil {
		cancel()
		<-ended
	}
}

// Notes say what an experiment's values are of, and why it ended early.
func (c *Conductor) Notes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	notes := []string{"Values of requests, waits, connections and CPU are for all steps together."}
	if c.resumed {
		notes = []string{fmt.Sprintf("Values of requests, waits, connections and CPU are for this run's steps together, without the %d "+
			"measured before it. The result is of all of them.", c.before)}
	}
	if gone := c.gone.Load(); gone > 0 {
		notes = append(notes, fmt.Sprintf("Iterations that ended early, by an exception or a return: %d. Later steps may have had fewer "+
			"users than reported; catch exceptions in requests.", gone))
	}
	if c.err != nil {
		notes = append(notes, "The experiment ended early: "+text.Line(c.err.Error()))
	}
	return notes
}
