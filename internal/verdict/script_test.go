package verdict_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/grafana/sobek"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// script is thresholds/criteria.js, run the way k6 runs it.
type script struct {
	t       *testing.T
	runtime *sobek.Runtime
	exports *sobek.Object
}

func loadScript(t *testing.T) *script {
	t.Helper()
	s, err := load(t, sobek.New(), "../../thresholds/criteria.js")
	require.NoError(t, err)
	return s
}

// load runs a file as an ECMAScript module.
func load(t *testing.T, runtime *sobek.Runtime, path string) (*script, error) {
	t.Helper()
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	resolve := resolver(t)
	module, err := sobek.ParseModule(path, string(source), resolve)
	require.NoError(t, err)
	require.NoError(t, module.Link())
	promise := runtime.CyclicModuleRecordEvaluate(module, resolve)
	if promise.State() == sobek.PromiseStateRejected {
		return nil, fmt.Errorf("%v", promise.Result())
	}
	return &script{t, runtime, runtime.NamespaceObjectFor(module)}, nil
}

// call calls an exported function.
func (s *script) call(name string, args ...any) (sobek.Value, error) {
	s.t.Helper()
	function, ok := sobek.AssertFunction(s.exports.Get(name))
	require.True(s.t, ok, "%s is exported and a function", name)
	values := make([]sobek.Value, len(args))
	for i, arg := range args {
		values[i] = s.runtime.ToValue(arg)
	}
	return function(sobek.Undefined(), values...)
}

// criteria gives the rows of a variant as JavaScript holds them.
func (s *script) criteria(variant string) sobek.Value {
	s.t.Helper()
	if variant != "watchedCriteria" {
		return s.exports.Get(variant)
	}
	rows, err := s.call(variant, map[string]any{"poolSize": 30, "maxOverflow": 40})
	require.NoError(s.t, err)
	return rows
}

// rows are the same rows as the evaluator takes them.
func (s *script) rows(variant string) []verdict.Criterion {
	s.t.Helper()
	var rows []verdict.Criterion
	text, err := json.Marshal(s.criteria(variant).Export())
	require.NoError(s.t, err)
	require.NoError(s.t, json.Unmarshal(text, &rows))
	return rows
}

// thresholds gives k6's options.thresholds.
func (s *script) thresholds(variant string, gate string, waive []string) map[string][]string {
	s.t.Helper()
	value, err := s.call("thresholds", s.criteria(variant), map[string]any{"gate": gate, "waive": waive})
	require.NoError(s.t, err)
	var thresholds map[string][]string
	text, err := json.Marshal(value.Export())
	require.NoError(s.t, err)
	require.NoError(s.t, json.Unmarshal(text, &thresholds))
	return thresholds
}

func TestThresholdsImportNothing(t *testing.T) {
	source, err := os.ReadFile("../../thresholds/criteria.js")
	require.NoError(t, err)
	require.NotRegexp(t, `(?m)^\s*import\b|\bimport\(|\brequire\(|__ENV`, string(source))
}
