//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the operating system's user that the server runs as. PostgreSQL refuses to run as root,
// so root has to drop to somebody else; anybody else stays who they are.
type account struct {
	drop     bool
	name     string // where dropped to
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
	return account{}, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody: run as an ordinary user")
}

func dropTo(to *user.User) (account, error) {
	uid, err := strconv.Atoi(to.Uid)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", to.Username, err)
	}
	gid, err := strconv.Atoi(to.Gid)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", to.Username, err)
	}
	return account{drop: true, name: to.Username, uid: uid, gid: gid}, nil
}

// attributes put a child in a session of its own, so that the terminal's Ctrl-C does not reach it:
// the owner decides when the server ends.
func (a account) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setsid: true}
	if a.drop {
		// macOS' nobody is -2: the conversion to the kernel's unsigned type is meant.
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

// privateDir makes a directory that only the account can look into.
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

// tempDir is the usual one, unless the account could not work there: root's is often private to root. A relative one
// would be another one for the server, which works in a directory of its own.
func (a account) tempDir() (string, error) {
	dir, err := filepath.Abs(os.TempDir())
	if err == nil && a.drop && !openToAll(dir) {
		dir = "/tmp"
	}
	return dir, err
}

// openToAll tells whether anybody may reach dir and add and remove entries.
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

// resume wakes a process that was suspended, so that it can take the signals that end it.
func resume(p *os.Process) {
	_ = p.Signal(syscall.SIGCONT) // an error means that it has ended
}

// killGroup ends a child made with attributes and everything that it started in its process group.
func killGroup(leader int) error {
	return syscall.Kill(-leader, syscall.SIGKILL)
}
