package command

import (
	"os"
	"testing"

	"go.k6.io/k6/v2/cmd"
	"go.k6.io/k6/v2/subcommand"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// runAsK6 makes the test binary k6 with the subcommands and nothing else: a
// process with real signals, pipes and exit codes that needs no build.
const runAsK6 = "XK6_PGXPOOL_TEST_RUN_AS_K6"

func TestMain(m *testing.M) {
	subcommand.RegisterExtension("pgxpool", New)
	if os.Getenv(runAsK6) != "" {
		cmd.Execute() // exits
	}
	pgtest.Main(m)
}
