// Package module is the JavaScript module k6/x/pgxpool: the one place that knows
// sobek. It turns values and calls, and carries the pool's events into k6's
// metrics.
package module

import (
	"github.com/grafana/sobek"
	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/js/modules"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
)

// RootModule is the one instance per process. The pools live here, never in a
// VU: k6 makes more instances than there are VUs.
type RootModule struct {
	test testRun
}

// New makes the root module.
func New() *RootModule { return &RootModule{} }

// NewModuleInstance implements modules.Module: once per VU, in the init context.
func (m *RootModule) NewModuleInstance(vu modules.VU) modules.Instance {
	env := vu.InitEnv()
	i := &instance{test: &m.test, vu: vu, rt: vu.Runtime(), logger: env.Logger}
	m.test.begin(vu, env)
	i.lookup, i.lookupErr = m.test.environment(env)
	i.recorder = newRecorder(&m.test)
	i.iteration = iteration{vu: vu, test: &m.test}
	i.converter = sqlvalue.New(i.rt)
	return i
}

// instance is the module as one VU sees it. All but what says otherwise belongs
// to the goroutine that runs the VU's JavaScript.
type instance struct {
	test   *testRun
	vu     modules.VU
	rt     *sobek.Runtime
	logger logrus.FieldLogger

	lookup    config.Lookup
	lookupErr error

	recorder  *recorder
	iteration iteration
	converter *sqlvalue.Converter
	args      []any // scratch of blocking calls

	poolClass *sobek.Object
}

// Exports implements modules.Instance.
func (i *instance) Exports() modules.Exports {
	named := map[string]any{
		"Pool":            i.class(),
		"open":            i.open,
		"monitor":         i.monitor,
		"experiment":      i.experiment,
		"verdict":         i.verdict,
		"observeResponse": i.observeResponse,
		"warnOnce":        i.warnOnce,
		"restartServer":   i.restartServer,
		"processMemory":   i.processMemory,
	}
	defaults := i.rt.NewObject()
	for name, value := range named {
		i.must(defaults.Set(name, value))
	}
	return modules.Exports{Default: defaults, Named: named}
}

// must is for what cannot fail with values of our own making.
func (i *instance) must(err error) {
	if err != nil {
		i.throw(err)
	}
}
