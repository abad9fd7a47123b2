package module

import (
	"context"
	"time"

	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// serverRestartLimit bounds a restart of the temporary PostgreSQL, the recovery
// after an immediate one included.
const serverRestartLimit = 30 * time.Second

// restartServer restarts the temporary PostgreSQL in PostgreSQL's mode "fast"
// or "immediate" and comes back when it takes connections again. A server of
// the user's own is theirs to restart.
func (i *instance) restartServer(call sobek.FunctionCall) sobek.Value {
	if i.vu.State() == nil {
		i.throw(inInit("restartServer()"))
	}
	mode, ok := call.Argument(0).Export().(string)
	if !ok || mode != "fast" && mode != "immediate" {
		i.throw(argumentsError("restartServer(mode)", `accepted are "fast" and "immediate"`))
	}
	server := i.test.server.running()
	if server == nil {
		i.throw(i.test.noServerToRestart())
	}
	ctx, cancel := context.WithTimeout(i.vu.Context(), serverRestartLimit)
	defer cancel()
	if err := server.Restart(ctx, mode); err != nil {
		i.throw(misuse("restartServer(%q): %w", mode, err))
	}
	return sobek.Undefined()
}

// running gives the server, nil where none has been started.
func (s *temporaryServer) running() *embedded.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.server
}

// noServerToRestart tells a server of the user's own from one that nobody has
// needed yet.
func (t *testRun) noServerToRestart() error {
	for _, c := range t.configurations() {
		if c.URL == "" {
			return misuse("restartServer(): the temporary PostgreSQL starts with the first use of a pool, and there was none yet")
		}
	}
	return &pool.ConfigError{
		Source: "restartServer()", Reason: "the server of DATABASE_URL is your own",
		Accepted: "a run without DATABASE_URL, or restart yours by hand",
	}
}
