// Package criteria runs thresholds/criteria.js, the only source of the criteria:
// the file imports nothing, so that scripts next to it, scripts without it and the
// commands all have the same rows.
package criteria

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
	"github.com/flowboard/xk6-pgxpool/pool"
)

const path = "thresholds/criteria.js"

// File is the file in a runtime of its own. One goroutine uses it at a time.
type File struct {
	runtime *sobek.Runtime
	exports *sobek.Object
}

// Load runs the file, which is among the files.
func Load(files fs.FS) (*File, error) {
	source, err := fs.ReadFile(files, path)
	if err != nil {
		return nil, fmt.Errorf("reading the criteria: %w", err)
	}
	alone := func(any, string) (sobek.ModuleRecord, error) { return nil, errors.New(path + " imports nothing") }
	module, err := sobek.ParseModule(path, string(source), alone)
	if err != nil {
		return nil, fmt.Errorf("reading the criteria: %w", err)
	}
	if err := module.Link(); err != nil {
		return nil, fmt.Errorf("reading the criteria: %w", err)
	}
	runtime := sobek.New()
	if promise := runtime.CyclicModuleRecordEvaluate(module, alone); promise.State() == sobek.PromiseStateRejected {
		return nil, fmt.Errorf("reading the criteria: %s", promise.Result())
	}
	return &File{runtime, runtime.NamespaceObjectFor(module)}, nil
}

// Get gives what the file exports under the name.
func (f *File) Get(name string) any { return f.exports.Get(name).Export() }

// Call calls one of the file's functions. What it throws is a ConfigError.
func (f *File) Call(name string, arguments ...any) (any, error) {
	fn, ok := sobek.AssertFunction(f.exports.Get(name))
	if !ok {
		return nil, fmt.Errorf("%s has no function %s", path, name)
	}
	values := make([]sobek.Value, len(arguments))
	for i, argument := range arguments {
		values[i] = f.runtime.ToValue(argument)
	}
	result, err := fn(sobek.Undefined(), values...)
	if exception, ok := errors.AsType[*sobek.Exception](err); ok {
		return nil, &pool.ConfigError{Source: text.Line(exception.Value().ToObject(f.runtime).Get("message").String())}
	}
	if err != nil {
		return nil, err
	}
	return result.Export(), nil
}

// Rows calls a function that gives criteria.
func (f *File) Rows(name string, arguments ...any) ([]verdict.Criterion, error) {
	made, err := f.Call(name, arguments...)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(made)
	if err != nil {
		return nil, fmt.Errorf("reading what %s of %s gives: %w", name, path, err)
	}
	var rows []verdict.Criterion
	if err := json.Unmarshal(encoded, &rows); err != nil {
		return nil, fmt.Errorf("reading what %s of %s gives: %w", name, path, err)
	}
	return rows, nil
}
