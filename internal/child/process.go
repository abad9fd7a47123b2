// Package child runs programs that must not outlive this process, however it ends: each in a session of its own,
// which the terminal's Ctrl-C does not reach, and under a watchdog that ends it when this process has ended.
//
// It works on Unix; elsewhere [Watch] fails.
package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Process is a child in a session of its own. It is waited for from the start, so its process id
// is never signaled once it may belong to another process.
type Process struct {
	watchdog *Watchdog
	cmd      *exec.Cmd
	exited   chan struct{} // closed after err is set
	err      error
}

// Start runs a program that must end with this process. It replaces the child before, which has ended.
func (w *Watchdog) Start(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = inOwnSession(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{watchdog: w, cmd: cmd, exited: make(chan struct{})}
	err := w.guard(p.Pid())
	go func() {
		p.err = cmd.Wait()
		if !w.duty.Group {
			w.forget(p.Pid())
		}
		close(p.exited)
	}()
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("tell the watchdog: %w", err)
	}
	return p, nil
}

// Pid is the process id, and that of its process group.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Err is the error of a process that has ended, nil for exit status 0.
func (p *Process) Err() error { return p.err }

// Running tells whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Kill ends the process and the children in its process group.
func (p *Process) Kill() {
	if p.Running() {
		_ = killGroup(p.Pid()) // an error means that it has just ended
	}
	<-p.exited
}

// Killed tells of a process that has ended whether a signal ended it before it could clean up.
func (p *Process) Killed() bool {
	const bySignal = -1
	return p.cmd.ProcessState.ExitCode() == bySignal
}

// Resume continues a suspended process, so that it receives the signals that end it.
func (p *Process) Resume() { resume(p.cmd.Process) }

// Signal sends the process a signal.
func (p *Process) Signal(signal os.Signal) error { return p.cmd.Process.Signal(signal) }

// EndedBy sends the process a signal and tells whether it ended within the limit.
func (p *Process) EndedBy(signal os.Signal, limit time.Duration) bool {
	if err := p.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return false
	}
	select {
	case <-p.exited:
		return true
	case <-time.After(limit):
		return false
	}
}

// StopGroup ends the process and all that is left of its group, with SIGTERM and, after the patience of the watchdog's
// [Duty], by force. It tells whether force was necessary.
func (p *Process) StopGroup() (forced bool) {
	const pause = 20 * time.Millisecond
	defer p.watchdog.forget(p.Pid())
	signalGroup(p.Pid(), syscall.SIGTERM)
	for end := time.Now().Add(p.watchdog.duty.Patience); groupExists(p.Pid()); time.Sleep(pause) {
		if time.Now().After(end) {
			forced = p.Running()
			_ = killGroup(p.Pid()) // an error means that it has just ended
			break
		}
	}
	<-p.exited
	return forced
}
