package module

import (
	"context"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
)

// serverStartLimit bounds the start of the temporary PostgreSQL, a download of
// its binaries included.
const serverStartLimit = 3 * time.Minute

// reserve is how many connections the temporary server takes beyond those of
// the pools that are known when it starts.
const reserve = 100

// temporaryServer is the PostgreSQL that serves scripts without a DATABASE_URL.
// It starts when a VU first needs it and ends with the test.
type temporaryServer struct {
	logger logrus.FieldLogger

	mu     sync.Mutex
	server *embedded.Server
	err    error
}

// url starts the server, once for the process, and gives its address.
func (s *temporaryServer) url(connections int) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil && s.err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), serverStartLimit)
		defer cancel()
		s.server, s.err = embedded.Start(ctx, embedded.Config{
			MaxConnections: connections + reserve,
			Notify:         func(line string) { s.logger.Info(line) },
		})
	}
	if s.err != nil {
		return "", s.err
	}
	return s.server.URL(), nil
}

func (s *temporaryServer) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		return
	}
	if err := s.server.Stop(); err != nil {
		s.logger.WithError(err).Warn("stopping the temporary PostgreSQL")
	}
}
