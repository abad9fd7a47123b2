// Package pgtest gives tests a PostgreSQL: one temporary server for a test binary, started by the first test that
// asks for it, or the server that TEST_DATABASE_URL names.
package pgtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/flowboard/xk6-pgxpool/embedded"
)

// MaxConnections is what the shared temporary server accepts.
const MaxConnections = 300

var shared = sync.OnceValues(func() (*embedded.Server, error) {
	return embedded.Start(context.Background(), embedded.Config{MaxConnections: MaxConnections})
})

// used tells Main whether there is a shared server to stop; set before shared is called.
var used sync.Once

var isUsed bool

// Main runs the tests of a package, stops the shared server and fails on goroutines that are left. It does not return.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
func Main(m *testing.M, options ...goleak.Option) {
	code := m.Run()
	if err := stopShared(); err != nil {
		code = report(code, err)
	}
	if code == 0 {
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

func stopShared() error {
	if !isUsed {
		return nil
	}
	server, err := shared()
	if err != nil {
		return nil //nolint:nilerr // the tests that asked for it have failed with it
	}
	return server.Stop()
}

// URL connects as superuser to the server of this test binary, or is TEST_DATABASE_URL.
func URL(t testing.TB) string {
	t.Helper()
	if given := os.Getenv("TEST_DATABASE_URL"); given != "" {
		return given
	}
	used.Do(func() { isUsed = true })
	server, err := shared()
	check(t, "start the shared server", err)
	return server.URL()
}

// Server starts a server of the test's own, for tests that restart or kill it. It is stopped at the test's end.
func Server(t testing.TB, cfg embedded.Config) *embedded.Server {
	t.Helper()
	server, err := embedded.Start(t.Context(), cfg)
	check(t, "start a server", err)
	t.Cleanup(func() { check(t, "stop a server", server.Stop()) })
	return server
}

// check ends the test on an error.
func check(t testing.TB, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("pgtest: %s: %v", doing, err)
	}
}
