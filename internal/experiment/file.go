package experiment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/outside"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// fileSchema is the version of results/NAME.json that is written and read.
const fileSchema = 1

// File is results/NAME.json: what an experiment has measured so far, and what
// it takes to go on.
type File struct {
	Schema int    `json:"schema"`
	Name   string `json:"name"`
	// Options are the script's, as JSON has them; what was not given is left
	// out.
	Options map[string]any `json:"options"`
	// Server is what the plan was prepared with.
	Server       Server        `json:"server"`
	Measurements []Measurement `json:"measurements"`
}

// NewFile makes the file of an experiment. The options are those that its plan
// was made of. The error is theirs: something among them is not JSON.
func NewFile(name string, options map[string]any, server Server, done []Measurement) (File, error) {
	normal, err := normalized(options)
	if err != nil {
		return File{}, fmt.Errorf("writing the options of experiment %s: %w", name, err)
	}
	return File{Schema: fileSchema, Name: name, Options: normal, Server: server, Measurements: done}, nil
}

// JSON writes the file: the same measurements give the same text.
func (f File) JSON() ([]byte, error) {
	if f.Measurements == nil {
		f.Measurements = []Measurement{}
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the measurements of experiment %s: %w", f.Name, err)
	}
	return append(text, '\n'), nil
}

// ReadFile reads the file of that path. The error is a [FileError].
func ReadFile(path string) (File, error) {
	text, err := outside.ReadFile(path, outside.Largest)
	if err != nil {
		return File{}, &FileError{problem: "it cannot be read", err: err}
	}
	return parseFile(text)
}

// parseFile reads the text of a file. The error is a [FileError].
func parseFile(content []byte) (File, error) {
	var f File
	if err := json.NewDecoder(bytes.NewReader(content)).Decode(&f); err != nil {
		return File{}, &FileError{problem: "it is not the JSON of an experiment", err: text.Undecoded(content, err)}
	}
	if f.Schema != fileSchema {
		return File{}, &FileError{problem: fmt.Sprintf("its schema is %d; use %d", f.Schema, fileSchema)}
	}
	for i, m := range f.Measurements {
		if !m.isSound() {
			return File{}, &FileError{problem: fmt.Sprintf("measurement %d has a negative count, or more failures than requests", i+1)}
		}
	}
	return f, nil
}

func (m Measurement) isSound() bool {
	counts := min(m.Requests, m.Failed, m.Timeouts, m.Dropped, m.Retries)
	return counts >= 0 && m.Failed <= m.Requests && !(min(m.Lasted, m.Took, m.Throughput) < 0)
}

// Resume prepares a plan, made of options, with the file's server, and gives
// the measurements to go on from. Call it in place of [Plan.Prepare]. A file of
// another experiment, of other options or with other steps than the plan's is
// a [FileError] that names the first difference.
func (f File) Resume(plan Plan, name string, options map[string]any) ([]Measurement, error) {
	if f.Name != name {
		return nil, &FileError{problem: fmt.Sprintf("it is of experiment %q, not %q", f.Name, name)}
	}
	normal, err := normalized(options)
	if err != nil {
		return nil, &FileError{problem: "the options are not JSON", err: err}
	}
	if difference := firstDifference(normal, f.Options); difference != "" {
		return nil, &FileError{problem: difference}
	}
	if err := plan.Prepare(f.Server); err != nil {
		return nil, err
	}
	for i, m := range f.Measurements {
		if problem := replay(plan, f.Measurements[:i], m.Step); problem != "" {
			return nil, &FileError{problem: fmt.Sprintf("measurement %d %s", i+1, problem)}
		}
	}
	return f.Measurements, nil
}

// replay compares a step that was measured with the one the plan would take.
func replay(plan Plan, done []Measurement, measured Step) string {
	step, ok := plan.Next(done)
	if !ok {
		return "is of a step that the experiment does not have"
	}
	here, errHere := normalized(step.Options)
	there, errThere := normalized(measured.Options)
	if errHere != nil || errThere != nil || firstDifference(here, there) != "" {
		return fmt.Sprintf("is of step %q with other pool options", measured.Label)
	}
	step.Options, measured.Options = nil, nil
	if !reflect.DeepEqual(step, measured) {
		return fmt.Sprintf("is of step %q, round %d, where the experiment has %q, round %d, or its load or times differ",
			measured.Label, measured.Round, step.Label, step.Round)
	}
	return ""
}

// normalized are options as they come back out of JSON, so that 1 and 1.0 are
// the same, without what was not given.
func normalized(options map[string]any) (map[string]any, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, err
	}
	normal := map[string]any{}
	if err := json.Unmarshal(text, &normal); err != nil {
		return nil, err
	}
	maps.DeleteFunc(normal, func(_ string, value any) bool { return value == nil })
	return normal, nil
}

// firstDifference names the first option, in order of the names, in which the
// experiment and a file differ; "" where they do not.
func firstDifference(here, there map[string]any) string {
	all := map[string]any{}
	maps.Copy(all, here)
	maps.Copy(all, there)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if found := difference(key, here[key], there[key]); found != "" {
			return found
		}
	}
	return ""
}

// difference descends into objects and lists that both have: "pool is an object
// there and an object now" would say nothing.
func difference(name string, here, there any) string {
	switch a := here.(type) {
	case map[string]any:
		if b, ok := there.(map[string]any); ok {
			return prefixed(name+".", firstDifference(a, b))
		}
	case []any:
		if b, ok := there.([]any); ok && len(a) == len(b) {
			for i := range a {
				if found := difference(fmt.Sprintf("%s[%d]", name, i), a[i], b[i]); found != "" {
					return found
				}
			}
			return ""
		}
	}
	if reflect.DeepEqual(here, there) {
		return ""
	}
	return fmt.Sprintf("%s is %s there and %s now", name, showOption(there), showOption(here))
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func showOption(value any) string {
	if value == nil {
		return "not given"
	}
	return show(value)
}
