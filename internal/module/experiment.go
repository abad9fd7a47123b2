package module

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// experiment is experiment(options): the process's one experiment. `pool` holds
// options for every step's pool, `workload` what the requests are, to know a run
// of others, `resume` the results to go on from; the rest is the plan's.
func (i *instance) experiment(call sobek.FunctionCall) sobek.Value {
	c, err := i.conductorOf(call.Argument(0))
	if err != nil {
		i.throw(err)
	}
	e := &experimentObject{instance: i, conductor: c, user: -1}
	object := i.rt.NewObject()
	i.must(object.Set("name", c.plan.Name()))
	i.must(object.Set("users", c.plan.Users()))
	i.must(object.Set("maxDuration", fmt.Sprintf("%ds", int(c.plan.MaxDuration()/time.Second)+1)))
	i.must(object.Set("next", e.next))
	return object
}

func (i *instance) conductorOf(options sobek.Value) (*conductor, error) {
	if i.lookupErr != nil {
		return nil, i.lookupErr
	}
	given, err := i.optionsOf(options)
	if err != nil {
		return nil, err
	}
	return i.test.experiment(given, i.lookup)
}

// experiment makes the process's experiment, or gives the one that exists.
func (t *testRun) experiment(given map[string]any, lookup config.Lookup) (*conductor, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conduct != nil {
		if !reflect.DeepEqual(t.conduct.given, given) {
			return nil, &pool.ConfigError{
				Source: "experiment()", Reason: "the process has one already, with other options",
				Accepted: "the same options in every VU",
			}
		}
		return t.conduct, nil
	}
	c := &conductor{test: t, given: given, lookup: lookup, changed: make(chan struct{})}
	if err := c.plans(maps.Clone(given)); err != nil {
		return nil, err
	}
	t.conduct = c
	return c, nil
}

// plans reads the options. Nothing is connected.
func (c *conductor) plans(options map[string]any) error {
	own, err := take[map[string]any](options, "pool", "an object of the pool's options")
	if err != nil {
		return err
	}
	workload, err := take[map[string]any](options, "workload", "an object that describes the requests")
	if err != nil {
		return err
	}
	resume, err := take[string](options, "resume", "the path of an experiment's results")
	if err != nil {
		return err
	}
	c.pool = own
	config, err := c.resolve(nil)
	if err != nil {
		return err
	}
	options = experiment.ForPool(options, config)
	if c.plan, err = experiment.New(options); err != nil {
		return err
	}
	if c.identity, err = identityOf(options, workload, config); err != nil {
		return err
	}
	return c.openFile(resume)
}

// take takes an option that is the conductor's own out of the plan's.
func take[T any](options map[string]any, name, accepted string) (value T, err error) {
	given := options[name]
	delete(options, name)
	if given == nil {
		return value, nil
	}
	value, ok := given.(T)
	if !ok {
		return value, &pool.ConfigError{
			Option: name, Source: config.SourceOption, Reason: fmt.Sprintf("is %T", given), Accepted: accepted,
		}
	}
	return value, nil
}

// identityOf is what two runs must have in common for one to go on where the
// other ended: the plan's options, the workload, the server and the pool.
func identityOf(options, workload map[string]any, config pool.Config) (map[string]any, error) {
	identity := maps.Clone(options)
	if len(workload) > 0 {
		identity["workload"] = workload
	}
	identity["pool"] = describeConfig(config)
	identity["server"] = "temporary"
	if config.URL != "" {
		settings, err := config.ConnConfig()
		if err != nil {
			return nil, err
		}
		identity["server"] = fmt.Sprintf("%s:%d/%s", settings.Host, settings.Port, settings.Database)
	}
	return identity, nil
}

// experimentObject is the script's experiment.
type experimentObject struct {
	*instance
	conductor *conductor
	user      int // -1 until it has asked for a turn
	last      *stage
	pool      sobek.Value // of the last stage
	end       func()      // ends the turn under way; nil where there is none
}

// next ends the user's turn and waits for the next one. It gives the step's
// Pool, over HTTP an empty object, and null when there are no more turns.
func (e *experimentObject) next(sobek.FunctionCall) sobek.Value {
	state := e.vu.State()
	if state == nil {
		e.throw(inInit("experiment.next()"))
	}
	e.conductor.begin(state)
	if e.user < 0 {
		e.user = int(e.conductor.users.Add(1)) - 1
	}
	if e.end != nil {
		e.end()
		e.end = nil
	}
	ctx := e.vu.Context()
	s := e.conductor.turn(ctx, e.user, e.last)
	if s == nil {
		return sobek.Null()
	}
	e.end = e.conductor.endOf(ctx, s)
	if s != e.last {
		e.last, e.pool = s, e.rt.NewObject()
		if s.pool != nil {
			e.pool = e.poolOf(s.pool)
		}
	}
	return e.pool
}

// endOf ends a turn, once: when its user asks for the next one, or with the
// iteration, which an exception or k6 may end before. Requests that k6 cuts off
// are not counted: their step would look better than it is, and is not one.
func (c *conductor) endOf(ctx context.Context, s *stage) func() {
	leave := sync.OnceFunc(func() {
		if wasCutOff(ctx) {
			c.interrupt()
		}
		s.leave()
	})
	stop := context.AfterFunc(ctx, func() {
		if !wasCutOff(ctx) {
			c.gone.Add(1)
		}
		leave()
	})
	return func() {
		stop()
		leave()
	}
}

func (t *testRun) observeStep(at time.Time, ms float64) {
	t.mu.Lock()
	conduct := t.conduct
	t.mu.Unlock()
	if conduct != nil {
		conduct.observe(at, ms)
	}
}

// finding is what the process's experiment found out; without one, nothing.
type finding struct {
	name   string
	result experiment.Result // nil where there is none
}

func (t *testRun) finding() (finding, error) {
	t.mu.Lock()
	c := t.conduct
	t.mu.Unlock()
	if c == nil {
		return finding{}, nil
	}
	result, err := c.result()
	return finding{name: c.plan.Name(), result: result}, err
}

func (f finding) sections() []report.Section {
	if f.result == nil {
		return nil
	}
	return f.result.Sections()
}

// experimentNotes say what an experiment's figures are of, and why it ended early.
func (t *testRun) experimentNotes() []string {
	t.mu.Lock()
	c := t.conduct
	t.mu.Unlock()
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	notes := []string{"Figures of requests, waits, connections and CPU are of all steps together."}
	if c.resumed {
		notes = []string{fmt.Sprintf("Figures of requests, waits, connections and CPU are of this run's steps together, without the %d "+
			"measured before it. The result is of all of them.", c.before)}
	}
	if gone := c.gone.Load(); gone > 0 {
		notes = append(notes, fmt.Sprintf("Iterations that ended within a turn, by an exception or a return: %d. Steps after that may have had fewer "+
			"users than they are reported for; catch what a request throws.", gone))
	}
	if c.err != nil {
		notes = append(notes, "The experiment ended early: "+text.Line(c.err.Error()))
	}
	return notes
}

// push gives the result's values to k6's thresholds.
func (c *conductor) push() {
	if c == nil || c.state == nil {
		return
	}
	result, err := c.result()
	if err != nil {
		c.test.logger.Error(text.Line(err.Error()))
		return
	}
	for name, why := range result.Unknown() {
		c.test.facts.setUnmeasured(name, why)
	}
	for name, value := range result.Values() {
		if metric, known := c.test.metrics.experiment[name]; known {
			c.test.pushNow(c.state, metrics.Sample{
				TimeSeries: metrics.TimeSeries{Metric: metric, Tags: c.test.runTags(c.state)},
				Time:       time.Now(), Value: value,
			})
		}
	}
}
