//go:build unix

package troublestest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// What applications leave of requests that nobody waits for is found from the
// server's side alone, and a connection outside a transaction by what the
// application says.
func TestAbandonFindsWhatIsLeft(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		path string
		env  map[string]string
		told bool
	}{
		"open in a transaction": {path: "/unfinished?s=0.4"},
		"checked out only":      {path: "/unfinished?s=0.4", env: map[string]string{"ISO": "AUTOCOMMIT"}, told: true},
		"still running":         {path: "/deadline?s=60&limit=0.3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t)
			fill(t, url)
			appEnv := map[string]string{"URL": sqlAlchemy(t, url), "NAME": identifier(t), "TIMEOUT": "2", "SIZE": "10", "OVER": "20"}
			for name, value := range test.env {
				appEnv[name] = value
			}
			app := start(t, "testdata", "queuepool", 1, appEnv)
			env := map[string]string{
				"DATABASE_URL": url, "DB_APPLICATION_NAME": identifier(t), "DB_POOL_SIZE": "10", "DB_MAX_OVERFLOW": "20",
				"BASE_URL": app.baseURL, "ENDPOINT": test.path, "CONCURRENT": "3", "THINK": "0.2", "DURATION": "4",
				"ABANDON": "0.5", "SETTLE": "3", "WAIVE": "success_rate",
			}
			if test.told {
				env["APP_URL"] = app.baseURL + "/health/pool"
			}
			r := k6test.K6(t, k6test.Run{Args: []string{"run", "--quiet", filepath.Join(k6test.Root(t), "scripts", "abandon.js")}, Env: env, Plain: true})
			require.Equal(t, 99, r.Code, r.Output())
			summary, err := verdict.ParseSummary([]byte(r.File(t, "results/summary.json")))
			require.NoError(t, err)
			for _, row := range summary.Criteria {
				if row.Name == "left_in_use" {
					require.Equal(t, verdict.Fail, row.Verdict, r.Output())
					require.Positive(t, *row.Measured)
				}
			}
			require.Contains(t, r.Output(), "In use afterwards")
		})
	}
}
