package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/child"
)

const (
	fastLimit      = 10 * time.Second // for a fast shutdown
	immediateLimit = 6 * time.Second  // more than the 5 s after which PostgreSQL kills its own children
)

// watch starts the watchdog, which ends the server and removes its directory where this process cannot: with the
// immediate shutdown, in which the server, or initdb, ends its children and frees their shared memory.
func (s *Server) watch() (*child.Watchdog, error) {
	return child.Watch(child.Duty{
		Name: "xk6-pgxpool-watchdog", Signal: "QUIT", Patience: immediateLimit, Dir: s.dir,
		Environment: childEnvironment(), Attributes: s.as.attributes(),
	})
}

// launch starts a PostgreSQL program in the server's directory, under the watchdog.
func (s *Server) launch(program string, args ...string) (*child.Process, error) {
	log, err := os.OpenFile(s.logFile(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own

	cmd := s.found.command(context.Background(), s.as, s.dir, program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	return s.watchdog.Start(cmd)
}

// childEnvironment is all that the children see of this process's environment: they may run as another user,
// who must not read this user's secrets in it. Without PG* and LC_* the user's settings change neither the server
// nor its messages.
func childEnvironment() []string {
	environment := []string{"LC_ALL=C", "TZ=UTC"} // without TZ initdb searches for the machine's time zone
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// runToEnd runs a program and waits for it, or stops it when ctx ends first. Only the program gets the signal:
// initdb lets its children finish, whose shared memory would stay behind otherwise.
func (s *Server) runToEnd(ctx context.Context, program string, args ...string) error {
	p, err := s.launch(program, args...)
	if err != nil {
		return err
	}
	select {
	case <-p.Exited():
		return p.Err()
	case <-ctx.Done():
		if !p.EndedBy(syscall.SIGTERM, immediateLimit) {
			p.Kill()
		}
		return context.Cause(ctx)
	}
}

// stop shuts the server down with PostgreSQL's signal for the mode, and with stronger ones if that takes too long.
// The error tells that force was necessary.
func stop(p *child.Process, mode string) error {
	p.Resume()
	if mode == modeFast && p.EndedBy(syscall.SIGINT, fastLimit) {
		return nil
	}
	if p.EndedBy(syscall.SIGQUIT, immediateLimit) {
		return nil
	}
	p.Kill()
	return fmt.Errorf("the server had to be killed: it did not end within %v", immediateLimit)
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// logs returns the last lines of the server's log in one line, separated by " | ". It is empty if there is no log.
func (s *Server) logs() string {
	if s.dir == "" {
		return ""
	}
	return child.Tail(s.logFile())
}

// logged tells whether the last lines of the log contain text. They are in English: the server runs in the C locale.
func (s *Server) logged(text string) bool { return strings.Contains(s.logs(), text) }
