package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrStopped tells that the server has been stopped for good.
var ErrStopped = errors.New("the temporary PostgreSQL is stopped")

// Restart shuts the server down in PostgreSQL's mode "fast" or "immediate" and starts it again on the same port
// with the same data. It also revives a server whose process was killed. When it fails the server is down;
// Restart may be called again, and Stop has to be.
func (s *Server) Restart(ctx context.Context, mode string) error {
	if mode != modeFast && mode != modeImmediate {
		return fmt.Errorf("restart mode %q: accepted are %q and %q", mode, modeFast, modeImmediate)
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

// reviveLimit bounds a start that is only for cleaning up.
const reviveLimit = 10 * time.Second

// revive tries again for some seconds: after a crash PostgreSQL refuses to start until
// the last child of the crashed server has noticed.
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
