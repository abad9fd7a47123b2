// Package module is the JavaScript module k6/x/pgxpool: it turns a script's calls
// into those of the pool, the test run, the experiment and the verdict.
package module

import (
	"io/fs"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/modules"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/internal/testrun"
)

// RootModule is the one instance per process. The pools live here, never in a
// VU: k6 makes more instances than there are VUs.
type RootModule struct {
	test       *testrun.Run
	experiment theExperiment
	judging    judging
	workloads  workloads
	balancer   balancer
	workers    workers
}

// New makes the root module. thresholds/criteria.js is among the files.
func New(files fs.FS) *RootModule { return In(new(testrun.Run), files) }

// In makes the root module of a test run, whose VUs do not exist yet.
func In(test *testrun.Run, files fs.FS) *RootModule {
	test.ResultFormats = sqlvalue.ResultFormats
	m := &RootModule{test: test, judging: judging{files: files}}
	test.OnEnd(m.workers.end, nil)
	return m
}

// NewModuleInstance implements modules.Module: once per VU, in the init context.
func (m *RootModule) NewModuleInstance(vu modules.VU) modules.Instance {
	i := &instance{root: m, test: m.test, vu: m.test.NewVU(vu), rt: vu.Runtime()}
	i.lookup, i.lookupErr = m.test.Environment(vu.InitEnv())
	i.settingsRead = map[string]bool{}
	i.converter = sqlvalue.New(i.rt)
	return i
}

// instance is the module as one VU sees it. All but what says otherwise belongs
// to the goroutine that runs the VU's JavaScript.
type instance struct {
	root *RootModule
	test *testrun.Run
	vu   *testrun.VU
	rt   *sobek.Runtime

	lookup    config.Lookup
	lookupErr error
	// settingsRead are the variables that the script has asked for by name.
	settingsRead map[string]bool

	converter *sqlvalue.Converter
	args      []any // scratch of blocking calls

	poolClass *sobek.Object
	setupSaw  setupError // the last error of ours that setup() was given

	arrival time.Time // of the experiment's turn under way, zero in a closed loop
}

// Exports implements modules.Instance.
func (i *instance) Exports() modules.Exports {
	named := map[string]any{"Pool": i.class()}
	for name, call := range map[string]method{
		"open":            i.open,
		"monitor":         i.monitor,
		"experiment":      i.experiment,
		"verdict":         i.verdict,
		"thresholds":      i.thresholds,
		"setup":           i.setup,
		"observeRequest":  i.observeRequest,
		"observeResponse": i.observeResponse,
		"retry":           i.retry,
		"pools":           i.pools,
		"warnOnce":        i.warnOnce,
		"redact":          i.redact,
		"setting":         i.setting,
		"checkSettings":   i.checkSettings,
		"restartServer":   i.restartServer,
		"startStandby":    i.startStandby,
		"failOver":        i.failOver,
		"processMemory":   i.processMemory,
		"compactMetrics":  i.compactMetrics,
		"workload":        i.workload,
		"trend":           i.trend,
	} {
		named[name] = i.guarded(name, call)
	}
	defaults := i.object()
	for name, value := range named {
		i.must(defaults.Set(name, value))
	}
	return modules.Exports{Default: defaults, Named: named}
}

// must throws an error, if there is one.
func (i *instance) must(err error) {
	if err != nil {
		i.throw(err)
	}
}

// field is a property of an object made for a script.
type field struct {
	name  string
	value any
}

// object makes one of JavaScript.
func (i *instance) object(fields ...field) *sobek.Object {
	object := i.rt.NewObject()
	for _, f := range fields {
		i.must(object.Set(f.name, f.value))
	}
	return object
}

// environment reads a variable from -e, the process and .env; a .env that cannot be read
// is thrown.
func (i *instance) environment() config.Lookup {
	i.must(i.lookupErr)
	return i.lookup
}
