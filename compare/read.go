package compare

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/flowboard/xk6-pgxpool/verdict"
)

// FileError is a file or directory that cannot be read as what it should be.
type FileError struct {
	Name    string
	Problem string
	Err     error
}

func (e *FileError) Error() string { return e.Name + " " + e.Problem }

func (e *FileError) Unwrap() error { return e.Err }

// ReadSummary reads a results/summary.json. A file that is missing is an
// fs.ErrNotExist.
func ReadSummary(name string) (verdict.Summary, error) {
	text, err := os.ReadFile(name) // #nosec G304 -- the user names the file
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return verdict.Summary{}, &FileError{name, "does not exist; give a results/summary.json", err}
	case err != nil:
		return verdict.Summary{}, &FileError{name, "cannot be read: " + reason(err), err}
	}
	summary, err := verdict.ParseSummary(text)
	var schema *verdict.SchemaError
	switch {
	case errors.As(err, &schema) && schema.Found > verdict.SchemaVersion:
		return verdict.Summary{}, &FileError{name, fmt.Sprintf(
			"has schema %d, this pgxpool reads up to %d; use a newer one", schema.Found, verdict.SchemaVersion), err}
	case err != nil:
		return verdict.Summary{}, &FileError{name, "is no results/summary.json: " + reason(err), err}
	}
	return summary, nil
}

// reason is the cause alone: the file is named already.
func reason(err error) string {
	var path *fs.PathError
	var schema *verdict.SchemaError
	switch {
	case errors.As(err, &path):
		return path.Err.Error()
	case errors.As(err, &schema) && schema.Found == 0:
		return "it names no schema"
	case errors.As(err, &schema):
		return fmt.Sprintf("its schema is %d", schema.Found)
	}
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// ReadHistory reads every .json file below a directory that is a summary, and
// says which of them are not. A directory without any summary is an error.
func ReadHistory(dir string) ([]verdict.Summary, []string, error) {
	var runs []verdict.Summary
	var notes []string
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) != ".json" {
			return err
		}
		run, err := ReadSummary(name)
		if err != nil {
			notes = append(notes, "History: "+err.Error()+".")
			return nil //nolint:nilerr // one bad file is a note: the others still tell the noise
		}
		runs = append(runs, run)
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, &FileError{dir, "does not exist; give a directory with summary.json files of earlier runs", err}
	case err != nil:
		return nil, nil, &FileError{dir, "cannot be read: " + reason(err), err}
	case len(runs) == 0:
		return nil, nil, &FileError{Name: dir, Problem: "holds no summary.json of an earlier run" + of(notes)}
	}
	return runs, notes, nil
}

// of adds why the first of the files that were found is none.
func of(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	return ": " + strings.TrimPrefix(strings.TrimSuffix(notes[0], "."), "History: ")
}
