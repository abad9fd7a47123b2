//go:build !unix

package child

import (
	"errors"
	"os"
	"syscall"
)

const supported = false

func inOwnSession(attributes *syscall.SysProcAttr) *syscall.SysProcAttr { return attributes }

func resume(*os.Process) {}

func signalGroup(int, syscall.Signal) {}

func killGroup(int) error { return errors.ErrUnsupported }

func groupExists(int) bool { return false }
