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
	cpuFailed  bool              // and somebody has said so
	cpu        monitor.CPUTally
	watched    *monitor.Report                   // an application's pool, nil where none was watched
	limits     map[string]*diagnosis.ServerLimit // of the pools' connections, by server
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

// watchedPool is what was seen of a live application's pool, nil where none was
// watched.
func (f *facts) watchedPool() *monitor.Report {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.watched
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

// Describe adds what the process knows of the run to its description, and gives
// the notes that the report needs beside it. state is the calling VU's.
func (t *Run) Describe(run *verdict.Run, state *lib.State) (notes []string) {
	run.Cores = int(math.Ceil(timeline.Processors()))
	run.Platform = runtime.GOOS + "/" + runtime.GOARCH
	run.Started = t.started
	run.Duration = max(0, run.Duration-t.setupTook.Seconds())
	run.CutShort = t.wasCutShort()
	run.Versions = t.versions()
	run.Configuration = verdict.ConfigurationOf(run.Configuration.ByName())
	own := shareOf(state)
	own.describe(run.Configuration.Settings)
	configured := t.Configurations()
	for _, c := range configured {
		run.Configuration.Pools[c.Name] = own.describeConfig(c)
	}
	t.facts.describeServer(run.Configuration.Settings)
	return slices.Concat(own.notes(configured), t.facts.notes(), t.requests.notes())
}

// wasCutShort is for after the run: whether something stopped it before its end.
func (t *Run) wasCutShort() bool {
	execution := t.execution.Load()
	return execution != nil && execution.GetCurrentExecutionStatus() == lib.ExecutionStatusInterrupted
}

// modulePath is this extension's own path.
const modulePath = "github.com/flowboard/xk6-pgxpool"

func (t *Run) versions() map[string]string {
	known := map[string]string{"go": runtime.Version()}
	if server := t.facts.serverVersion(); server != "" {
		known["postgresql"] = server
	}
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
		case modulePath:
			known["pgxpool"] = m.Version
		}
	}
	return known
}
