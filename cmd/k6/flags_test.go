//go:build unix

package main_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// k6's own --vus and --duration replace a script's scenarios.
func TestScenariosTakeTheFlagsOfK6(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	for script, waived := range map[string]string{
		"100users.js": "", "own.js": "", "soak.js": ",connection_growth,memory_growth",
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			r := k6test.K6(t, k6test.Run{Plain: true,
				Args: []string{"run", "--quiet", "--vus", "5", "--duration", "5s", "-e", "THINK=0.1",
					"-e", "WAIVE=" + k6test.Noisy + waived, filepath.Join(k6test.Root(t), "scripts", script)},
				Env: map[string]string{"DATABASE_URL": url},
			})
			require.Zero(t, r.Code, r.Output())
			require.Contains(t, r.Stdout, ", 5 users, ")
		})
	}
}

// Where the scenarios are the subject, they are named and nothing runs.
func TestScenariosOfTheirOwnRefuseTheFlagsOfK6(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	for _, script := range []string{"restart.js", "recycle.js", "stale-connections.js"} {
		r := k6test.K6(t, k6test.Run{Plain: true,
			Args: []string{"run", "--quiet", "--vus", "5", "--duration", "5s", filepath.Join(k6test.Root(t), "scripts", script)},
			Env:  map[string]string{"DATABASE_URL": url},
		})
		require.Equal(t, 107, r.Code, r.Output())
		require.Contains(t, r.Stdout, "use -e CONCURRENT=… and -e DURATION=… in their place")
	}
}
