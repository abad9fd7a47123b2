// Package embedded runs a temporary PostgreSQL for a first run and for tests: on a free port of 127.0.0.1,
// with a random password, in a directory of its own, gone with the process that started it.
//
// It prefers the PostgreSQL that is installed (PG_BIN names another one) and downloads one where none is.
// It runs on Linux and macOS, as an ordinary user and as root, in whose place it runs the server as postgres or nobody.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

const (
	loopback = "127.0.0.1"
	database = "postgres"

	modeFast      = "fast"
	modeImmediate = "immediate"
)

// Server is a running temporary PostgreSQL. Its methods may be called from several goroutines.
type Server struct {
	cfg      Config
	found    installation
	as       account
	dir      string // private: data directory and log
	password string
	port     int
	watchdog *watchdog

	mu      sync.Mutex // guards what follows and lets one Stop or Restart run at a time
	process *process
	stopped bool
}

// Start brings up a temporary PostgreSQL and returns when it takes connections, in about a second where PostgreSQL
// is installed. ctx bounds the start only: the server runs until Stop, or until this process ends in whatever way.
// When Start fails nothing is left of the server; the error is a *BinDirError, a *NotFoundError, a *StartError or
// the context's.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	return start(ctx, cfg, installedPlaces)
}

func start(ctx context.Context, cfg Config, look places) (*Server, error) {
	cfg, err := cfg.prepare()
	if err != nil {
		return nil, err
	}
	as, err := serverAccount()
	if err != nil {
		return nil, err
	}
	found, err := obtain(ctx, cfg, as, look)
	if err != nil {
		return nil, err
	}
	cfg.Notify("starting a temporary PostgreSQL " + found.version + ", set DATABASE_URL to use another server")
	s := &Server{cfg: cfg, found: found, as: as, password: newPassword()}
	if err := s.bringUp(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// bringUp takes the steps to a running server and undoes them when one of them fails.
func (s *Server) bringUp(ctx context.Context) (err error) {
	if s.dir, err = s.as.privateDir(); err != nil {
		return s.startError("make its directory", err)
	}
	if s.watchdog, err = startWatchdog(s.dir, s.as); err != nil {
		return join(s.startError("start its watchdog", err), os.RemoveAll(s.dir))
	}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"initialise its data directory", s.initialise},
		{"bring it up", s.open},
	} {
		err := during(s.cfg.Notify, step.name, func() error { return step.do(ctx) })
		if err != nil {
			return join(s.startError(step.name, err), s.Stop())
		}
	}
	return nil
}

// open configures the server and starts it on a port. Between the search for a free port and the server's use of it
// somebody else may take it: then another one is tried, unless the caller insists.
func (s *Server) open(ctx context.Context) error {
	const tries = 5
	var err error
	for range tries {
		if s.port, err = choosePort(ctx, s.cfg.Port); err != nil {
			return err
		}
		if err = configure(s.DataDir(), settings(s.cfg, s.port)); err != nil {
			return err
		}
		if err = s.run(ctx); !errors.Is(err, errExited) || !s.logged("could not bind") {
			return err
		}
	}
	return err
}

func choosePort(ctx context.Context, wanted int) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", net.JoinHostPort(loopback, strconv.Itoa(wanted)))
	if err != nil {
		if wanted == 0 {
			return 0, err
		}
		return 0, fmt.Errorf("port %d cannot be had, choose another one or 0 for any: %w", wanted, err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}

// run starts the server's process and waits until it takes connections.
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

// Stop shuts the server down, by force if need be, and removes everything of it. Further calls wait for the
// first one and return nil.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	stopErr := s.shutDown()
	removeErr := removeAll(s.dir)
	dismissErr := s.watchdog.dismiss()
	if err := join(stopErr, removeErr, dismissErr); err != nil {
		return fmt.Errorf("stop the temporary PostgreSQL: %w", err)
	}
	return nil
}

// shutDown ends the server's process. One that was killed has left shared memory behind, which PostgreSQL
// frees at its next start in the same directory: so it gets one, as good as may be.
func (s *Server) shutDown() error {
	if s.process == nil {
		return nil
	}
	err := s.process.stop(modeFast)
	if !s.process.killed() {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), reviveLimit)
	defer cancel()
	if s.revive(ctx) != nil {
		return err // nobody needs the server any more, so why it does not come up is of no interest
	}
	return join(err, s.process.stop(modeFast))
}

// URL is how the superuser connects, with the password: not for logs.
func (s *Server) URL() string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.password),
		Host:     net.JoinHostPort(loopback, strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Version is the server's, for example "15.18".
func (s *Server) Version() string { return s.found.version }

// DataDir is the server's data directory.
func (s *Server) DataDir() string { return filepath.Join(s.dir, "data") }

// Pid is the process id of the server's first process, the postmaster. It changes with Restart.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.pid()
}

// String names the server without its password.
func (s *Server) String() string {
	return fmt.Sprintf("temporary PostgreSQL %s on %s:%d", s.found.version, loopback, s.port)
}

// GoString is String, so that %#v shows no password either.
func (s *Server) GoString() string { return s.String() }
