package embedded

import (
	_ "embed" // for the script
	"fmt"
	"io"
	"os/exec"
)

//go:embed watchdog.sh
var watchdogScript string

// watchdog cleans up after an owner that had no chance to: killed, crashed, or ended without a Stop.
// It is a shell that waits for the end of a pipe, as that works on every Unix: the kernel closes the owner's
// end whatever happens. No other child gets that end, because Go opens it close-on-exec.
type watchdog struct {
	cmd   *exec.Cmd
	owner io.WriteCloser
}

func startWatchdog(dir string, as account) (*watchdog, error) {
	cmd := exec.Command("/bin/sh", "-c", watchdogScript, "xk6-pgxpool-watchdog", dir) // #nosec G204 -- our own script and folder
	cmd.Dir = "/"
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

// guard tells which process is to be ended with the owner.
func (w *watchdog) guard(pid int) error {
	_, err := fmt.Fprintln(w.owner, pid)
	return err
}

// dismiss lets the watchdog end; it does the rest of the cleaning if there is any, and is waited for.
func (w *watchdog) dismiss() error {
	closeErr := w.owner.Close()
	if err := w.cmd.Wait(); err != nil {
		return err
	}
	return closeErr
}
