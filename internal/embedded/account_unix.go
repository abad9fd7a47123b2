//go:build unix

package embedded

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user of the operating system that the server runs as. PostgreSQL refuses to run as root:
// then it runs as another user, else as the present one.
type account struct {
	drop     bool
	name     string // if dropped
	uid, gid int
}

func serverAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		return dropTo(found)
	}
	return account{}, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody: run as an ordinary user")
}

func dropTo(to *user.User) (account, error) {
	uid, uidErr := strconv.Atoi(to.Uid)
	gid, gidErr := strconv.Atoi(to.Gid)
	if err := cmp.Or(uidErr, gidErr); err != nil {
		return account{}, fmt.Errorf("user %s: %w", to.Username, err)
	}
	return account{drop: true, name: to.Username, uid: uid, gid: gid}, nil
}

// attributes start a child in a session of its own, which the terminal's Ctrl-C does not reach:
// the owner decides when the server ends.
func (a account) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setsid: true}
	if a.drop {
		// The user nobody of macOS is -2: the conversion to the kernel's unsigned type is intended.
		attributes.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)} // #nosec G115 -- see above
	}
	return attributes
}

func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// privateDir makes a directory that only the account can read.
func (a account) privateDir() (string, error) {
	temp, err := a.tempDir()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(temp, "xk6-pgxpool-postgres-")
	if err != nil {
		return "", err
	}
	if err := a.own(dir); err != nil {
		return "", errors.Join(err, os.Remove(dir))
	}
	return dir, nil
}

// tempDir is os.TempDir unless the account cannot work there: root's is often private to root. It is absolute,
// since the server works in another directory.
func (a account) tempDir() (string, error) {
	dir, err := filepath.Abs(os.TempDir())
	if err == nil && a.drop && !openToAll(dir) {
		dir = "/tmp"
	}
	return dir, err
}

// openToAll tells whether every user may reach dir and add entries to it.
func openToAll(dir string) bool {
	const write, search = 0o002, 0o001
	need := os.FileMode(write | search)
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&need != need {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir, need = parent, search
	}
}
