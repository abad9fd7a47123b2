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

var (
	errStopped = errors.New("the temporary PostgreSQL is stopped") // for good
	errExited  = errors.New("the server ended by itself")          // before it was ready
)

// startError says that PostgreSQL was found but did not come up, and how its log ends.
func (s *Server) startError(step string, err error) error {
	var log, more string
	if !errors.Is(err, context.Canceled) {
		log = s.logs()
	}
	if log != "" {
		more = "; its log ends with: " + log
	}
	dir := os.TempDir()
	if s.dir != "" {
		dir = filepath.Dir(s.dir) // for root it may be another folder than os.TempDir
	}
	// A program that failed and could not even write its log had no room.
	_, failed := errors.AsType[*exec.ExitError](err)
	if errors.Is(err, syscall.ENOSPC) || strings.Contains(log, diskFull) || log == "" && failed {
		more += fmt.Sprintf("; is the disk of %s full? %s", dir, makeRoom)
	}
	return fmt.Errorf("start a temporary PostgreSQL %s: %s: %w%s", s.found.version, step, err, more)
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
