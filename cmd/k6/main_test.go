//go:build unix

package main_test

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// The tests run k6, which mostly waits: with as many at a time as there are
// cores they would take longer than go test's ten minutes.
func TestMain(m *testing.M) {
	if address := os.Getenv(applicationVariable); address != "" {
		serveApplication(address)
	}
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	pgtest.Main(m)
}
