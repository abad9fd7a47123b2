package js

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/monitor"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// appMonitor watches a live application's pool from the database's side while
// k6 loads the application over HTTP. It is the process's: every VU that asks
// for it gets the same one.
type appMonitor struct {
	test   *testRun
	config pool.Config
	health *monitor.Health

	mu      sync.Mutex
	cancel  context.CancelFunc
	done    chan struct{}
	stopped bool
}

// monitor is monitor(options): { url, applicationName, poolSize, maxOverflow,
// statusInterval, appURL }. Nothing is connected before start().
func (i *instance) monitor(call sobek.FunctionCall) sobek.Value {
	appURL := ""
	options := i.rt.NewObject()
	if given, ok := call.Argument(0).(*sobek.Object); ok {
		for _, key := range given.Keys() {
			value := given.Get(key)
			if key == "appURL" {
				if text, ok := value.(sobek.String); ok {
					appURL = text.String()
				}
				continue
			}
			i.must(options.Set(key, value))
		}
	}
	config, err := i.resolve(options)
	if err != nil {
		i.throw(err)
	}
	watched, err := i.test.watch(config, appURL)
	if err != nil {
		i.throw(err)
	}
	object := i.rt.NewObject()
	i.must(object.Set("start", func(sobek.FunctionCall) sobek.Value {
		state := i.vu.State()
		if state == nil {
			i.throw(inInit("monitor.start()"))
		}
		if err := watched.start(state); err != nil {
			i.throw(err)
		}
		return sobek.Undefined()
	}))
	i.must(object.Set("poolSize", config.PoolSize))
	i.must(object.Set("maxOverflow", config.MaxOverflow))
	return object
}

// watch makes the process's monitor, or gives the one that exists.
func (t *testRun) watch(config pool.Config, appURL string) (*appMonitor, error) {
	if config.URL == "" {
		return nil, &pool.ConfigError{
			Option: "url", Source: pool.SourceOption, Value: "not set",
			Accepted: "the database of the application that is watched (DATABASE_URL)",
		}
	}
	if config.ApplicationName == pool.DefaultConfig().ApplicationName {
		return nil, &pool.ConfigError{
			Option: "applicationName", Source: pool.SourceOption, Value: "not set",
			Accepted: "the application_name of the application that is watched (DB_APPLICATION_NAME)",
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.app != nil {
		if difference := t.app.config.Difference(config); difference != "" {
			return nil, &joinError{name: "monitor", difference: difference}
		}
		return t.app, nil
	}
	m := &appMonitor{test: t, config: config}
	if appURL != "" {
		health, err := monitor.NewHealth(appURL, monitor.MinInterval)
		if err != nil {
			return nil, misuse("monitor(options): %w", err)
		}
		m.health = health
	}
	t.app = m
	return m, nil
}

// start begins to watch; a second call does nothing. A database that cannot be
// reached is an error now rather than a criterion without data later.
func (m *appMonitor) start(state *lib.State) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cancel != nil || m.stopped {
		return nil
	}
	conn, err := m.config.ConnConfig()
	if err != nil {
		return err
	}
	sampler := monitor.NewSampler(monitor.Config{
		Conn: conn, Application: m.config.ApplicationName, Health: m.health,
		Pool: monitor.Pool{Size: m.config.PoolSize, MaxOverflow: m.config.MaxOverflow},
	})
	var ctx context.Context
	ctx, m.cancel = context.WithCancel(context.Background())
	if _, err := sampler.Connect(ctx); err != nil {
		return &pool.ConnectError{Pool: "monitor", Server: "the application's database", Err: err}
	}
	m.done = make(chan struct{})
	go m.run(ctx, sampler, m.test.backgroundTags(state, m.config.ApplicationName))
	return nil
}

func (m *appMonitor) run(ctx context.Context, sampler *monitor.Sampler, out *tagged) {
	defer close(m.done)
	defer sampler.Close()
	tick := time.NewTicker(monitor.MinInterval)
	defer tick.Stop()
	printer := newStatusPrinter(os.Stdout)
	printed := time.Now()
	for {
		sample := sampler.Sample(ctx)
		if ctx.Err() != nil {
			return
		}
		m.report(sample, out)
		if every := m.config.StatusInterval; every > 0 && time.Since(printed) >= every-monitor.MinInterval/2 {
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

func (m *appMonitor) report(s monitor.Sample, out *tagged) {
	for _, n := range s.Notices {
		out.warn(fmt.Sprintf("watching %q: %s", m.config.ApplicationName, n.Text))
	}
	if s.Database == nil {
		return
	}
	set, at, d := out.recorder.metrics, s.Time, s.Database
	out.push(
		out.sample(set.appActive, at, float64(d.Active)),
		out.sample(set.appTotal, at, float64(d.Open)),
		out.sample(set.appOverflow, at, float64(s.Overflow())),
		out.sample(set.appActiveSampled, at, float64(d.Active)),
		out.sample(set.appUtilization, at, 100*float64(d.Active)/float64(s.Pool.Size)),
		out.sample(set.appInOverflow, at, oneIf(s.InOverflow())),
		out.sample(set.appSamples, at, 1),
	)
	if s.Application != nil {
		out.push(out.sample(set.appCheckedOut, at, float64(s.Application.CheckedOut)))
	}
	if d.CPU != nil {
		out.push(out.sample(set.dbCPU, at, *d.CPU))
	}
}

func (m *appMonitor) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	if m.done == nil {
		return
	}
	m.cancel()
	<-m.done
	if m.health != nil {
		m.health.Close()
	}
}
