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

	"github.com/shirou/gopsutil/v4/disk"
)

// ErrStopped tells that the server has been stopped for good.
var ErrStopped = errors.New("the temporary PostgreSQL is stopped")

// errExited tells that the server ended before it was ready.
var errExited = errors.New("the server ended by itself")

// BinDirError tells that the folder named by PG_BIN has no usable PostgreSQL.
type BinDirError struct {
	Dir string
	Err error
}

func (e *BinDirError) Error() string {
	return fmt.Sprintf("PG_BIN=%q is not a folder with PostgreSQL's initdb and postgres: %v", e.Dir, e.Err)
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
	Log     string // the last lines of the server's log, in one line
	TempDir string // where its directory is
	Err     error
}

func (e *StartError) Error() string {
	text := fmt.Sprintf("start a temporary PostgreSQL %s: %s: %v", e.Version, e.Step, e.Err)
	if e.Log != "" {
		text += "; its log ends with: " + e.Log
	}
	if e.noRoom() {
		text += fmt.Sprintf("; is the disk of %s full? %s", e.TempDir, makeRoom)
	}
	return text
}

func (e *StartError) Unwrap() error { return e.Err }

// noRoom tells whether the disk is full, or seems to be: the programs failed and could not even write their log.
func (e *StartError) noRoom() bool {
	var exit *exec.ExitError
	return errors.Is(e.Err, syscall.ENOSPC) || strings.Contains(e.Log, diskFull) || e.Log == "" && errors.As(e.Err, &exit)
}

const (
	diskFull = "No space left on device"
	makeRoom = "make room, or set TMPDIR to a folder on another disk"
	// leastRoom is a segment of the write-ahead log, in bytes: where there is no
	// room for one, PostgreSQL ends, and can often not even log why.
	leastRoom = 16 << 20
)

// Trouble says what is wrong with the server's machine and what to do about it, for who lost a connection: that its
// disk is full. It is empty where nothing is known.
func (s *Server) Trouble() string {
	usage, err := disk.Usage(s.dir)
	if err == nil && usage.Free < leastRoom || s.logged(diskFull) {
		return fmt.Sprintf("the disk of the temporary PostgreSQL, %s, is full: %s", filepath.Dir(s.dir), makeRoom)
	}
	return ""
}

func (s *Server) startError(step string, err error) error {
	failed := &StartError{Version: s.found.version, Step: step, Err: err, TempDir: os.TempDir()}
	if s.dir != "" {
		failed.TempDir = filepath.Dir(s.dir) // for root it may be another folder than os.TempDir
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
