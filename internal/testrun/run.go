// Package testrun is what lives as long as a k6 test: the pools that its users
// share, the samples on their way to k6, what is sampled beside the users, and
// the test's end. It knows k6 and no JavaScript.
package testrun

import (
	"context"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/upstream"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// endLimit bounds what the end of the test waits for: k6 itself would wait half
// an hour.
const endLimit = 3 * time.Second

// Run is what the whole k6 process shares: the pools by name, the samples, and
// the end of it all. Its zero value is ready for Begin.
type Run struct {
	ResultFormats pgx.QueryResultFormatsByOID // that statements ask for
	FullSummary   bool                        // k6's --summary-mode asks for every metric

	flusher    flusher
	recording  recording
	requests   requests
	server     temporaryServer
	facts      facts
	results    resultsFolder
	setup      setup
	said       repeated
	uncaught   repeated // its lock is taken under the logger's
	responses  responses
	compact    compactor
	sketches   sketches
	unjudged   unjudged
	statements statements

	variables map[string]string                  // k6's -e
	execution atomic.Pointer[lib.ExecutionState] // k6's, nil until a VU calls

	usersOnce     sync.Once
	measuring     atomic.Bool        // the users have begun
	setupTook     time.Duration      // k6, until then
	firstScenario *lib.ScenarioState // of the first user; with setupTook written before measuring is set

	beginOnce sync.Once
	started   time.Time
	metrics   *metricSet
	root      *metrics.TagSet
	logger    logrus.FieldLogger

	envOnce sync.Once
	lookup  config.Lookup
	envErr  error

	mu          sync.Mutex
	pools       map[string]*SharedPool
	watches     map[string]*serverWatch // by server and role
	reserved    int                     // connections beside those of pools, on the temporary server
	application *Application
	stops       []func()
	reports     []func()
	ended       bool
}

// begin runs with each VU's init code; the first one begins the run.
func (t *Run) begin(vu modules.VU) {
	t.beginOnce.Do(func() {
		env := vu.InitEnv()
		t.started = time.Now()
		reserveHeap(os.LookupEnv)
		t.metrics = registerMetrics(env.Registry)
		t.recording.measures = measuresOf(t.metrics)
		t.recording.logger = env.Logger
		t.root = env.Registry.RootTagSet()
		t.logger = env.Logger
		t.OnEnd(upstream.FilterUncaught(env.Logger, func(message string) bool {
			return t.uncaught.uncaught(t.logger.Error, message)
		}), nil)
		t.pools = make(map[string]*SharedPool)
		t.watches = make(map[string]*serverWatch)
		t.unjudged.keep(env)
		t.variables = env.RuntimeOptions.Env
		t.FullSummary = env.RuntimeOptions.SummaryMode.String == "full"
		upstream.OnTestEnd(vu.Events(), t.End)
		upstream.OnLog(env.Logger, t.cancelStatements)
	})
}

// heapReserve counts as live for Go's collector, which therefore lets as much more
// garbage gather before it runs. Nobody touches it, so it takes no memory itself. k6
// with a hundred users has 15 MiB live: without the reserve the collector goes
// through them several times a second.
var heapReserve struct {
	once      sync.Once
	untouched []byte
}

const heapReserveSize = 64 << 20

// reserveHeap does nothing where the environment tunes the collector.
func reserveHeap(lookup func(string) (string, bool)) {
	for _, setting := range []string{"GOGC", "GOMEMLIMIT"} {
		if value, _ := lookup(setting); value != "" {
			return
		}
	}
	heapReserve.once.Do(func() { heapReserve.untouched = make([]byte, heapReserveSize) })
}

// Follow notes the state of k6's run, which only a VU's context has.
func (t *Run) Follow(vu modules.VU) {
	if t.execution.Load() == nil {
		t.execution.Store(lib.GetExecutionState(vu.Context()))
	}
	t.setup.follow(t)
}

// status is that of k6's run; created where it is not known yet.
func (t *Run) status() lib.ExecutionStatus {
	if execution := t.execution.Load(); execution != nil {
		return execution.GetCurrentExecutionStatus()
	}
	return lib.ExecutionStatusCreated
}

// Environment is read once: a .env file that changes during the test must not
// give two VUs two configurations.
func (t *Run) Environment(env *common.InitEnvironment) (config.Lookup, error) {
	t.envOnce.Do(func() {
		var dir string
		if dir, t.envErr = os.Getwd(); t.envErr == nil {
			t.lookup, t.envErr = config.Environment(env.RuntimeOptions.Env, env.LookupEnv, dir)
		}
		if t.envErr == nil {
			t.warnOfMistyped(env, dir)
		}
	})
	return t.lookup, t.envErr
}

// Given are the names that were set with -e. k6 puts those of the process's
// environment among them, and `k6 run` these into what env.LookupEnv reads: the
// process itself is asked.
func (t *Run) Given(env *common.InitEnvironment) []string {
	var names []string
	for name, value := range env.RuntimeOptions.Env {
		if inProcess, ok := os.LookupEnv(name); !ok || inProcess != value {
			names = append(names, name)
		}
	}
	return names
}

func (t *Run) warnOfMistyped(env *common.InitEnvironment, dir string) {
	file, _ := config.DotEnv(dir) // it was read without an error just now
	others := slices.AppendSeq(slices.Collect(maps.Keys(env.RuntimeOptions.Env)), maps.Keys(file))
	meant := config.Mistyped(t.Given(env), others)
	for _, name := range slices.Sorted(maps.Keys(meant)) {
		t.logger.Warnf("unknown variable %s; did you mean %s?", text.Value(name), meant[name])
	}
}

// Join gives the pool of that name, which must have the same configuration if
// it exists already. Nothing is connected.
func (t *Run) Join(wanted pool.Config) (*SharedPool, error) { return t.join(wanted, false) }

// JoinHandle is Join for one of several who share a pool and close it together, see
// CloseHandle. Where the last of them has closed it, it is made anew.
func (t *Run) JoinHandle(wanted pool.Config) (*SharedPool, error) { return t.join(wanted, true) }

func (t *Run) join(wanted pool.Config, handle bool) (*SharedPool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pools[wanted.Name]
	if p == nil || handle && p.spent {
		p = &SharedPool{run: t, config: wanted}
		t.pools[wanted.Name] = p
	} else if difference := config.Difference(p.config, wanted); difference != "" {
		return nil, &joinError{name: wanted.Name, difference: difference}
	}
	if handle {
		p.handles++
	} else {
		p.kept = true
	}
	return p, nil
}

// Pool gives the pool of that name, nil if there is none.
func (t *Run) Pool(name string) *SharedPool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pools[name]
}

// Reserve makes room on the temporary server for connections of pools that do
// not exist yet.
func (t *Run) Reserve(connections int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reserved += connections
}

// OnEnd registers what to do when the test is over. stop runs first, while the
// pools are still open. report runs once they are closed, if k6 still takes
// samples; nil is nothing to do.
func (t *Run) OnEnd(stop, report func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stops = append(t.stops, stop)
	if report != nil {
		t.reports = append(t.reports, report)
	}
}

// End stops everything that runs beside the VUs. With running, k6 still takes
// samples, and they reach the thresholds.
func (t *Run) End(running bool) {
	t.mu.Lock()
	if t.ended {
		t.mu.Unlock()
		return
	}
	t.ended = true
	application, stops, reports := t.application, t.stops, t.reports
	t.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
	if application != nil {
		application.stop()
	}
	t.onPools(endLimit, func(ctx context.Context, p *SharedPool) { p.stop(ctx, running) })
	if running {
		t.requests.push(t)
		for _, report := range reports {
			report()
		}
		t.pushResults()
	}
	t.flusher.stop()
	if running { // else k6 has closed its channel, and what is left is dropped
		t.Flush(context.Background())
		t.compact.finish()
	}
	t.recording.probe.stop()
	t.stopServer()
	t.said.count()
	t.uncaught.count()
}

// onPools does the same to all pools at once, and waits for it.
func (t *Run) onPools(limit time.Duration, do func(context.Context, *SharedPool)) {
	t.mu.Lock()
	pools := slices.Collect(maps.Values(t.pools))
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var wg sync.WaitGroup
	for _, p := range pools {
		wg.Go(func() { do(ctx, p) })
	}
	wg.Wait()
}

// cancelLimit bounds the time for canceling what runs when k6 exits at once.
const cancelLimit = time.Second

// cancelStatements is for a process that is about to exit without an end: what it
// has asked servers of others to do must not go on without it.
func (t *Run) cancelStatements() {
	t.onPools(cancelLimit, func(ctx context.Context, p *SharedPool) {
		if started := p.started.Load(); started != nil {
			started.CancelStatements(ctx)
		}
	})
}

func (t *Run) hasEnded() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

// Configurations gives the pools' options, in the order of their names.
func (t *Run) Configurations() []pool.Config {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []pool.Config
	for _, name := range slices.Sorted(maps.Keys(t.pools)) {
		all = append(all, t.pools[name].config)
	}
	return all
}

// temporaryConnections is what all pools without a URL may open together.
func (t *Run) temporaryConnections() int {
	sum := 0
	for _, c := range t.Configurations() {
		if c.URL == "" {
			sum += c.MaxConns()
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return sum + t.reserved
}
