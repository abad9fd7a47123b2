package embedded

import (
	_ "embed" // for the script
	"fmt"
	"io"
	"os/exec"
)

//go:embed watchdog.sh
var watchdogScript string

// watchdog cleans up after an owner that could not: one that was killed, crashed, or ended without Stop.
// It is a shell that waits for the end of a pipe, which works on every Unix: the kernel closes the owner's
// end of it however the owner ends. No other child has that end, since Go opens it close-on-exec.
type watchdog struct {
	cmd   *exec.Cmd
	owner io.WriteCloser
}

func startWatchdog(dir string, as account) (*watchdog, error) {
	cmd := exec.Command("/bin/sh", "-c", watchdogScript, "xk6-pgxpool-watchdog", dir) // #nosec G204 -- our own script and folder
	cmd.Dir = "/"
	cmd.Env = childEnvironment()
	cmd.SysProcAttr = as.attributes()
	owner, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &watchdog{cmd: cmd, owner: owner}, nil
}

// guard names the process that must end with the owner.
func (w *watchdog) guard(pid int) error {
	_, err := fmt.Fprintln(w.owner, pid)
	return err
}

// dismiss lets the watchdog remove what is left and waits until it ends.
func (w *watchdog) dismiss() error {
	closeErr := w.owner.Close()
	if err := w.cmd.Wait(); err != nil {
		return err
	}
	return closeErr
}
