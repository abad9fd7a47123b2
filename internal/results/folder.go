package results

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// previous is the folder, below the results', of the run before.
const previous = "previous"

// room is what has to fit beside what there is: more than the files of a usual
// run.
const room = 1 << 20

// FolderError says that results cannot be written.
type FolderError struct {
	Folder string
	Err    error
}

func (e *FolderError) Error() string {
	return fmt.Sprintf("the results cannot be written to %s: %s; check its rights and free space, or give another folder (OUT, or --output of a command)",
		text.Quote(e.Folder), reason(e.Err))
}

// Unwrap gives the operating system's error.
func (e *FolderError) Unwrap() error { return e.Err }

// reason leaves out the path, which has been said.
func reason(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err.Error()
	}
	return err.Error()
}

// Try makes the folder where it is missing and finds out whether the results of
// a usual run can be written there. It fails with a [FolderError].
func Try(folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return &FolderError{folder, err}
	}
	file, err := os.CreateTemp(folder, ".pgxpool-*")
	if err != nil {
		return &FolderError{folder, err}
	}
	_, err = file.Write(make([]byte, room))
	err = errors.Join(err, file.Close(), os.Remove(file.Name()))
	if err != nil {
		return &FolderError{folder, err}
	}
	return nil
}

// Begin is Try for a new run: what an earlier one has left moves to the folder
// previous/, in the place of what is there.
func Begin(folder string) error {
	if err := Try(folder); err != nil {
		return err
	}
	kept := filepath.Join(folder, previous)
	emptied := false
	for _, name := range left(folder) {
		if !emptied {
			if err := empty(kept); err != nil {
				return &FolderError{folder, err}
			}
			emptied = true
		}
		if err := os.Rename(filepath.Join(folder, name), filepath.Join(kept, name)); err != nil {
			return &FolderError{folder, err}
		}
	}
	return nil
}

// empty makes the folder without the files of a run.
func empty(folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	for _, name := range left(folder) {
		if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Write writes files beside their places and then renames them: each is the old
// or the new one, whole. Where one cannot be written none of them changes. It
// fails with a [FolderError].
func Write(folder string, files ...File) (err error) {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return &FolderError{folder, err}
	}
	written := make([]string, 0, len(files))
	defer func() {
		if err != nil {
			for _, name := range written {
				_ = os.Remove(name) // what stands in the way of writing may stand in the way of this
			}
		}
	}()
	for _, f := range files {
		name, err := writeBeside(folder, f)
		written = append(written, name)
		if err != nil {
			return &FolderError{folder, err}
		}
	}
	for i, f := range files {
		if err := os.Rename(written[i], filepath.Join(folder, f.Name)); err != nil {
			return &FolderError{folder, err}
		}
	}
	return nil
}

func writeBeside(folder string, f File) (name string, err error) {
	file, err := os.CreateTemp(folder, "."+f.Name+"-*")
	if err != nil {
		return "", err
	}
	_, err = file.Write(f.Content)
	mode := file.Chmod(0o644) // #nosec G302 -- for whoever may read the folder; no secret is in them
	return file.Name(), errors.Join(err, mode, file.Close())
}
