package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// BinDirError tells that the folder which the user named has no usable PostgreSQL.
type BinDirError struct {
	Source string // what named the folder: "PG_BIN" or "BinDir"
	Dir    string
	Err    error
}

func (e *BinDirError) Error() string {
	return fmt.Sprintf("%s=%q is no folder with PostgreSQL's initdb and postgres: %v", e.Source, e.Dir, e.Err)
}

func (e *BinDirError) Unwrap() error { return e.Err }

// NotFoundError tells that there is no PostgreSQL on this machine and that none could be downloaded.
type NotFoundError struct {
	Err error // why the download failed
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("no PostgreSQL to start: install a package (apt-get install postgresql, brew install postgresql), "+
		"or set DATABASE_URL to a running server, or set PG_BIN to the folder with initdb and postgres (%v)", e.Err)
}

func (e *NotFoundError) Unwrap() error { return e.Err }

// StartError tells that PostgreSQL was found but did not come up.
type StartError struct {
	Version string // for example "15.18"
	Step    string // what was being done
	Log     string // the last lines of the server's log, joined to one
	TempDir string // where its directory was made
	Err     error
}

func (e *StartError) Error() string {
	text := fmt.Sprintf("start a temporary PostgreSQL %s: %s: %v", e.Version, e.Step, e.Err)
	if e.Log != "" {
		text += "; its log ends with: " + e.Log
	}
	if e.noRoom() {
		text += fmt.Sprintf("; is the disk of %s full? make room, or set TMPDIR to a folder on another one", e.TempDir)
	}
	return text
}

func (e *StartError) Unwrap() error { return e.Err }

// noRoom tells whether the disk is full, or so full that the programs failed without a word of it in the log.
func (e *StartError) noRoom() bool {
	var exit *exec.ExitError
	return errors.Is(e.Err, syscall.ENOSPC) || strings.Contains(e.Log, "No space left on device") || e.Log == "" && errors.As(e.Err, &exit)
}

func (s *Server) startError(step string, err error) error {
	failed := &StartError{Version: s.found.version, Step: step, Err: err, TempDir: os.TempDir()}
	if s.dir != "" {
		failed.TempDir = filepath.Dir(s.dir) // another one for root, where that is private
	}
	if !errors.Is(err, context.Canceled) {
		failed.Log = s.Logs()
	}
	return failed
}

// join is errors.Join on one line.
func join(errs ...error) error {
	var all error
	for _, err := range errs {
		switch {
		case all == nil:
			all = err
		case err != nil:
			all = fmt.Errorf("%w; then: %w", all, err)
		}
	}
	return all
}
