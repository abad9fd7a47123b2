// Package pgtest gives tests a PostgreSQL: one temporary server for a test binary, started by the first test that
// asks for it, or the server that TEST_DATABASE_URL names.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
)

// urlVariable names another server for the tests.
const urlVariable = "TEST_DATABASE_URL"

// shared is the server of this test binary, nil until a test asks for it. It
// outlives that test.
var shared *embedded.Server

var startShared = sync.OnceValue(func() (err error) {
	shared, err = embedded.Start(context.Background(), embedded.Config{MaxConnections: 300})
	return err
})

// Main runs the tests of a package, stops the shared server and fails on goroutines that are left. It does not return.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
func Main(m *testing.M, options ...goleak.Option) {
	if err := useTemp(); err != nil {
		os.Exit(report(1, err))
	}
	code := m.Run()
	if shared != nil {
		if err := shared.Stop(); err != nil {
			code = report(code, err)
		}
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
	url, err := serverURL()
	require.NoError(t, err, "find a server")
	return url
}

// ExampleURL is URL for examples, which have no testing.TB.
func ExampleURL() string {
	url, err := serverURL()
	if err != nil {
		panic(fmt.Sprintf("pgtest: find a server: %v", err))
	}
	return url
}

func serverURL() (string, error) {
	if given := os.Getenv(urlVariable); given != "" {
		if !strings.HasPrefix(given, "postgres://") && !strings.HasPrefix(given, "postgresql://") {
			return "", errors.New(urlVariable + " is no postgres:// or postgresql:// URL") // it may hold a password
		}
		return given, nil
	}
	if err := startShared(); err != nil {
		return "", err
	}
	return shared.URL(), nil
}

// Server starts a server of the test's own, for tests that restart or kill it. It is stopped at the test's end.
func Server(t testing.TB, cfg embedded.Config) *embedded.Server {
	t.Helper()
	server, err := embedded.Start(t.Context(), cfg)
	require.NoError(t, err, "start a server")
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return server
}
