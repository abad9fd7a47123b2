//go:build unix

package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// askingHTTP is a scenario of users who ask an application; k6 waits so long for
// the last answers.
func askingHTTP(t *testing.T, url, duration string, graceful time.Duration) string {
	root := k6test.Root(t)
	return k6test.Script(t, fmt.Sprintf(`
import http from 'k6/http';
import { sleep } from 'k6';
import { judge } from '%[1]s/scripts/lib/verdict.js';
import { request } from '%[1]s/scripts/lib/request.js';
import { httpCriteria } from '%[1]s/thresholds/criteria.js';

const verdict = judge({ script: 'test', criteria: httpCriteria, target: '%[2]s' });
export const options = {
  scenarios: { users: { executor: 'constant-vus', vus: 10, duration: '%[3]s', gracefulStop: '%[4]s' } }, ...verdict.options,
};
export const handleSummary = verdict.handleSummary;
export default function () { request(() => http.get('%[2]s')); sleep(0.05); }
`, root, url, duration, graceful))
}

var unwatched = map[string]string{"WAIVE": "db_cpu,active_connections,overflow_time"}

func rows(t *testing.T, r k6test.Result) (s verdict.Summary, rows map[string]verdict.Row) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(r.File(t, "results/summary.json")), &s))
	rows = map[string]verdict.Row{}
	for _, c := range s.Criteria {
		rows[c.Name] = c
	}
	return s, rows
}

// An application that stops answering: ten requests never end.
func TestAnApplicationThatStopsAnsweringFails(t *testing.T) {
	t.Parallel()
	var began atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		began.CompareAndSwap(0, time.Now().UnixNano())
		if time.Since(time.Unix(0, began.Load())) > 2*time.Second {
			<-r.Context().Done()
		}
		time.Sleep(10 * time.Millisecond)
	}))
	defer server.Close()
	r := run(t, askingHTTP(t, server.URL, "5s", 5*time.Second), unwatched)
	require.Equal(t, exitThresholds, r.Code, r.Output())
	s, row := rows(t, r)
	require.Equal(t, verdict.Fail, s.Verdict)
	require.Equal(t, verdict.Fail, row["longest_stall"].Verdict)
	require.Equal(t, 10.0, *s.Overview.Interrupted)
	require.GreaterOrEqual(t, *s.Overview.Failed, 10.0)
	require.GreaterOrEqual(t, *s.Overview.ResponseMax, 4000.0)
	require.Contains(t, r.Stdout, "10 requests still open when the test ended (k6 interrupted 10 iterations)")
	require.Greater(t, *s.Overview.CorrectedP99, *s.Overview.ResponseP95, "stalled users made no requests")
}

// An outage of a few seconds is a small part of the requests.
func TestAnOutageThatEndsIsNoPass(t *testing.T) {
	t.Parallel()
	var began atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		began.CompareAndSwap(0, time.Now().UnixNano())
		if at := time.Since(time.Unix(0, began.Load())); at > 3*time.Second && at < 6*time.Second {
			time.Sleep(6*time.Second - at)
		}
		time.Sleep(10 * time.Millisecond)
	}))
	defer server.Close()
	r := run(t, askingHTTP(t, server.URL, "12s", 5*time.Second), unwatched)
	s, row := rows(t, r)
	require.Equal(t, verdict.Pass, row["success_rate"].Verdict)
	require.Equal(t, verdict.Warning, row["longest_stall"].Verdict, "three times the limit")
	require.NotEqual(t, verdict.Pass, s.Verdict)
	require.Less(t, *s.Overview.ResponseP95, 1000.0, "of what was measured")
	require.Greater(t, *s.Overview.CorrectedP95, 1000.0, "of what users met")
}

// The users of the own pool wait for a lock until the end.
func TestALockedTableFails(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	conn := pgtest.Conn(t, url)
	_, err := conn.Exec(t.Context(), `CREATE TABLE t (id int); INSERT INTO t VALUES (1)`)
	require.NoError(t, err)
	go func() {
		for deadline := time.Now().Add(time.Minute); pgtest.Backends(t, url, "locked") == 0 && time.Now().Before(deadline); {
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		_, _ = conn.Exec(t.Context(), `BEGIN; LOCK TABLE t`)
	}()
	root := k6test.Root(t)
	script := k6test.Script(t, fmt.Sprintf(`
import { Pool } from 'k6/x/pgxpool';
import { sleep } from 'k6';
import { judge } from '%[1]s/scripts/lib/verdict.js';
import { request } from '%[1]s/scripts/lib/request.js';
import { poolCriteria } from '%[1]s/thresholds/criteria.js';

const pool = new Pool({ poolSize: 20, applicationName: 'locked' });
const verdict = judge({ script: 'test', criteria: poolCriteria });
export const options = {
  scenarios: { users: { executor: 'constant-vus', vus: 5, duration: '8s', gracefulStop: '2s' } }, ...verdict.options,
};
export const handleSummary = verdict.handleSummary;
export default function () { request(() => pool.query('SELECT * FROM t')); sleep(0.05); }
`, root))
	r := run(t, script, map[string]string{"DATABASE_URL": url, "WAIVE": "db_cpu,response_drift"})
	require.Equal(t, exitThresholds, r.Code, r.Output())
	s, row := rows(t, r)
	require.Equal(t, verdict.Fail, row["longest_stall"].Verdict, r.Output())
	require.Equal(t, 5.0, *s.Overview.Interrupted)
	require.GreaterOrEqual(t, *s.Overview.Failed, 5.0)
	require.Equal(t, verdict.Fail, s.Verdict)
}

// When users stop asking, what they had begun ends more and more rarely.
func TestTheLastRequestsAreNoStall(t *testing.T) {
	t.Parallel()
	root := k6test.Root(t)
	script := k6test.Script(t, fmt.Sprintf(`
import exec from 'k6/execution';
import { Pool } from 'k6/x/pgxpool';
import { judge } from '%[1]s/scripts/lib/verdict.js';
import { request } from '%[1]s/scripts/lib/request.js';
import { poolCriteria } from '%[1]s/thresholds/criteria.js';

const pool = new Pool();
const verdict = judge({ script: 'test', criteria: poolCriteria });
export const options = { vus: 10, duration: '3s', ...verdict.options };
export const handleSummary = verdict.handleSummary;
export default function () {
  const last = exec.vu.idInTest === 1 && exec.scenario.progress > 0.8;
  request(() => pool.query('SELECT pg_sleep($1)', last ? 6 : 0.1));
}
`, root))
	r := run(t, script, map[string]string{"WAIVE": "db_cpu,response_drift"})
	_, row := rows(t, r)
	// The last request takes 6 s, of which others end in 0.6 s at most; a busy machine
	// stalls for a second or two.
	require.Less(t, *row["longest_stall"].Measured, 4.0, r.Output())
}
