package testrun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// Application watches a live application's pool from the database's side while
// k6 loads the application over HTTP. It is the process's: every VU that asks
// for it gets the same one.
type Application struct {
	test   *Run
	config pool.Config
	appURL string
	health *monitor.Health // nil without appURL

	mu      sync.Mutex
	cancel  context.CancelFunc // nil until started
	done    chan struct{}
	stopped bool
}

// Watch makes the process's monitor, or gives the one that exists.
func (t *Run) Watch(watched pool.Config, appURL string) (*Application, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.application != nil {
		difference := config.Difference(t.application.config, watched)
		if difference == "" && t.application.appURL != appURL {
			difference = "appURL"
		}
		if difference != "" {
			return nil, &JoinError{name: "monitor", difference: difference}
		}
		return t.application, nil
	}
	m := &Application{test: t, config: watched, appURL: appURL}
	if appURL != "" {
		var err error
		if m.health, err = monitor.NewHealth(appURL, monitor.MinInterval); err != nil {
			// The error shows the URL, and without a scheme nothing in it is known for a password.
			return nil, AppURLError("it is no URL of an application")
		}
	}
	t.application = m
	return m, nil
}

// AppURLError refuses an application's URL, which may hold a password and is
// not shown.
func AppURLError(reason string) error {
	return &pool.ConfigError{
		Option: "appURL", Source: config.SourceOption, Reason: reason,
		Accepted: "a string such as http://127.0.0.1:8000/health/pool (APP_URL)",
	}
}

// Start begins to watch; a second call does nothing. A database that cannot be
// reached is an error now rather than a criterion without data later.
func (m *Application) Start(state *lib.State) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cancel != nil || m.stopped {
		return nil
	}
	config, err := m.config.ConnConfig()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	sampler := monitor.NewSampler(monitor.Config{
		Conn: config, Application: m.config.ApplicationName, Health: m.health,
		Pool: monitor.Pool{Size: m.config.PoolSize, MaxOverflow: m.config.MaxOverflow},
	})
	conn, err := sampler.Connect(ctx)
	if err != nil {
		cancel()
		return &pool.ConnectError{Pool: "monitor", Server: "the application's database", Err: err}
	}
	m.test.facts.know(ctx, conn)
	m.explainCPU(ctx, conn)
	m.cancel, m.done = cancel, make(chan struct{})
	w := &appWatch{
		application: m.config.ApplicationName, facts: &m.test.facts,
		out:    m.test.background(state, m.config.ApplicationName),
		inform: func(line string) { m.test.logger.Info(line) },
	}
	go m.run(ctx, sampler, w)
	return nil
}

// explainCPU finds out early whether the CPU can be read at all: the report
// then says why not. The sampler warns of it.
func (m *Application) explainCPU(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(ctx, monitor.StatementTimeout)
	defer cancel()
	var (
		cpu         monitor.CPU
		denied      *monitor.CPUPermissionError
		unavailable *monitor.CPUUnavailableError
	)
	_, _, err := cpu.Read(ctx, conn)
	if errors.As(err, &denied) || errors.As(err, &unavailable) {
		m.test.facts.setUnmeasured("pgxpool_db_cpu", err.Error())
	}
}

func (m *Application) run(ctx context.Context, sampler *monitor.Sampler, w *appWatch) {
	defer close(m.done)
	defer sampler.Close()
	defer w.finish(sampler)
	tick := time.NewTicker(monitor.MinInterval)
	defer tick.Stop()
	printer := newStatusPrinter(os.Stdout)
	printed := time.Now()
	for {
		sample := sampler.Sample(ctx)
		if ctx.Err() != nil {
			return
		}
		w.report(sample)
		every := m.config.StatusInterval
		if every > 0 && sample.Database != nil && time.Since(printed) >= every-monitor.MinInterval/2 {
			printed = time.Now()
			printer.line(sample.StatusLine())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// stop ends the watch and returns when it has ended.
func (m *Application) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	if m.cancel != nil {
		m.cancel()
		<-m.done
	}
	if m.health != nil {
		m.health.Close()
	}
}

// appWatch turns samples into metrics. It belongs to the watching goroutine.
type appWatch struct {
	application string
	out         *observer
	facts       *facts
	inform      func(line string)
	seen        bool // a session that shows what it does
	hidden      bool // a session that does not
}

// report pushes one sample. A level that the role cannot see is unknown, which
// is not the same as low: such a sample gives no levels.
func (w *appWatch) report(s monitor.Sample) {
	w.say(s.Notices)
	if s.Database == nil {
		return
	}
	set, at, d := w.out.buffer.run.metrics, s.Time, s.Database
	w.out.push(
		w.out.sample(set.appTotal, at, float64(d.Open)),
		w.out.sample(set.appOverflow, at, float64(s.Overflow())),
	)
	if d.CPU != nil {
		w.out.push(w.out.sample(set.dbCPU, at, *d.CPU))
	}
	if a := s.Application; a != nil {
		w.out.push(
			w.out.sample(set.appCheckedOut, at, float64(a.CheckedOut)),
			w.out.sample(set.appCheckedOutSampled, at, float64(a.CheckedOut)),
		)
	}
	if d.Hidden > 0 {
		w.hidden = true
		return
	}
	w.seen = w.seen || d.Open > 0
	w.out.push(
		w.out.sample(set.appActive, at, float64(d.Active)),
		w.out.sample(set.appActiveSampled, at, float64(d.Active)),
		w.out.sample(set.appUtilization, at, 100*float64(d.Active)/float64(s.Pool.Size)),
		w.out.sample(set.appInOverflow, at, oneIf(s.InOverflow())),
		// An application that has no session is not one at rest: it may have
		// another name. Only samples that saw it count as data.
		w.out.sample(set.appSamples, at, oneIf(d.Open > 0)),
	)
}

func (w *appWatch) say(notices []monitor.Notice) {
	for _, n := range notices {
		line := fmt.Sprintf("watching %q: %s", w.application, n.Text)
		if n.Problem {
			w.out.warn(line, line)
		} else {
			w.inform(line)
		}
	}
}

// finish says why there is nothing to judge, where that is so.
func (w *appWatch) finish(sampler *monitor.Sampler) {
	if w.seen {
		return
	}
	why := w.whyMissing(sampler)
	w.facts.setMissing("app_pool_utilization", why)
	w.facts.setMissing("app_pool_in_overflow", why)
	if unmeasured, _ := w.facts.copies(); unmeasured["pgxpool_db_cpu"] == "" {
		w.facts.setMissing("pgxpool_db_cpu", why) // its row asks whether the application was seen
	}
}

func (w *appWatch) whyMissing(sampler *monitor.Sampler) string {
	if w.hidden {
		return fmt.Sprintf("the role of DATABASE_URL may not see what the sessions of %q do; GRANT pg_read_all_stats to it",
			w.application)
	}
	// The watch's own context has ended.
	ctx, cancel := context.WithTimeout(context.Background(), endLimit)
	defer cancel()
	conn, err := sampler.Connect(ctx)
	if err != nil {
		return "the application's database did not answer: " + err.Error()
	}
	names, err := monitor.Names(ctx, conn)
	if err != nil {
		return fmt.Sprintf("no session named %q was seen, and %v", w.application, err)
	}
	return fmt.Sprintf("no session named %q was seen (DB_APPLICATION_NAME); %s", w.application, monitor.Existing(names))
}
