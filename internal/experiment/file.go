package experiment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
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
	text, err := os.ReadFile(path) // #nosec G304 -- the user names it
	if err != nil {
		return File{}, &FileError{Problem: "it cannot be read", Err: err}
	}
	return ParseFile(text)
}

// ParseFile reads the text of a file. The error is a [FileError].
func ParseFile(text []byte) (File, error) {
	var f File
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&f); err != nil {
		return File{}, &FileError{Problem: "it is not the JSON of an experiment", Err: err}
	}
	if f.Schema != fileSchema {
		return File{}, &FileError{Problem: fmt.Sprintf("its schema is %d, and %d is read", f.Schema, fileSchema)}
	}
	for i, m := range f.Measurements {
		if m.Requests < 0 || m.Failed < 0 || m.Failed > m.Requests || m.Timeouts < 0 || m.Dropped < 0 || m.Lasted < 0 || m.Throughput < 0 {
			return File{}, &FileError{Problem: fmt.Sprintf("measurement %d counts less than nothing, or more failures than requests", i+1)}
		}
	}
	return f, nil
}

// Resume prepares a plan, made of options, with the file's server, and gives
// the measurements to go on from. Call it in place of [Plan.Prepare]. A file of
// another experiment, of other options or with other steps than the plan's is
// a [FileError] that names the first difference.
func (f File) Resume(plan Plan, name string, options map[string]any) ([]Measurement, error) {
	if f.Name != name {
		return nil, &FileError{Problem: fmt.Sprintf("it is of experiment %q, not %q", f.Name, name)}
	}
	normal, err := normalized(options)
	if err != nil {
		return nil, &FileError{Problem: "the options are not JSON", Err: err}
	}
	if difference := firstDifference(normal, f.Options); difference != "" {
		return nil, &FileError{Problem: difference}
	}
	if err := plan.Prepare(f.Server); err != nil {
		return nil, err
	}
	for i, m := range f.Measurements {
		if problem := replay(plan, f.Measurements[:i], m.Step); problem != "" {
			return nil, &FileError{Problem: fmt.Sprintf("measurement %d %s", i+1, problem)}
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
