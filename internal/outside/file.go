// Package outside reads files that somebody else wrote.
package outside

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// errNotRegular is about a pipe, a device or a socket: reading one may never end.
var errNotRegular = errors.New("it is not a regular file")

// tooLarge says that a file is beyond so many bytes.
func tooLarge(most int64) error {
	if most >= 1<<20 {
		return fmt.Errorf("it is larger than %d MiB", most>>20)
	}
	return fmt.Errorf("it is larger than %d KiB", most>>10)
}

// Largest is a limit for what this program writes itself, in bytes: a summary
// with the recording of a long run has a few megabytes.
const Largest = 64 << 20

// ReadFile reads a regular file, or the one that a symbolic link leads to, of
// at most so many bytes, as UTF-8: a byte order mark is taken away, and UTF-16,
// which has one, is converted. The error is an [fs.PathError], see [Reason].
func ReadFile(name string, most int64) ([]byte, error) {
	info, err := os.Stat(name) // before it is opened: opening a pipe waits for a writer
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, &fs.PathError{Op: "read", Path: name, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "read", Path: name, Err: errNotRegular}
	}
	file, err := os.Open(name) // #nosec G304 -- the user names it
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, most+1)) // it may grow, and files of /proc have no size
	switch {
	case err != nil:
		return nil, err
	case int64(len(content)) > most:
		return nil, &fs.PathError{Op: "read", Path: name, Err: tooLarge(most)}
	}
	text, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), content)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return text, nil
}

// Reason is the cause alone of an error of [ReadFile], for a message that
// names the file already.
func Reason(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err.Error()
	}
	return err.Error()
}
