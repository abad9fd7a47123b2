package testrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// serverStartLimit bounds the start of the temporary PostgreSQL, a download of
// its binaries included.
const serverStartLimit = 3 * time.Minute

// serverRestartLimit bounds a restart of the temporary PostgreSQL, the recovery
// after an immediate one included.
const serverRestartLimit = 30 * time.Second

// reserve is how many connections the temporary server takes beyond those of
// the pools that are known when it starts.
const reserve = 100

// temporaryServer is the PostgreSQL that serves scripts without a DATABASE_URL.
// It starts when a VU first needs it and ends with the test.
type temporaryServer struct {
	mu         sync.Mutex
	server     *embedded.Server
	standby    *embedded.Server // nil without one
	attributes string           // target_session_attrs of both in one URL
	err        error
}

// serverURL is the address of the temporary server, which is started, once for the
// process, for the pool or experiment of that name.
func (t *Run) serverURL(name string) (string, error) {
	s := &t.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil && s.err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), serverStartLimit)
		defer cancel()
		s.server, s.err = embedded.Start(ctx, embedded.Config{
			MaxConnections: t.temporaryConnections() + reserve,
			Notify:         func(line string) { t.logger.Info(line) },
		})
	}
	switch {
	case s.err != nil:
		return "", &pool.ConnectError{Pool: name, Server: "a temporary PostgreSQL", Err: s.err}
	case s.standby != nil:
		return s.server.URLWith(s.standby, s.attributes), nil
	}
	return s.server.URL(), nil
}

func (t *Run) stopServer() {
	s := &t.server
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, server := range []*embedded.Server{s.standby, s.server} {
		if server == nil {
			continue
		}
		if err := server.Stop(); err != nil {
			t.logger.WithError(err).Warn("stopping the temporary PostgreSQL")
		}
	}
}

// running gives the server, nil where none has been started.
func (s *temporaryServer) running() *embedded.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.server
}

// trouble says what is wrong with the server, empty where nothing is known.
func (s *temporaryServer) trouble() string {
	if server := s.running(); server != nil {
		return server.Trouble()
	}
	return ""
}

// RestartServer restarts the temporary PostgreSQL in PostgreSQL's mode "fast" or
// "immediate" and comes back when it accepts connections again.
func (t *Run) RestartServer(ctx context.Context, mode string) error {
	server := t.server.running()
	if server == nil {
		return t.noTemporaryServer("restartServer()", "restart yours by hand")
	}
	ctx, cancel := context.WithTimeout(ctx, serverRestartLimit)
	defer cancel()
	if err := server.Restart(ctx, mode); err != nil {
		return &pool.QueryError{Err: fmt.Errorf("restartServer(%q): %w", mode, err)}
	}
	return nil
}

// noTemporaryServer tells a server of the user's own from one that nobody has
// needed yet.
func (t *Run) noTemporaryServer(call, byHand string) error {
	if !t.ownServer() {
		return &pool.QueryError{Err: errors.New(call + ": the temporary PostgreSQL starts with the first use of a pool, and there was none yet")}
	}
	return &pool.ConfigError{
		Source: call, Reason: "the server of DATABASE_URL is your own",
		Accepted: "a run without DATABASE_URL, or " + byHand,
	}
}

// ownServer tells whether no pool uses the temporary server.
func (t *Run) ownServer() bool {
	return !slices.ContainsFunc(t.Configurations(), func(c pool.Config) bool { return c.URL == "" })
}
