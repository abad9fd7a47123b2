//go:build unix

package fastapi_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/flowboardtest"
	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// TestNothingIsLeftOfAbandonedRequests: FlowBoard finishes what its clients no longer wait for.
func TestNothingIsLeftOfAbandonedRequests(t *testing.T) {
	t.Parallel()
	const name = "flowboard-abandoned" // sessions are counted by name on the whole server
	url := pgtest.Database(t)
	app := flowboardtest.Start(t, flowboardtest.Config{DatabaseURL: url, ApplicationName: name, PoolSize: 5, MaxOverflow: 10})
	l := loaded{k6: k6test.K6(t, k6test.Run{Plain: true,
		Args: []string{"run", "--quiet", filepath.Join(k6test.Root(t), "scripts", "abandon.js")},
		Env: map[string]string{
			"DATABASE_URL": url, "DB_APPLICATION_NAME": name, "DB_POOL_SIZE": "5", "DB_MAX_OVERFLOW": "10",
			"BASE_URL": app.BaseURL, "APP_URL": app.BaseURL + "/health/pool", "ENDPOINT": "/api/issues?hold=0.5",
			"CONCURRENT": "10", "THINK": "0.1", "DURATION": "6", "ABANDON": "0.3", "SETTLE": "3", "INTERVAL": "1",
		},
	})}
	require.NoError(t, app.Stop())
	var err error
	l.summary, err = verdict.ParseSummary([]byte(l.k6.File(t, "results/summary.json")))
	require.NoError(t, err, l.k6.Output())
	require.Zero(t, l.k6.Code, l.k6.Output())
	require.Equal(t, verdict.Pass, l.summary.Verdict, l.k6.Output())
	require.Greater(t, *row(t, l, "abandoned").Measured, 3.0, l.k6.Output())
	require.Zero(t, *row(t, l, "left_in_use").Measured)
	require.Greater(t, value(t, l, "app_pool_active_sampled", "max"), 1.0, "the pool was in use meanwhile")
}
