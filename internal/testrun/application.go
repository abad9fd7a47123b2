package testrun

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// Application watches a live application's pool from the database's side while
// k6 loads the application over HTTP. It is the process's: every VU that asks
// for it gets the same one.
type Application struct {
	test     *Run
	settings monitor.Settings

	mu      sync.Mutex
	cancel  context.CancelFunc // nil until started
	done    chan struct{}
	stopped bool

	latest  atomic.Pointer[monitor.Sample]
	levels  sync.Mutex  // guards the fields below
	size    pool.Config // of one process now
	resized bool        // and the watch does not know
}

// Watch makes the process's monitor, or gives the one that exists.
func (t *Run) Watch(settings monitor.Settings) (*Application, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.application == nil {
		t.application = &Application{test: t, settings: settings, size: settings.Pool}
		t.application.latest.Store(new(monitor.Sample))
		return t.application, nil
	}
	if difference := t.application.settings.Difference(settings); difference != "" {
		return nil, &joinError{name: "monitor", difference: difference}
	}
	return t.application, nil
}

// Start begins to watch; a second call does nothing. A database that cannot be
// reached is an error now rather than a criterion without data later.
func (m *Application) Start(state *lib.State) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cancel != nil || m.stopped {
		return nil
	}
	cfg, err := m.settings.Config(monitor.MinInterval)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	sampler := monitor.NewSampler(cfg)
	conn, err := sampler.Connect(ctx)
	switch {
	case err == nil:
		m.test.facts.know(ctx, conn)
		m.explainCPU(ctx, conn)
	case !monitor.IsTooManyConnections(err): // a server that is full is worth watching
		cancel()
		return &pool.ConnectError{Pool: "monitor", Server: "the application's database", Err: err}
	}
	if m.settings.Pool.Metrics == pool.MetricsCompact {
		m.test.compact.enable(m.test, state)
	}
	m.cancel, m.done = cancel, make(chan struct{})
	name := m.settings.Select.String()
	go m.run(ctx, sampler, &appWatch{test: m.test, application: name, out: m.test.background(state, name)})
	return nil
}

// explainCPU finds out early whether the CPU can be read at all: the report
// then says why not. The sampler warns of it.
func (m *Application) explainCPU(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(ctx, monitor.StatementTimeout)
	defer cancel()
	_, _, err := new(monitor.CPU).Read(ctx, conn)
	m.test.facts.refused(err)
}

func (m *Application) run(ctx context.Context, sampler *monitor.Sampler, w *appWatch) {
	defer close(m.done)
	defer sampler.Close()
	defer w.finish(sampler)
	start := time.Now()
	printed := start
	schedule := monitor.NewSchedule(monitor.MinInterval)
	var shown time.Duration
	for {
		if size, resized := m.takeSize(); resized {
			sampler.Resize(size)
		}
		sample := sampler.Sample(ctx)
		if ctx.Err() != nil {
			return
		}
		m.latest.Store(&sample)
		w.report(sample)
		if !pause(ctx, shown-time.Since(start)) {
			return
		}
		every := m.settings.Pool.StatusInterval
		if every > 0 && sample.Database != nil && time.Since(printed) >= every-monitor.MinInterval/2 {
			printed = time.Now()
			printLine(sample.StatusLine())
		}
		var at time.Duration
		at, shown = schedule.Next(time.Since(start))
		if !pause(ctx, at-time.Since(start)) {
			return
		}
	}
}

// watched is the application that is watched, nil without one.
func (t *Run) watched() *Application {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.application
}

func (m *Application) resize(config pool.Config) {
	m.levels.Lock()
	defer m.levels.Unlock()
	m.size.PoolSize, m.size.MaxOverflow, m.size.PoolTimeout = config.PoolSize, config.MaxOverflow, config.PoolTimeout
	m.resized = true
}

func (m *Application) takeSize() (size monitor.Pool, resized bool) {
	m.levels.Lock()
	defer m.levels.Unlock()
	resized = m.resized
	m.resized = false
	return monitor.Pool{Size: m.size.PoolSize, MaxOverflow: m.size.MaxOverflow, Timeout: m.size.PoolTimeout.Seconds()}, resized
}

// pool is that of all processes together.
func (m *Application) pool() pool.Config {
	m.levels.Lock()
	defer m.levels.Unlock()
	config := m.size
	workers := max(1, m.settings.Workers, m.latest.Load().Pool.Workers)
	config.Name, config.PoolSize, config.MaxOverflow = m.settings.Select.String(), config.PoolSize*workers, config.MaxOverflow*workers
	return config
}

// sessionsEnd is how long sessions may outlive the application that had them: a
// statement that it did not wait for runs on.
const sessionsEnd = 15 * time.Second

// awaitNoSessions waits until the server shows no session of the application, as
// far as it can be told: behind a pooler they are the pooler's.
func (m *Application) awaitNoSessions(ctx context.Context, limit time.Duration) error {
	if !m.started() {
		return nil
	}
	began := time.Now()
	for {
		sample := m.latest.Load()
		switch known := sample.Time.After(began) && sample.Database != nil; {
		case known && (sample.Database.Open == 0 || sample.Pooler != nil):
			return nil
		case time.Since(began) < limit:
		case known:
			return fmt.Errorf("the server has %s of %q although the application does not run: end them, or give the application a name of its own (DB_APPLICATION_NAME)",
				text.Counted(sample.Database.Open, "session"), m.settings.Select)
		default:
			return fmt.Errorf("the sessions of %q cannot be counted: %w", m.settings.Select, sample.Err)
		}
		if !pause(ctx, monitor.MinInterval/10) {
			return ctx.Err()
		}
	}
}

func (m *Application) started() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cancel != nil && !m.stopped
}

func (m *Application) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	if m.cancel != nil {
		m.cancel()
		<-m.done
	}
}

// appWatch turns samples into metrics. It belongs to the watching goroutine.
type appWatch struct {
	test        *Run
	application string
	out         *observer
	tally       monitor.Tally
}

// report pushes one sample. A level that nobody can tell is unknown, which is
// not the same as low: such a sample gives no levels.
func (w *appWatch) report(s monitor.Sample) {
	w.say(s.Notices)
	w.tally.Add(s)
	set, use := w.test.metrics, s.Use()
	push := func(m *metrics.Metric, value float64) { w.out.push(w.out.sample(m, s.Time, value)) }
	if d := s.Database; d != nil {
		push(set.appTotal, float64(d.Open))
		push(set.appOverflow, float64(s.Overflow()))
		if d.CPU != nil {
			push(set.dbCPU, *d.CPU)
		}
	}
	if a := s.Application; a != nil {
		push(set.appCheckedOut, float64(a.CheckedOut))
		push(set.appCheckedOutSampled, float64(a.CheckedOut))
	}
	if !use.Known {
		return
	}
	push(set.appActive, float64(use.Connections))
	push(set.appActiveSampled, float64(use.Connections))
	push(set.appUtilization, 100*float64(use.Connections)/float64(s.Pool.Size))
	push(set.appInOverflow, oneIf(s.InOverflow()))
	push(set.appAtLeast, oneIf(use.AtLeast))
	// An application that has no session is not one at rest: it may have another name.
	// Only samples that saw it count as data.
	push(set.appSamples, oneIf(s.Seen()))
}

func (w *appWatch) say(notices []monitor.Notice) {
	for _, n := range notices {
		line := fmt.Sprintf("watching %q: %s", w.application, n.Text)
		if n.Problem {
			w.test.warnOnce(line, line)
		} else {
			w.test.logger.Info(line)
		}
	}
}

// finish hands over what was seen and says why there is nothing to judge,
// where that is so.
func (w *appWatch) finish(sampler *monitor.Sampler) {
	report := w.tally.Report()
	w.test.facts.watched.Store(&report)
	if report.Seen > 0 {
		return
	}
	why := w.whyMissing(sampler, report)
	for _, metric := range []string{"app_pool_utilization", "app_pool_in_overflow", "app_pool_at_least"} {
		w.test.facts.setMissing(metric, why)
	}
	if unmeasured, _ := w.test.Unmeasured(); unmeasured["pgxpool_db_cpu"] == "" {
		w.test.facts.setMissing("pgxpool_db_cpu", why) // its row asks whether the application was seen
	}
}

func (w *appWatch) whyMissing(sampler *monitor.Sampler, report monitor.Report) string {
	if report.Hidden > 0 {
		return fmt.Sprintf("the role of DATABASE_URL may not see what the sessions of %q do; GRANT pg_read_all_stats to it",
			w.application)
	}
	if report.Samples == 0 && report.Server.Refused > 0 {
		return "the server had no connection left for the monitor (connection limit)"
	}
	// The watch's own context has ended.
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	conn, err := sampler.Connect(ctx)
	if err != nil {
		return "the application's database did not answer: " + err.Error()
	}
	found, err := sampler.Existing(ctx, conn)
	if err != nil {
		return fmt.Sprintf("no session of %q was seen, and %v", w.application, err)
	}
	return fmt.Sprintf("no session of %q was seen (DB_APPLICATION_NAME); %s", w.application, found)
}
