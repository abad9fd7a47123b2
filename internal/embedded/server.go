// Package embedded runs a temporary PostgreSQL for a first run and for tests: on a free port of 127.0.0.1,
// with a random password, in a private directory, removed when the process that started it ends.
//
// It prefers an installed PostgreSQL (PG_BIN names its folder) and downloads one if none is installed.
// It runs on Linux and macOS. As root it runs the server as the user postgres or nobody.
package embedded

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/child"
)

const (
	loopback  = "127.0.0.1"
	database  = "postgres"
	superuser = "postgres"

	modeFast      = "fast"
	modeImmediate = "immediate"
)

// Server is a running temporary PostgreSQL. Its methods may be called from several goroutines.
type Server struct {
	cfg      Config
	found    installation
	as       account
	dir      string // private: data directory and log
	password string // needs no escaping in a URL or a file
	port     int
	watchdog *child.Watchdog

	mu      sync.Mutex // guards the fields below and lets one Stop or Restart run at a time
	process *child.Process
	stopped bool
}

// Start brings up a temporary PostgreSQL and returns when it accepts connections, after about a second if PostgreSQL
// is installed. ctx bounds the start only: the server runs until Stop or until this process ends, however it ends.
// If Start fails nothing is left of the server.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg, err := cfg.prepare()
	if err != nil {
		return nil, err
	}
	as, err := serverAccount()
	if err != nil {
		return nil, err
	}
	found, err := obtain(ctx, cfg, as)
	if err != nil {
		return nil, err
	}
	cfg.Notify("starting a temporary PostgreSQL " + found.version + "; set DATABASE_URL to use another server")
	s := &Server{cfg: cfg, found: found, as: as, password: rand.Text()}
	if err := s.bringUp(ctx, step{"initialize its data directory", s.initialize}); err != nil {
		return nil, err
	}
	return s, nil
}

// step is one on the way to a running server.
type step struct {
	name string
	do   func(context.Context) error
}

// bringUp takes the steps to a running server, of which the first makes its data, and undoes them if one of them fails.
func (s *Server) bringUp(ctx context.Context, makeData step) (err error) {
	if s.dir, err = s.as.privateDir(); err != nil {
		return s.startError("make its directory", err)
	}
	if s.watchdog, err = s.watch(); err != nil {
		return join(s.startError("start its watchdog", err), os.RemoveAll(s.dir))
	}
	for _, step := range []step{makeData, {"bring it up", s.open}} {
		err := during(s.cfg.Notify, step.name, func() error { return step.do(ctx) })
		if err != nil {
			return join(s.startError(step.name, err), s.Stop())
		}
	}
	return nil
}

// during runs a step and notifies the user of it every two seconds.
func during(notify func(string), what string, step func() error) error {
	const interval = 2 * time.Second
	done := make(chan error, 1)
	go func() { done <- step() }()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	began := time.Now()
	for {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			notify(fmt.Sprintf("temporary PostgreSQL: %s, %d s so far", what, int(time.Since(began).Seconds())))
		}
	}
}

// Stop shuts the server down, by force if necessary, and removes everything of it. Later calls wait for the
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
	dismissErr := s.watchdog.Dismiss()
	if err := join(stopErr, removeErr, dismissErr); err != nil {
		return fmt.Errorf("stop the temporary PostgreSQL: %w", err)
	}
	return nil
}

// removeAll tries again for a while: children of a killed server may still be writing.
func removeAll(dir string) error {
	const tries, pause = 50, 100 * time.Millisecond
	var err error
	for range tries {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(pause)
	}
	return err
}

// URL connects as the superuser. It holds the password: not for logs.
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

// Pid is the process id of the postmaster. It changes with Restart.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.Pid()
}

// String names the server without its password.
func (s *Server) String() string {
	return fmt.Sprintf("temporary PostgreSQL %s on %s:%d", s.found.version, loopback, s.port)
}

// GoString is String, so that %#v shows no password either.
func (s *Server) GoString() string { return s.String() }
