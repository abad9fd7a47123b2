package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// initialize makes the data directory. The password goes through a file, since every user can read arguments.
func (s *Server) initialize(ctx context.Context) error {
	passwordFile := filepath.Join(s.dir, "password")
	if err := os.WriteFile(passwordFile, []byte(s.password+"\n"), 0o600); err != nil {
		return err
	}
	if err := s.as.own(passwordFile); err != nil {
		return err
	}
	initdb, err := s.launch("initdb",
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
	if err := initdb.finish(ctx); err != nil {
		return err
	}
	if err := os.Remove(passwordFile); err != nil {
		return fmt.Errorf("remove the password file: %w", err)
	}
	return nil
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
	if err := p.awaitReady(ctx, s.DataDir()); err != nil {
		return join(err, p.stop(modeImmediate))
	}
	s.process = p
	return nil
}

// awaitReady returns when the server accepts connections, which postmaster.pid says.
func (p *process) awaitReady(ctx context.Context, dataDir string) error {
	const pollInterval = 10 * time.Millisecond
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		if p.ready(dataDir) {
			return nil
		}
		select {
		case <-p.Exited():
			return errExited
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// ready reads the first and the eighth line of postmaster.pid: the process id and the state, as pg_ctl does.
// The file may be half written or an earlier process's.
func (p *process) ready(dataDir string) bool {
	const stateLine = 8
	file, err := os.Open(filepath.Join(dataDir, "postmaster.pid")) // #nosec G304 -- our own folder
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if n == 1 && text != strconv.Itoa(p.Pid()) {
			return false
		}
		if n == stateLine {
			return text == "ready"
		}
	}
	return false
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
		return ErrStopped
	}
	if err := s.process.stop(mode); err != nil {
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
	err := s.process.stop(modeFast)
	if !s.process.Killed() {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), reviveLimit)
	defer cancel()
	if s.revive(ctx) != nil {
		return err
	}
	return join(err, s.process.stop(modeFast))
}
