package testrun

import (
	"math"
	"runtime"
	"runtime/debug"
	"slices"

	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

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
