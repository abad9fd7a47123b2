package compare

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/outside"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// fileError is a file or directory that cannot be read as what it should be.
type fileError struct {
	name, problem string
	err           error
}

func (e *fileError) Error() string { return cmp.Or(e.name, `""`) + " " + e.problem }

func (e *fileError) Unwrap() error { return e.err }

// ReadSummary reads a results/summary.json. A file that is missing is an
// fs.ErrNotExist.
func ReadSummary(name string) (verdict.Summary, error) {
	text, err := outside.ReadFile(name, outside.Largest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return verdict.Summary{}, &fileError{name, "does not exist; give a results/summary.json", err}
	case err != nil:
		return verdict.Summary{}, &fileError{name, "cannot be read: " + reason(err), err}
	}
	summary, err := verdict.ParseSummary(text)
	var schema *verdict.SchemaError
	switch {
	case errors.As(err, &schema) && schema.Found > verdict.SchemaVersion:
		return verdict.Summary{}, &fileError{name, fmt.Sprintf(
			"has schema %d, this pgxpool reads up to %d; use a newer one", schema.Found, verdict.SchemaVersion), err}
	case err != nil:
		return verdict.Summary{}, &fileError{name, "is not a results/summary.json: " + reason(err), err}
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
		return "it has no schema"
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
	var others []error
	root := dir + string(filepath.Separator) // which follows a symbolic link
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !mayBeSummary(entry) {
			return err
		}
		run, err := ReadSummary(name)
		if err != nil {
			others = append(others, err)
			return nil // the others still tell the noise
		}
		runs = append(runs, run)
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, &fileError{dir, "does not exist; give a directory with summary.json files of earlier runs", err}
	case err != nil:
		return nil, nil, &fileError{dir, "cannot be read: " + reason(err), err}
	case len(runs) == 0:
		problem := "has no summary.json of an earlier run"
		if len(others) > 0 {
			problem += ": " + others[0].Error()
		}
		return nil, nil, &fileError{name: dir, problem: problem}
	}
	return runs, notesOf(others), nil
}

// mayBeSummary leaves out what would never end to be read, such as a pipe.
func mayBeSummary(entry fs.DirEntry) bool {
	kind := entry.Type()
	return filepath.Ext(entry.Name()) == ".json" && (kind.IsRegular() || kind == fs.ModeSymlink)
}

// notesOf names the first of the files that are no summaries: results/ has
// other files too, and a history of months has hundreds of them.
func notesOf(others []error) []string {
	const most = 3
	var notes []string
	for _, err := range others[:min(most, len(others))] {
		notes = append(notes, "History: "+err.Error()+".")
	}
	if more := len(others) - most; more > 0 {
		notes = append(notes, fmt.Sprintf("History: %d more .json files are not results/summary.json.", more))
	}
	return notes
}
