package module

import (
	"fmt"
	"sync"
	"time"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/conductor"
	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/testrun"
	"github.com/flowboard/xk6-pgxpool/pool"
)

type theExperiment struct {
	mu        sync.Mutex
	conductor *conductor.Conductor // nil until a script asks for one
	test      *testrun.Experiment  // nil until it has begun
}

// experiment is experiment(options), see [conductor.New].
func (i *instance) experiment(call sobek.FunctionCall) sobek.Value {
	c := i.conductorOf(call.Argument(0))
	e := &experimentObject{instance: i, user: c.NewUser()}
	return i.object(
		field{"name", c.Plan().Name()},
		field{"users", c.Plan().Users()},
		field{"maxDuration", fmt.Sprintf("%ds", int(c.Plan().MaxDuration()/time.Second)+1)},
		field{"prepare", i.guarded("experiment.prepare", e.prepare)},
		field{"next", i.guarded("experiment.next", e.next)},
	)
}

// conductorOf makes the process's experiment, or gives the one that exists.
func (i *instance) conductorOf(options sobek.Value) *conductor.Conductor {
	lookup := i.environment()
	given, err := i.optionsOf(options)
	i.must(err)
	x := &i.root.experiment
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.conductor != nil {
		if !x.conductor.IsFor(given) {
			i.throw(&pool.ConfigError{
				Source: "experiment()", Reason: "the process has one already, with other options",
				Accepted: "the same options in every VU",
			})
		}
		return x.conductor
	}
	c, err := conductor.New(given, lookup)
	i.must(err)
	x.conductor = c
	i.test.Reserve(c.Plan().Connections())
	i.test.OnEnd(c.Stop, x.report)
	return c
}

func (x *theExperiment) get() *conductor.Conductor {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.conductor
}

type experimentObject struct {
	*instance
	user *conductor.User
	last *conductor.Stage
	// Of the last stage, none over HTTP.
	pools   []*testrun.SharedPool
	objects map[*testrun.SharedPool]sobek.Value
}

// next ends the user's turn and waits for the next one. It gives a
// Pool of the step, over HTTP an empty object, and null when there are no more turns.
func (e *experimentObject) next(sobek.FunctionCall) sobek.Value {
	e.notInInit("experiment.next()")
	e.test.Judged() // and it writes what it measures, from the first step on
	e.must(e.test.Ready(e.vu))
	s := e.user.Next(e.vu.Context(), e.begin)
	e.arrival = e.user.Arrived
	if s == nil {
		return sobek.Null()
	}
	if s != e.last {
		e.take(s)
	}
	if len(e.pools) == 0 {
		return e.rt.NewObject()
	}
	return e.objects[e.root.balancer.pick(e.pools, e.root.experiment.get().Plan().Balance(), e.vu.State())]
}

// take makes the script's pools of a stage.
func (e *experimentObject) take(s *conductor.Stage) {
	e.last, e.pools, e.objects = s, nil, map[*testrun.SharedPool]sobek.Value{}
	for _, name := range s.Pools {
		if shared := e.test.Pool(name); shared != nil {
			e.pools = append(e.pools, shared)
			e.objects[shared] = e.poolOf(shared)
		}
	}
}

// prepare tries, in setup(), what the steps need before any load: where they start
// an application, that.
func (e *experimentObject) prepare(sobek.FunctionCall) sobek.Value {
	e.notInInit("experiment.prepare()")
	c := e.root.experiment.get()
	e.must(c.TryApplication(e.vu.Context(), e.test.Experiment(e.vu.State(), c.Plan().Name())))
	return sobek.Undefined()
}

// begin runs with the first user's first turn.
func (e *experimentObject) begin() conductor.Test {
	x := &e.root.experiment
	x.mu.Lock()
	defer x.mu.Unlock()
	x.test = e.test.Experiment(e.vu.State(), x.conductor.Plan().Name())
	return x.test
}

// result is what the process's experiment found out; nil without one.
func (x *theExperiment) result() *experiment.Result {
	if c := x.get(); c != nil {
		return c.Result()
	}
	return nil
}

func (x *theExperiment) notes() []string {
	if c := x.get(); c != nil {
		return c.Notes()
	}
	return nil
}

func (x *theExperiment) report() {
	x.mu.Lock()
	c, test := x.conductor, x.test
	x.mu.Unlock()
	if test != nil {
		result := c.Result()
		test.Report(result.Values, result.Unknown)
	}
}
