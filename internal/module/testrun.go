package module

import (
	"context"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// endLimit bounds what the end of the test waits for: k6 itself would wait half
// an hour.
const endLimit = 3 * time.Second

// testRun is what the whole k6 process shares: the pools by name, the way their
// samples take, and the end of it all.
type testRun struct {
	flusher   flusher
	recording recording
	drift     driftRecorder
	server    temporaryServer
	facts     facts
	execution atomic.Pointer[lib.ExecutionState] // k6's, nil until a VU calls

	beginOnce sync.Once
	started   time.Time
	metrics   *metricSet
	root      *metrics.TagSet
	logger    logrus.FieldLogger

	envOnce sync.Once
	lookup  config.Lookup
	envErr  error

	mu       sync.Mutex
	pools    map[string]*sharedPool
	app      *appMonitor
	conduct  *conductor
	cleanups []func()
	ended    bool
	said     map[string]struct{} // kinds of errors already logged
}

// begin runs with the first VU's init code.
func (t *testRun) begin(vu modules.VU, env *common.InitEnvironment) {
	t.beginOnce.Do(func() {
		t.started = time.Now()
		t.metrics = registerMetrics(env.Registry)
		t.recording.measures = measuresOf(t.metrics)
		t.flusher.tap = t.recording.samples
		t.recording.probe.logger = env.Logger
		t.root = env.Registry.RootTagSet()
		t.logger = env.Logger
		t.pools = make(map[string]*sharedPool)
		t.server.logger = env.Logger
		onTestEnd(vu.Events(), t.end)
	})
}

// follow notes the state of k6's run, which only a VU's context has.
func (t *testRun) follow(vu modules.VU) {
	if t.execution.Load() == nil {
		t.execution.Store(lib.GetExecutionState(vu.Context()))
	}
}

// wasCutShort is for after the run: whether something stopped it before its end.
func (t *testRun) wasCutShort() bool {
	execution := t.execution.Load()
	return execution != nil && execution.GetCurrentExecutionStatus() == lib.ExecutionStatusInterrupted
}

// environment is read once: a .env file that changes during the test must not
// give two VUs two configurations.
func (t *testRun) environment(env *common.InitEnvironment) (config.Lookup, error) {
	t.envOnce.Do(func() {
		var dir string
		if dir, t.envErr = os.Getwd(); t.envErr == nil {
			t.lookup, t.envErr = config.Environment(env.RuntimeOptions.Env, env.LookupEnv, dir)
		}
	})
	return t.lookup, t.envErr
}

// join gives the pool of that name, which must have the same configuration if
// it exists already. Nothing is connected.
func (t *testRun) join(wanted pool.Config) (*sharedPool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.pools[wanted.Name]; ok {
		if difference := config.Difference(known.config, wanted); difference != "" {
			return nil, &joinError{name: wanted.Name, difference: difference}
		}
		return known, nil
	}
	p := &sharedPool{test: t, config: wanted}
	t.pools[wanted.Name] = p
	return p, nil
}

// onEnd registers something to be undone when the test is over.
func (t *testRun) onEnd(undo func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, undo)
}

// end stops everything that runs beside the VUs. With running, k6 still takes
// samples, and what they say reaches the thresholds.
func (t *testRun) end(running bool) {
	t.mu.Lock()
	if t.ended {
		t.mu.Unlock()
		return
	}
	t.ended = true
	app, conduct, cleanups := t.app, t.conduct, t.cleanups
	t.mu.Unlock()
	if conduct != nil {
		conduct.stop()
	}
	pools := t.running()
	for _, undo := range cleanups {
		undo()
	}
	if app != nil {
		app.stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	var wg sync.WaitGroup
	for _, p := range pools {
		wg.Go(func() { p.stop(ctx, running) })
	}
	wg.Wait()
	if running {
		t.drift.push(t)
		conduct.push()
	}
	t.flusher.stop(running)
	t.recording.probe.stop()
	t.server.stop()
}

// running are the pools there are now.
func (t *testRun) running() []*sharedPool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.pools))
}

func (t *testRun) hasEnded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

func (t *testRun) startedAt() time.Time { return t.started }

// configurations gives the pools' options, in the order of their names.
func (t *testRun) configurations() []pool.Config {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []pool.Config
	for _, name := range slices.Sorted(maps.Keys(t.pools)) {
		all = append(all, t.pools[name].config)
	}
	return all
}

// temporaryConnections is what all pools without a URL may open together.
func (t *testRun) temporaryConnections() int {
	t.mu.Lock()
	sum := 0
	if t.conduct != nil {
		sum = t.conduct.plan.Connections()
	}
	t.mu.Unlock()
	for _, c := range t.configurations() {
		if c.URL == "" {
			sum += c.MaxConns()
		}
	}
	return sum
}
