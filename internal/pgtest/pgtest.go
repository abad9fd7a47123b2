// Package pgtest gives tests a PostgreSQL: one temporary server for a test binary, started by the first test that
// asks for it, or the server that TEST_DATABASE_URL names.
package pgtest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
)

// MaxConnections is what the shared temporary server offers.
const MaxConnections = 300

// urlVariable names another server for the tests.
const urlVariable = "TEST_DATABASE_URL"

var shared sharedServer

// sharedServer is started once, by whoever comes first.
type sharedServer struct {
	once   sync.Once
	server *embedded.Server
	err    error
}

func (s *sharedServer) get() (*embedded.Server, error) {
	s.once.Do(func() {
		// It outlives the test that asks for it first.
		s.server, s.err = embedded.Start(context.Background(), embedded.Config{MaxConnections: MaxConnections})
	})
	return s.server, s.err
}

func (s *sharedServer) stop() error {
	if s.server == nil {
		return nil
	}
	return s.server.Stop()
}

// Main runs the tests of a package, stops the shared server and fails on goroutines that are left. It does not return.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
func Main(m *testing.M, options ...goleak.Option) {
	code := m.Run()
	if err := shared.stop(); err != nil {
		code = report(code, err)
	}
	if code == 0 { // a failed test may well have left something
		if err := goleak.Find(options...); err != nil {
			code = report(code, err)
		}
	}
	os.Exit(code)
}

func report(code int, err error) int {
	fmt.Fprintln(os.Stderr, "pgtest:", err)
	return max(code, 1)
}

// URL connects as superuser to the server of this test binary, or is TEST_DATABASE_URL.
func URL(t testing.TB) string {
	t.Helper()
	if given := os.Getenv(urlVariable); given != "" {
		if !strings.HasPrefix(given, "postgres://") && !strings.HasPrefix(given, "postgresql://") {
			t.Fatalf("pgtest: %s is no postgres:// or postgresql:// URL", urlVariable) // it may hold a password
		}
		return given
	}
	server, err := shared.get()
	check(t, "start the shared server", err)
	return server.URL()
}

// ExampleURL is URL for examples, which have no testing.TB.
func ExampleURL() string {
	if given := os.Getenv(urlVariable); given != "" {
		return given
	}
	server, err := shared.get()
	if err != nil {
		panic(fmt.Sprintf("pgtest: start the shared server: %v", err))
	}
	return server.URL()
}

// Server starts a server of the test's own, for tests that restart or kill it. It is stopped at the test's end.
func Server(t testing.TB, cfg embedded.Config) *embedded.Server {
	t.Helper()
	server, err := embedded.Start(t.Context(), cfg)
	check(t, "start a server", err)
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return server
}

// check ends the test on an error.
func check(t testing.TB, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("pgtest: %s: %v", doing, err)
	}
}
