package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/child"
)

// initialize makes the data directory.
func (s *Server) initialize(ctx context.Context) error {
	passwordFile, err := s.writePassword("password", "")
	if err != nil {
		return err
	}
	err = s.runToEnd(ctx, "initdb",
		"--pgdata="+s.DataDir(),
		"--username="+superuser,
		"--pwfile="+passwordFile,
		"--auth=scram-sha-256",
		"--encoding=UTF8",
		"--locale=C",
		"--no-sync",
		"--no-instructions",
	)
	if err != nil {
		return err
	}
	if err := os.Remove(passwordFile); err != nil {
		return fmt.Errorf("remove the password file: %w", err)
	}
	return nil
}

// writePassword puts the password into a file of the account's own, since every user can read arguments.
func (s *Server) writePassword(name, before string) (file string, err error) {
	file = filepath.Join(s.dir, name)
	if err = os.WriteFile(file, []byte(before+s.password+"\n"), 0o600); err == nil {
		err = s.as.own(file)
	}
	return file, err
}

// open configures the server and starts it on a free port. Another program may take that port
// before the server does: then open tries another one.
func (s *Server) open(ctx context.Context) error {
	const tries = 5
	var err error
	for range tries {
		if s.port, err = freePort(ctx); err != nil {
			return err
		}
		if err = configure(s.DataDir(), s.cfg.settings(s.port)); err != nil {
			return err
		}
		if err = s.run(ctx); !errors.Is(err, errExited) || !s.logged("could not bind") {
			return err
		}
	}
	return err
}

func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}

// run starts the server's process and waits until it accepts connections.
func (s *Server) run(ctx context.Context) error {
	p, err := s.launch("postgres", "-D", s.DataDir())
	if err != nil {
		return err
	}
	if err := awaitReady(ctx, p, s.DataDir()); err != nil {
		return join(err, stop(p, modeImmediate))
	}
	s.process = p
	return nil
}

// awaitReady returns when the server accepts connections, which postmaster.pid says.
func awaitReady(ctx context.Context, p *child.Process, dataDir string) error {
	const pollInterval = 10 * time.Millisecond
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for !ready(p, dataDir) {
		select {
		case <-p.Exited():
			return errExited
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
	return nil
}

// ready reads the first and the eighth line of postmaster.pid: the process id and the state, as pg_ctl does.
// The file may be half written or an earlier process's.
func ready(p *child.Process, dataDir string) bool {
	const pidLine, stateLine = 0, 7
	text, _ := os.ReadFile(filepath.Join(dataDir, "postmaster.pid")) // #nosec G304 -- our own folder; it may not be there yet
	lines := strings.Split(string(text), "\n")
	return len(lines) > stateLine && lines[pidLine] == strconv.Itoa(p.Pid()) && strings.TrimSpace(lines[stateLine]) == "ready"
}

// Restart shuts the server down in PostgreSQL's mode "fast" or "immediate" and starts it again on the same port
// with the same data. It also revives a server whose process was killed. If it fails the server is down;
// Restart may be called again, and Stop must be.
func (s *Server) Restart(ctx context.Context, mode string) error {
	if mode != modeFast && mode != modeImmediate {
		return fmt.Errorf("restart mode is %q; accepted: %q, %q", mode, modeFast, modeImmediate)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errStopped
	}
	if err := stop(s.process, mode); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	if err := s.revive(ctx); err != nil {
		return s.startError("restart it", err)
	}
	return nil
}

// revive tries again for some seconds: after a crash PostgreSQL refuses to start until
// the last child of the crashed server has ended.
func (s *Server) revive(ctx context.Context) error {
	const tries, pause = 50, 100 * time.Millisecond
	var err error
	for range tries {
		if err = s.run(ctx); !errors.Is(err, errExited) || !s.logged("is still in use") {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
	return err
}

// shutDown ends the server's process. A killed process leaves shared memory behind, which PostgreSQL
// frees at its next start in the same directory: shutDown starts it once more and ignores whether that works.
func (s *Server) shutDown() error {
	const reviveLimit = 10 * time.Second
	if s.process == nil {
		return nil
	}
	err := stop(s.process, modeFast)
	if !s.process.Killed() {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), reviveLimit)
	defer cancel()
	if s.revive(ctx) != nil {
		return err
	}
	return join(err, stop(s.process, modeFast))
}
