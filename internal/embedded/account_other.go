//go:build !unix

package embedded

import (
	"errors"
	"runtime"
	"syscall"
)

var errUnsupported = errors.New("a temporary PostgreSQL needs Linux or macOS; this is " + runtime.GOOS + ": set DATABASE_URL to a running server")

type account struct {
	drop bool
	name string
}

func serverAccount() (account, error) { return account{}, errUnsupported }

func (account) attributes() *syscall.SysProcAttr { return nil }

func (account) own(string) error { return errUnsupported }

func (account) privateDir() (string, error) { return "", errUnsupported }
