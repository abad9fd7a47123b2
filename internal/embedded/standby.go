package embedded

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/flowboard/xk6-pgxpool/internal/child"
)

// Standby makes a hot standby of s, a copy that takes reads and follows s by streaming replication, and returns when it
// accepts connections. It is a server of its own, with the same password: Stop it as well, in any order.
func (s *Server) Standby(ctx context.Context) (*Server, error) {
	standby := &Server{cfg: s.cfg, found: s.found, as: s.as, password: s.password}
	if _, err := os.Stat(s.found.program("pg_basebackup")); err != nil {
		return nil, standby.startError("copy the primary", fmt.Errorf("it needs an installed PostgreSQL with pg_basebackup: %w", err))
	}
	copyPrimary := step{"copy the primary", func(ctx context.Context) error { return standby.copyOf(ctx, s) }}
	if err := standby.bringUp(ctx, copyPrimary); err != nil {
		return nil, err
	}
	return standby, nil
}

// copyOf makes the data directory. The standby needs the password's file later too.
func (s *Server) copyOf(ctx context.Context, primary *Server) error {
	passwordFile, err := s.writePassword("pgpass", "*:*:*:*:")
	if err != nil {
		return err
	}
	return s.runToEnd(ctx, "pg_basebackup",
		fmt.Sprintf("--dbname=host=%s port=%d user=%s passfile='%s'", loopback, primary.port, superuser,
			strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(passwordFile)),
		"--pgdata="+s.DataDir(),
		"--wal-method=stream",
		"--checkpoint=fast",
		"--write-recovery-conf",
		"--no-sync",
	)
}

// Promote makes a standby a primary and returns when it takes writes. What it has received is not lost.
func (s *Server) Promote(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errStopped
	}
	cmd := s.found.command(ctx, s.as, s.dir, "pg_ctl", "promote", "--wait", "--pgdata="+s.DataDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("promote the standby: %w: %s", err, child.LastLines(string(out), 1))
	}
	return nil
}

// MakeReadOnly lets the server refuse writes from now on, in open sessions too, as an old primary does that was not
// taken away: default_transaction_read_only.
func (s *Server) MakeReadOnly() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errStopped
	}
	if err := configure(s.DataDir(), map[string]string{"default_transaction_read_only": "on"}); err != nil {
		return fmt.Errorf("make the server read-only: %w", err)
	}
	if err := s.process.Signal(syscall.SIGHUP); err != nil {
		return fmt.Errorf("make the server read-only: %w", err)
	}
	return nil
}

// URLWith names both servers, s first, and which of them to connect to: libpq's target_session_attrs.
func (s *Server) URLWith(other *Server, attributes string) string {
	host := net.JoinHostPort(loopback, strconv.Itoa(s.port))
	both := host + "," + net.JoinHostPort(loopback, strconv.Itoa(other.port))
	return strings.Replace(s.URL(), host, both, 1) + "&target_session_attrs=" + attributes
}
