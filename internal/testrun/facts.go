package testrun

import (
	"context"
	"maps"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// facts are what the verdict must know beyond the metrics: why a value is not
// there, and what the database was.
type facts struct {
	mu         sync.Mutex
	unmeasured map[string]string // by metric: it cannot be had
	missing    map[string]string // by metric: it should be there and is not
	server     string            // version of the PostgreSQL met last
	settings   map[string]string // of the first PostgreSQL met; nil until it was asked
	cpuFailed  bool              // and somebody has said so
	cpu        monitor.CPUTally
	watched    *monitor.Report // an application's pool, nil where none was watched
}

func (f *facts) addCPU(c *monitor.CPU) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cpu.Add(c)
}

// notes say whose CPU was read, where one was.
func (f *facts) notes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	note := f.cpu.Note()
	if f.watched != nil && f.watched.CPU != nil {
		note = f.watched.CPU.Note
	}
	if note == "" {
		return nil
	}
	return []string{note}
}

// firstCPUFailure is true once: the CPU of every server is read each second, and
// all readings would warn of the same.
func (f *facts) firstCPUFailure() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := !f.cpuFailed
	f.cpuFailed = true
	return first
}

// know reads what the server says of itself. It asks for the settings once.
func (f *facts) know(ctx context.Context, conn *pgx.Conn) {
	f.mu.Lock()
	f.server = conn.PgConn().ParameterStatus("server_version")
	asked := f.settings != nil
	f.mu.Unlock()
	if asked {
		return
	}
	settings, err := monitor.ReadSettings(ctx, conn)
	if err != nil {
		return // PgBouncer's console, or a connection that is lost again: the next one is asked
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settings = settings
}

// describeServer adds what the settings of a run have of the server: its major
// version and its settings.
func (f *facts) describeServer(settings map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if major, _, _ := strings.Cut(f.server, "."); major != "" {
		settings["postgresql"] = major
	}
	for name, value := range f.settings {
		settings["postgresql."+name] = value
	}
}

func (f *facts) setWatched(report monitor.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watched = &report
}

// Watched is what was seen of a live application's pool, nil where none was
// watched.
func (t *Run) Watched() *monitor.Report {
	t.facts.mu.Lock()
	defer t.facts.mu.Unlock()
	return t.facts.watched
}

func (f *facts) serverVersion() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.server
}

func (f *facts) setUnmeasured(metric, reason string) { f.set(&f.unmeasured, metric, reason) }

func (f *facts) setMissing(metric, reason string) { f.set(&f.missing, metric, reason) }

func (f *facts) set(m *map[string]string, metric, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if *m == nil {
		*m = make(map[string]string)
	}
	(*m)[metric] = text.Line(reason)
}

func (f *facts) copies() (unmeasured, missing map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.unmeasured), maps.Clone(f.missing)
}

// Unmeasured gives the reasons why metrics cannot be had, and why others, which
// should be there, are missing.
func (t *Run) Unmeasured() (unmeasured, missing map[string]string) { return t.facts.copies() }
