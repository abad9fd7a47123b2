package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	pollInterval = 10 * time.Millisecond
	// fastLimit bounds a fast shutdown; immediateLimit is more than the 5 s that PostgreSQL
	// gives its own children before it kills them.
	fastLimit      = 10 * time.Second
	immediateLimit = 6 * time.Second
)

// errExited tells that the server ended before it was ready.
var errExited = errors.New("the server ended by itself")

// process is a child of ours in a session of its own. It is waited for from the start, so its process id
// is never signalled once it may belong to somebody else.
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
	cmd.Env = serverEnvironment(os.Environ())
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

// serverEnvironment keeps the user's PGDATA, PGPORT or locale from changing the server or its messages.
func serverEnvironment(all []string) []string {
	var kept []string
	for _, entry := range all {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "PG") || strings.HasPrefix(name, "LC_") || name == "LANG" || name == "LANGUAGE" || name == "TZ" {
			continue
		}
		kept = append(kept, entry)
	}
	// A given time zone spares initdb the search for the machine's.
	return append(kept, "LC_ALL=C", "TZ=UTC")
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

// kill ends the process and its group at once and waits for the process.
func (p *process) kill() {
	if p.running() {
		_ = killGroup(p.pid()) // an error means that it has ended meanwhile
	}
	<-p.exited
}

// killed tells of a process that has ended whether it had no chance to clean up.
func (p *process) killed() bool {
	const bySignal = -1
	return p.cmd.ProcessState.ExitCode() == bySignal
}

// finish lets initdb end by itself, or stops it when ctx ends first. Only initdb gets the signal, not its children:
// it lets them finish, as their shared memory would stay behind otherwise.
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

// stop shuts the server down with PostgreSQL's signal for that, with stronger ones when it takes too long.
// The error tells that force was needed.
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

// awaitReady returns when the server takes connections, which it says in its postmaster.pid.
func (p *process) awaitReady(ctx context.Context, dataDir string) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		if p.ready(dataDir) {
			return nil
		}
		select {
		case <-p.exited:
			return errExited
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// ready reads the first and the eighth line of postmaster.pid: the process id and the state, as pg_ctl does.
// The file may be half written or an earlier process's.
func (p *process) ready(dataDir string) bool {
	const stateLine = 8
	file, err := os.Open(filepath.Join(dataDir, "postmaster.pid")) // #nosec G304 -- our own folder
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if n == 1 && text != strconv.Itoa(p.pid()) {
			return false
		}
		if n == stateLine {
			return text == "ready"
		}
	}
	return false
}
