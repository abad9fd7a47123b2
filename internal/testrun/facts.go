package testrun

import (
	"context"
	"maps"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// facts are what the verdict must know beyond the metrics: why a value is not
// there, and what the database was.
type facts struct {
	mu         sync.Mutex
	unmeasured map[string]string // by metric: it cannot be had
	missing    map[string]string // by metric: it should be there and is not
	server     string            // version of the PostgreSQL met last
	settings   map[string]string // of the first PostgreSQL met; nil until it was asked
	cpu        monitor.CPUTally
	limits     map[string]*diagnosis.ServerLimit // of the pools' connections, by server

	watched   atomic.Pointer[monitor.Report] // an application's pool, nil where none was watched
	cpuFailed atomic.Bool                    // and somebody has said so: all readings would warn of the same
}

func (f *facts) addCPU(c *monitor.CPU) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cpu.Add(c)
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

// usesServer says that a pool connects to a server.
func (f *facts) usesServer(server, pool string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.limits == nil {
		f.limits = make(map[string]*diagnosis.ServerLimit)
	}
	if f.limits[server] == nil {
		f.limits[server] = &diagnosis.ServerLimit{}
	}
	if of := f.limits[server]; !slices.Contains(of.Pools, pool) {
		of.Pools = append(of.Pools, pool)
	}
}

// knowLimit reads, once, what limits the connections that an application of this name
// has to a server.
func (f *facts) knowLimit(ctx context.Context, conn *pgx.Conn, server, application string) {
	f.mu.Lock()
	of := f.limits[server]
	f.mu.Unlock()
	if of == nil || of.Scope != "" {
		return
	}
	limits, err := monitor.ReadLimits(ctx, conn, application)
	if err != nil {
		return // PgBouncer's console, or a connection that is lost again: the next one is asked
	}
	limits.CPUReaders = 1 // this connection, which is not counted
	f.mu.Lock()
	defer f.mu.Unlock()
	if limit, known := limits.Tightest(); known {
		of.Limit = limit
	}
}

// describe adds to a run the server's version and settings, and gives a note of whose
// CPU was read, where one was.
func (f *facts) describe(run *verdict.Run) (notes []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.server != "" {
		run.Versions["postgresql"] = f.server
		run.Configuration["postgresql"], _, _ = strings.Cut(f.server, ".")
	}
	for name, value := range f.settings {
		run.Configuration["postgresql."+name] = value
	}
	note := f.cpu.Note()
	if watched := f.watched.Load(); watched != nil && watched.CPU != nil {
		note = watched.CPU.Note
	}
	if note != "" {
		notes = []string{note}
	}
	return notes
}

// Limits are those of the servers of this process's pools, as far as they are known.
func (t *Run) Limits() (limits diagnosis.Limits) {
	t.facts.mu.Lock()
	defer t.facts.mu.Unlock()
	for _, server := range slices.Sorted(maps.Keys(t.facts.limits)) {
		if l := t.facts.limits[server]; l.Scope != "" {
			limits = append(limits, diagnosis.ServerLimit{Limit: l.Limit, Pools: slices.Sorted(slices.Values(l.Pools))})
		}
	}
	return limits
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

// Unmeasured gives the reasons why metrics cannot be had, and why others, which
// should be there, are missing.
func (t *Run) Unmeasured() (unmeasured, missing map[string]string) {
	t.facts.mu.Lock()
	defer t.facts.mu.Unlock()
	return maps.Clone(t.facts.unmeasured), maps.Clone(t.facts.missing)
}

// Describe adds what the process knows of the run to its description, and gives
// the notes that the report needs beside it. state is the calling VU's.
func (t *Run) Describe(run *verdict.Run, state *lib.State) (notes []string) {
	run.Cores = int(math.Ceil(timeline.Processors()))
	run.Platform = runtime.GOOS + "/" + runtime.GOARCH
	run.Started = t.started
	run.Duration = max(0, run.Duration-t.setupTook.Seconds())
	run.CutShort = t.status() == lib.ExecutionStatusInterrupted
	run.Versions = versions()
	if run.Configuration == nil {
		run.Configuration = make(verdict.Configuration)
	}
	own := shareOf(state)
	own.describe(run.Configuration)
	configured := t.Configurations()
	for _, c := range configured {
		run.Configuration.SetPool(c.Name, own.describeConfig(c))
	}
	return slices.Concat(own.notes(configured), t.facts.describe(run), t.requests.notes())
}

func versions() map[string]string {
	known := map[string]string{"go": runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return known
	}
	// xk6 makes this module a dependency; in this repository it is the main one.
	for _, m := range append(info.Deps, &info.Main) {
		switch m.Path {
		case "go.k6.io/k6/v2":
			known["k6"] = m.Version
		case "github.com/jackc/pgx/v5":
			known["pgx"] = m.Version
		case "github.com/flowboard/xk6-pgxpool":
			known["pgxpool"] = m.Version
		}
	}
	return known
}
