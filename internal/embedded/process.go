package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	fastLimit      = 10 * time.Second // for a fast shutdown
	immediateLimit = 6 * time.Second  // more than the 5 s after which PostgreSQL kills its own children
)

// process is a child in a session of its own. It is waited for from the start, so its process id
// is never signaled once it may belong to another process.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed after err is set
	err    error
}

// launch starts a PostgreSQL program in the server's directory and hands it to the watchdog.
func (s *Server) launch(program string, args ...string) (*process, error) {
	log, err := os.OpenFile(s.logFile(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own

	cmd := exec.Command(s.found.program(program), args...) // #nosec G204 -- a program of the installation
	cmd.Dir = s.dir
	cmd.Env = childEnvironment()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = s.as.attributes()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	if err := s.watchdog.guard(p.pid()); err != nil {
		p.kill()
		return nil, fmt.Errorf("tell the watchdog: %w", err)
	}
	return p, nil
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

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// kill ends the process and the children in its process group.
func (p *process) kill() {
	if p.running() {
		_ = killGroup(p.pid()) // an error means that it has just ended
	}
	<-p.exited
}

// killed tells of a process that has ended whether a signal ended it before it could clean up.
func (p *process) killed() bool {
	const bySignal = -1
	return p.cmd.ProcessState.ExitCode() == bySignal
}

// finish waits for initdb, or stops it when ctx ends first. Only initdb gets the signal:
// it lets its children finish, whose shared memory would stay behind otherwise.
func (p *process) finish(ctx context.Context) error {
	select {
	case <-p.exited:
		return p.err
	case <-ctx.Done():
		if !p.signal(syscall.SIGTERM, immediateLimit) {
			p.kill()
		}
		return context.Cause(ctx)
	}
}

// stop shuts the server down with PostgreSQL's signal for the mode, and with stronger ones if that takes too long.
// The error tells that force was necessary.
func (p *process) stop(mode string) error {
	resume(p.cmd.Process)
	if mode == modeFast && p.signal(syscall.SIGINT, fastLimit) {
		return nil
	}
	if p.signal(syscall.SIGQUIT, immediateLimit) {
		return nil
	}
	p.kill()
	return fmt.Errorf("the server had to be killed: it did not end within %v", immediateLimit)
}

// signal tells whether the process ended within the limit.
func (p *process) signal(signal os.Signal, limit time.Duration) bool {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return false
	}
	select {
	case <-p.exited:
		return true
	case <-time.After(limit):
		return false
	}
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// Logs returns the last lines of the server's log in one line, separated by " | ". It is empty if there is no log.
func (s *Server) Logs() string {
	const (
		tail  = 4096 // bytes
		lines = 5
	)
	if s.dir == "" {
		return ""
	}
	file, err := os.Open(s.logFile())
	if err != nil {
		return "" // not written yet, or removed
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil && info.Size() > tail {
		_, _ = file.Seek(-tail, io.SeekEnd) // after an error all of it is read
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return "unreadable: " + err.Error()
	}
	return lastLines(string(text), lines)
}

func lastLines(text string, count int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-count):], " | ")
}

// logged tells whether the last lines of the log contain text. They are in English: the server runs in the C locale.
func (s *Server) logged(text string) bool { return strings.Contains(s.Logs(), text) }
