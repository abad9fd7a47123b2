//go:build unix

package troublestest

import (
	"flag"
	"runtime"
	"strconv"
	"testing"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// Each test watches an application for seconds, and mostly waits.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	pgtest.Main(m)
}
