//go:build unix

package examples_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// Every example checks what it shows and fails if a check does, so it is
// enough that k6 is content.
func TestEveryExampleRuns(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob(filepath.Join(k6test.Root(t), "examples", "*.js"))
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	k6test.Binary(t) // building it counts in no run's time limit
	for _, script := range scripts {
		t.Run(filepath.Base(script), func(t *testing.T) {
			t.Parallel()
			result := k6test.K6(t, k6test.Run{
				Args: []string{"run", "--quiet", "--address", "", script},
				Env:  map[string]string{"DATABASE_URL": pgtest.Database(t)},
			})
			require.Zero(t, result.Code, result.Output())
			said := complaints(result.Output())
			if filepath.Base(script) == "errors.js" {
				// Its pool of one is exhausted by the user who waits.
				require.Len(t, said, 1)
				require.Contains(t, said[0], "nested checkout")
				return
			}
			require.Empty(t, said)
		})
	}
}

// A threshold such as rate==1 holds where nothing was counted: an example must not pass for want of a server.
func TestEveryExampleFailsWithoutAServer(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob(filepath.Join(k6test.Root(t), "examples", "*.js"))
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	k6test.Binary(t)
	for _, script := range scripts {
		t.Run(filepath.Base(script), func(t *testing.T) {
			t.Parallel()
			result := k6test.K6(t, k6test.Run{
				Args: []string{"run", "--quiet", "--address", "", script},
				Env:  map[string]string{"DATABASE_URL": "postgres://user@127.0.0.1:1/none"},
			})
			require.Contains(t, []int{99, 107}, result.Code, result.Output())
			require.Contains(t, result.Output(), "127.0.0.1:1", "it says which server does not answer")
		})
	}
}

// complaints gives the errors and warnings among k6's log lines. That the
// database's CPU cannot be read is the server's or its role's doing.
func complaints(output string) []string {
	var found []string
	for line := range strings.Lines(output) {
		isComplaint := strings.Contains(line, "level=error") || strings.Contains(line, "level=warning")
		if isComplaint && !strings.Contains(line, "pgxpool_db_cpu is not measured") {
			found = append(found, line)
		}
	}
	return found
}
