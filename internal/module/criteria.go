package module

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/results"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// criteria are thresholds/criteria.js, run once for the process: it imports
// nothing, so that scripts without it have the same criteria as those beside it.
type criteria struct {
	files fs.FS

	mu      sync.Mutex
	runtime *sobek.Runtime
	exports *sobek.Object
	judged  *judgement // what thresholds() was asked for; nil before
}

// judgement is what a run is judged by.
type judgement struct {
	criteria any // rows, as they were given
	gate     any
	waive    any
}

func (c *criteria) load() error {
	if c.exports != nil {
		return nil
	}
	source, err := fs.ReadFile(c.files, "thresholds/criteria.js")
	if err != nil {
		return fmt.Errorf("reading the criteria: %w", err)
	}
	alone := func(any, string) (sobek.ModuleRecord, error) { return nil, errors.New("criteria.js imports nothing") }
	module, err := sobek.ParseModule("criteria.js", string(source), alone)
	if err != nil {
		return fmt.Errorf("reading the criteria: %w", err)
	}
	if err := module.Link(); err != nil {
		return fmt.Errorf("reading the criteria: %w", err)
	}
	c.runtime = sobek.New()
	if promise := c.runtime.CyclicModuleRecordEvaluate(module, alone); promise.State() == sobek.PromiseStateRejected {
		return fmt.Errorf("reading the criteria: %s", promise.Result())
	}
	c.exports = c.runtime.NamespaceObjectFor(module)
	return nil
}

// call calls one of the file's functions. What it throws is a ConfigError.
func (c *criteria) call(name string, arguments ...any) (any, error) {
	fn, ok := sobek.AssertFunction(c.exports.Get(name))
	if !ok {
		return nil, fmt.Errorf("criteria.js has no function %s", name)
	}
	values := make([]sobek.Value, len(arguments))
	for i, argument := range arguments {
		values[i] = c.runtime.ToValue(argument)
	}
	result, err := fn(sobek.Undefined(), values...)
	var exception *sobek.Exception
	if errors.As(err, &exception) {
		return nil, &pool.ConfigError{Source: text.Line(exception.Value().ToObject(c.runtime).Get("message").String())}
	}
	if err != nil {
		return nil, err
	}
	return result.Export(), nil
}

// judgement reads what a run is judged by: the options, else GATE and WAIVE, else
// the runbook's criteria and gate.
func (i *instance) judgement(call string, options map[string]any) (*judgement, error) {
	c := &i.root.criteria
	if err := c.load(); err != nil {
		return nil, err
	}
	j := &judgement{criteria: options["criteria"], gate: options["gate"], waive: options["waive"]}
	if j.criteria == nil {
		j.criteria = c.exports.Get("poolCriteria").Export()
	}
	if _, ok := j.criteria.([]any); !ok {
		return nil, &pool.ConfigError{Option: "criteria", Source: call, Reason: fmt.Sprintf("it is %T", j.criteria), Accepted: "a list of rows"}
	}
	var err error
	if j.gate, err = c.call("parseGate", i.orEnvironment(j.gate, "GATE")); err != nil {
		return nil, err
	}
	switch waive := j.waive.(type) {
	case []any: // checked like the names of WAIVE
		for _, name := range waive {
			if _, err := c.call("parseWaive", name, j.criteria); err != nil {
				return nil, err
			}
		}
	default:
		if j.waive, err = c.call("parseWaive", i.orEnvironment(waive, "WAIVE"), j.criteria); err != nil {
			return nil, err
		}
	}
	return j, nil
}

func (i *instance) orEnvironment(given any, name string) any {
	i.settingsRead[name] = true
	if given != nil {
		return given
	}
	value, _ := i.lookup(name)
	return value
}

// thresholds gives k6's thresholds of the criteria, for options.
func (i *instance) thresholds(call sobek.FunctionCall) sobek.Value {
	const name = "thresholds(options)"
	options, err := i.judgeOptions(name, call.Argument(0), "criteria", "gate", "waive")
	if err != nil {
		i.throw(err)
	}
	c := &i.root.criteria
	c.mu.Lock()
	defer c.mu.Unlock()
	j, err := i.judgement(name, options)
	if err != nil {
		i.throw(err)
	}
	made, err := c.call("thresholds", j.criteria, map[string]any{"gate": j.gate, "waive": j.waive, "compact": i.test.Compact(i.lookup)})
	if err != nil {
		i.throw(err)
	}
	byMetric, ok := made.(map[string]any)
	if !ok {
		i.throw(fmt.Errorf("criteria.js made %T of thresholds", made))
	}
	byMetric[results.Threshold] = []any{"count==0"}
	c.judged = j
	i.test.Judged()
	i.settingsRead["OUT"] = true
	if options["criteria"] == nil && i.vu.State() == nil {
		i.vu.CountIterations()
	}
	return i.jsonValue(byMetric)
}

// judgeOptions reads an options object of these names.
func (i *instance) judgeOptions(call string, v sobek.Value, accepted ...string) (map[string]any, error) {
	if i.lookupErr != nil {
		return nil, i.lookupErr
	}
	options, err := i.optionsOf(v)
	if err != nil {
		return nil, &pool.ConfigError{Source: call, Reason: "the options are no object", Accepted: text.List(accepted...)}
	}
	if options == nil {
		options = make(map[string]any)
	}
	for name := range options {
		if !slices.Contains(accepted, name) {
			return nil, &pool.ConfigError{Option: name, Source: call, Reason: "there is no such option", Accepted: text.List(accepted...)}
		}
	}
	return options, nil
}

// jsonValue makes a plain JavaScript value.
func (i *instance) jsonValue(value any) sobek.Value {
	encoded, err := json.Marshal(value)
	i.must(err)
	parse, ok := sobek.AssertFunction(i.rt.GlobalObject().Get("JSON").ToObject(i.rt).Get("parse"))
	if !ok {
		return i.rt.ToValue(value) // the script has replaced JSON
	}
	parsed, err := parse(sobek.Undefined(), i.rt.ToValue(string(encoded)))
	i.must(err)
	return parsed
}
