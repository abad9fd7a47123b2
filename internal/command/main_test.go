package command

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"go.k6.io/k6/v2/cmd"
	"go.k6.io/k6/v2/subcommand"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// runAsK6 makes the test binary k6 with the subcommands and nothing else: a
// process with real signals, pipes and exit codes that needs no build.
// Its value is the repository, which has the criteria.
const runAsK6 = "XK6_PGXPOOL_TEST_RUN_AS_K6"

func root() string {
	if given := os.Getenv(runAsK6); given != "" {
		return given
	}
	here, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return here
}

// repository stands for the files that the binary holds.
var repository = fstest.MapFS{
	"scripts/100users.js":           {Data: []byte("export default () => {};\n")},
	"deploy/init/env.example":       {Data: []byte("DB_POOL_SIZE=20\n")},
	".github/workflows/nightly.yml": {Data: []byte("run: xk6 build --with " + module + "=.\n")},
}

func TestMain(m *testing.M) {
	if plan := os.Getenv(runAsRerun); plan != "" && os.Getenv("OUT") != "" {
		runAgain(plan) // exits
	}
	subcommand.RegisterExtension("pgxpool", New(os.DirFS(root())))
	if os.Getenv(runAsK6) != "" {
		cmd.Execute() // exits
	}
	pgtest.Main(m)
}
