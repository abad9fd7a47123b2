//go:build unix

package child

import (
	"os"
	"syscall"
)

const supported = true

func inOwnSession(attributes *syscall.SysProcAttr) *syscall.SysProcAttr {
	own := syscall.SysProcAttr{}
	if attributes != nil {
		own = *attributes
	}
	own.Setsid = true
	return &own
}

func resume(p *os.Process) {
	_ = p.Signal(syscall.SIGCONT) // an error means that it has ended
}

// signalGroup signals a process in a session of its own and everything in its process group, suspended or not.
func signalGroup(leader int, signal syscall.Signal) {
	for _, s := range []syscall.Signal{signal, syscall.SIGCONT} {
		_ = syscall.Kill(-leader, s) // an error means that it has ended
	}
}

func killGroup(leader int) error { return syscall.Kill(-leader, syscall.SIGKILL) }

// groupExists tells whether anything is left of a process group.
func groupExists(leader int) bool { return syscall.Kill(-leader, 0) == nil }
