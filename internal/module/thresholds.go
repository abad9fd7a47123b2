package module

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/criteria"
	"github.com/flowboard/xk6-pgxpool/internal/results"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/pool"
)

type judging struct {
	files fs.FS

	mu     sync.Mutex
	file   *criteria.File
	judged *judgment // what thresholds() was asked for; nil before
}

type judgment struct {
	criteria any // rows, as they were given
	gate     any
	waive    any
}

// judgment reads what a run is judged by: the options, else GATE and WAIVE, else
// the runbook's criteria and gate.
func (i *instance) judgment(call string, options map[string]any) *judgment {
	c := &i.root.judging
	var err error
	if c.file == nil { // once for the process
		c.file, err = criteria.Load(c.files)
		i.must(err)
	}
	j := &judgment{criteria: options["criteria"], gate: options["gate"], waive: options["waive"]}
	if j.criteria == nil {
		j.criteria = c.file.Get("poolCriteria")
	}
	if _, ok := j.criteria.([]any); !ok {
		i.throw(&pool.ConfigError{Option: "criteria", Source: call, Reason: fmt.Sprintf("it is %T", j.criteria), Accepted: "a list of rows"})
	}
	j.gate, err = c.file.Call("parseGate", i.orEnvironment(j.gate, "GATE"))
	i.must(err)
	switch waive := j.waive.(type) {
	case []any: // checked like the names of WAIVE
		for _, name := range waive {
			_, err = c.file.Call("parseWaive", name, j.criteria)
			i.must(err)
		}
	default:
		j.waive, err = c.file.Call("parseWaive", i.orEnvironment(waive, "WAIVE"), j.criteria)
		i.must(err)
	}
	return j
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
	options := i.judgeOptions(name, call.Argument(0), "criteria", "gate", "waive")
	c := &i.root.judging
	c.mu.Lock()
	defer c.mu.Unlock()
	j := i.judgment(name, options)
	made, err := c.file.Call("thresholds", j.criteria, map[string]any{"gate": j.gate, "waive": j.waive, "compact": i.test.Compact()})
	i.must(err)
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
func (i *instance) judgeOptions(call string, v sobek.Value, accepted ...string) map[string]any {
	i.environment() // that it can be read
	options, err := i.optionsOf(v)
	if err != nil {
		i.throw(&pool.ConfigError{Source: call, Reason: "the options are not an object", Accepted: text.List(accepted...)})
	}
	if options == nil {
		options = make(map[string]any)
	}
	for name := range options {
		if !slices.Contains(accepted, name) {
			i.throw(&pool.ConfigError{Option: name, Source: call, Reason: "there is no such option", Accepted: text.List(accepted...)})
		}
	}
	return options
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
