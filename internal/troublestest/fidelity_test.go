//go:build unix

package troublestest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/faultstest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// Over a network the server sees a part only of the time for which a connection
// is checked out: from BEGIN to ROLLBACK. docs/application.md has the numbers.
func TestWhatTheServerSeesOverANetwork(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prePing string
		low     float64 // share of what is checked out, at least and at most
		high    float64
	}{
		"without pre-ping, BEGIN to ROLLBACK is 3 of 4 round trips": {"0", 0.40, 0.90},
		"with pre-ping": {"1", 0.40, 0.95},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t)
			fill(t, url)
			wire := faultstest.NewWire(t, url, 10*time.Millisecond)
			app := start(t, "testdata", "queuepool", 1, map[string]string{
				"URL": sqlAlchemy(t, wire.URL()), "NAME": identifier(t), "TIMEOUT": "10", "SIZE": "40", "OVER": "20", "PRE_PING": tt.prePing,
			})
			s := observe(t, app, "/quick", 10, 12, map[string]string{
				"DATABASE_URL": url, "DB_APPLICATION_NAME": identifier(t), "DB_POOL_SIZE": "40", "DB_MAX_OVERFLOW": "20",
				"APP_URL": app.baseURL + "/health/pool", "THINK": "0",
			})
			var server, application float64
			for i, pair := range s.pairs {
				server += float64(s.server[i])
				application += float64(pair[1])
			}
			require.Greater(t, application, 5*float64(len(s.pairs)), "there was load")
			t.Logf("the server shows %.0f %% of what is checked out: %.1f of %.1f", 100*server/application,
				server/float64(len(s.pairs)), application/float64(len(s.pairs)))
			require.Greater(t, server/application, tt.low)
			require.Less(t, server/application, tt.high)
		})
	}
}
