package child

import (
	_ "embed" // for the script
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

//go:embed watchdog.sh
var watchdogScript string

// Watchdog cleans up after an owner that could not: one that was killed, crashed, or ended without Stop.
// It is a shell that waits for the end of a pipe, which works on every Unix: the kernel closes the owner's
// end of it however the owner ends. No other child has that end, since Go opens it close-on-exec.
//
// One watchdog has one child at a time. Its methods may be called from several goroutines.
type Watchdog struct {
	duty  Duty
	cmd   *exec.Cmd
	owner io.WriteCloser
}

// Duty is what a watchdog does when its owner ends.
type Duty struct {
	// Name is the watchdog's in the list of processes.
	Name string
	// Signal asks the child to end, by its name without SIG: QUIT, TERM. With Group it goes to the whole process
	// group.
	Signal string
	Group  bool
	// Patience is how long the child may take for it. Then its group is killed.
	Patience time.Duration
	// Dir is removed when the child has ended; empty for none.
	Dir string
	// Environment and Attributes are the watchdog's own. It gets a session of its own in any case.
	Environment []string
	Attributes  *syscall.SysProcAttr
}

// Watch starts a watchdog.
func Watch(duty Duty) (*Watchdog, error) {
	if !supported {
		return nil, errors.ErrUnsupported
	}
	group := ""
	if duty.Group {
		group = "-"
	}
	tenths := strconv.Itoa(int(duty.Patience / (100 * time.Millisecond)))
	cmd := exec.Command("/bin/sh", "-c", watchdogScript, duty.Name, duty.Signal, group, tenths, duty.Dir) // #nosec G204 -- our own script
	cmd.Dir = "/"
	cmd.Env = duty.Environment
	cmd.SysProcAttr = inOwnSession(duty.Attributes)
	owner, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Watchdog{duty: duty, cmd: cmd, owner: owner}, nil
}

// guard names the process that must end with the owner.
func (w *Watchdog) guard(pid int) error {
	_, err := fmt.Fprintln(w.owner, pid)
	return err
}

// forget says that the process has ended: its id may belong to another one from now on.
func (w *Watchdog) forget(pid int) {
	_, _ = fmt.Fprintln(w.owner, -pid) // a watchdog that has ended signals nobody
}

// Dismiss lets the watchdog do what is left of its duty and waits until it ends.
func (w *Watchdog) Dismiss() error {
	closeErr := w.owner.Close()
	if err := w.cmd.Wait(); err != nil {
		return err
	}
	return closeErr
}
