//go:build unix

package troublestest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/faultstest"
	"github.com/flowboard/xk6-pgxpool/internal/flowboardtest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// Over a network the server sees a part only of the time for which a connection
// is checked out: of a transaction's round trips all but one, of a ping that is a
// single statement none. docs/application.md has the values.
func TestWhatTheServerSeesOverANetwork(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		driver string // of SQLAlchemy 1.4, or of our pool, as of 2.0
		ping   bool
		sees   float64 // round trips during which the server shows the session as not idle
		of     float64 // round trips of a checkout of two statements
	}{
		{"SQLAlchemy 1.4 asyncpg", false, 3, 4},
		{"SQLAlchemy 1.4 asyncpg", true, 4, 5}, // pings inside the transaction
		{"SQLAlchemy 1.4 psycopg2", false, 3, 4},
		{"SQLAlchemy 1.4 psycopg2", true, 3, 5},
		{"asyncpg", false, 3, 4},
		{"asyncpg", true, 5, 7}, // pings in a transaction of its own
		{"psycopg", false, 3, 4},
		{"psycopg", true, 3, 5},
		{"pgx", false, 3, 4},
		{"pgx", true, 3, 5},
	} {
		t.Run(fmt.Sprintf("%s, pre-ping %v", tt.driver, tt.ping), func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t)
			wire := faultstest.NewWire(t, url, oneWay)
			measure := ofPool
			if strings.HasPrefix(tt.driver, "SQLAlchemy") {
				measure = ofEngine
			}
			server, checkedOut := measure(t, url, wire.URL(), tt.driver, tt.ping)
			t.Logf("the server shows %.0f %% of what is checked out, %.0f of %.0f round trips are %.0f %%",
				100*server/checkedOut, tt.sees, tt.of, 100*tt.sees/tt.of)
			require.Positive(t, checkedOut)
			require.Less(t, server, checkedOut)
			require.InDelta(t, tt.sees/tt.of, server/checkedOut, 0.12)
		})
	}
}

const (
	oneWay          = 20 * time.Millisecond // beside it a program's own time is little, on a busy machine too
	fidelitySeconds = 3
)

// ofEngine has SQLAlchemy's own users.
func ofEngine(t *testing.T, direct, wire, driver string, ping bool) (server, checkedOut float64) {
	t.Helper()
	flowboardtest.RequirePackages(t, "psycopg2")
	pings := "0"
	if ping {
		pings = "1"
	}
	cmd := exec.CommandContext(t.Context(), flowboardtest.Python(), "testdata/fidelity.py", // #nosec G204 -- the tester names the interpreter
		driver[strings.LastIndex(driver, " ")+1:], pings, fmt.Sprint(fidelitySeconds))
	cmd.Env = []string{"URL=" + sqlAlchemy(t, wire), "DIRECT=" + direct, "NAME=" + wire[strings.LastIndex(wire, "/")+1:], "PYTHONDONTWRITEBYTECODE=1"}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	_, err = fmt.Sscan(string(out), &server, &checkedOut)
	require.NoError(t, err, string(out))
	return server, checkedOut
}

// ofPool has users of our pool, which makes SQLAlchemy 2.0's round trips.
func ofPool(t *testing.T, direct, wire, driver string, ping bool) (server, checkedOut float64) {
	t.Helper()
	config := pool.DefaultConfig()
	config.URL, config.Driver, config.PoolPrePing, config.ApplicationName = wire, pool.Driver(driver), ping, wire[strings.LastIndex(wire, "_")+1:]
	p, err := pool.New(config, pool.Options{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var users sync.WaitGroup
	defer func() { cancel(); users.Wait(); p.Shutdown(context.Background()) }()
	for range 4 {
		users.Go(func() {
			for ctx.Err() == nil {
				twoStatements(ctx, p)
			}
		})
	}
	require.Eventually(t, func() bool { return p.Stat().Total == 4 }, time.Minute, 20*time.Millisecond)
	conn := pgtest.Conn(t, direct)
	for until := time.Now().Add(fidelitySeconds * 1e9); time.Now().Before(until); {
		var active int
		require.NoError(t, conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state <> 'idle'",
			config.ApplicationName).Scan(&active))
		server, checkedOut = server+float64(active), checkedOut+float64(p.Stat().Active)
		time.Sleep(time.Duration(5+rand.IntN(20)) * time.Millisecond)
	}
	return server, checkedOut
}

// twoStatements is a request; it ends in the middle when the test does.
func twoStatements(ctx context.Context, p *pool.Pool) {
	scope := pool.NewScope(ctx, pool.NopObserver{})
	c, err := p.Acquire(scope, nil)
	if err != nil {
		return
	}
	defer c.Release()
	if c.Begin(scope) != nil {
		return
	}
	for range 2 {
		if _, err := c.Query(scope, "SELECT 1", nil); err != nil {
			return
		}
	}
	_ = c.Commit(scope)
}
