//go:build unix

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// The runners of one test, as k6-operator starts them: each has its segment,
// and all have the sequence.
const segmentSequence = "0,1/4,1/2,3/4,1"

var segments = []string{"0:1/4", "1/4:1/2", "1/2:3/4", "3/4:1"}

// shared is a test of more users than the pool has places, neither of which
// four runners can divide without a rest. Each user leaves its number. The
// runners wait for each other, as k6-operator lets them.
func shared(t *testing.T, applicationName string) string {
	return k6test.Script(t, fmt.Sprintf(`
import exec from 'k6/execution';
import { sleep } from 'k6';
import { Pool } from 'k6/x/pgxpool';
import { judge } from '%[1]s/scripts/lib/verdict.js';
import { request } from '%[1]s/scripts/lib/request.js';
import { poolCriteria } from '%[1]s/thresholds/criteria.js';

const pool = new Pool({ poolSize: 7, maxOverflow: 6, applicationName: '%[2]s' });
const verdict = judge({ script: 'shared', criteria: poolCriteria });
export const options = { vus: 40, duration: '4s', ...verdict.options };
export const handleSummary = verdict.handleSummary;
export function setup() {
  pool.exec('INSERT INTO runners_ready DEFAULT VALUES');
  while (pool.queryRow('SELECT count(*) AS n FROM runners_ready').n < 4) {
    sleep(0.05);
  }
}
export default function () {
  request(() => pool.exec('WITH held AS (SELECT pg_sleep(0.05)) INSERT INTO users_seen SELECT $1 FROM held ON CONFLICT DO NOTHING', exec.vu.idInTest));
}
export function teardown() { pool.exec('SELECT 1'); }
`, k6test.Root(t), applicationName))
}

// watchPeak samples how many connections the application has, until the
// returned function is called, which gives the most there ever were.
func watchPeak(t *testing.T, database, applicationName string) (peak func() int) {
	t.Helper()
	conn := pgtest.Conn(t, database)
	ctx, cancel := context.WithCancel(t.Context())
	most, samples := 0, 0
	var err error
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			var n int
			// Not with ctx: what interrupts the query would close the connection.
			if n, err = countSessions(t.Context(), conn, applicationName); err != nil {
				return
			}
			most, samples = max(most, n), samples+1
		}
	})
	return func() int {
		cancel()
		done.Wait()
		require.NoError(t, err)
		require.Greater(t, samples, 20)
		return most
	}
}

func countSessions(ctx context.Context, conn *pgx.Conn, applicationName string) (n int, err error) {
	err = conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", applicationName).Scan(&n)
	return n, err
}

// Four k6 processes share one configured pool: the server never has a
// connection more, and every user runs.
func TestRunnersShareOnePool(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	conn := pgtest.Conn(t, database)
	_, err := conn.Exec(t.Context(), "CREATE TABLE users_seen (vu bigint PRIMARY KEY); CREATE TABLE runners_ready ()")
	require.NoError(t, err)
	script, peak := shared(t, "runners"), watchPeak(t, database, "runners")

	results := make([]k6test.Result, len(segments))
	var runners sync.WaitGroup
	for i, segment := range segments {
		runners.Go(func() {
			results[i] = k6test.K6(t, k6test.Run{
				Args: []string{"run", "--execution-segment", segment, "--execution-segment-sequence", segmentSequence,
					"--out", "json=" + rawSamples, script},
				Env: map[string]string{"DATABASE_URL": database, "GATE": "fail"},
			})
		})
	}
	runners.Wait()
	requireShares(t, results)
	requireMerged(t, results)
	require.Equal(t, 13, peak(), "poolSize 7 and maxOverflow 6, all of it and never more")
	var users int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM users_seen").Scan(&users))
	require.Equal(t, 40, users)
}

// requireShares checks what each runner says of itself.
func requireShares(t *testing.T, results []k6test.Result) {
	t.Helper()
	sizes, overflows := 0, 0
	for i, r := range results {
		require.Contains(t, []int{0, exitThresholds}, r.Code, r.Output())
		require.NotContains(t, r.Output(), "PoolTimeoutError")
		var s struct {
			Notes []string
			Run   struct {
				Users         int
				Configuration map[string]string
			}
			Overview struct {
				PeakActive float64 `json:"peak_active"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(r.File(t, "results/summary.json")), &s))
		c := s.Run.Configuration
		require.Equal(t, segments[i], c["executionSegment"])
		require.Equal(t, segmentSequence, c["executionSegmentSequence"])
		require.Equal(t, "7+6", c["configuredPoolSize"]+"+"+c["configuredMaxOverflow"])
		size, err := strconv.Atoi(c["poolSize"])
		require.NoError(t, err)
		overflow, err := strconv.Atoi(c["maxOverflow"])
		require.NoError(t, err)
		require.Equal(t, float64(size+overflow), s.Overview.PeakActive, "its own levels")
		require.Equal(t, 10, s.Run.Users)
		require.Contains(t, r.Stdout, "execution segment "+segments[i])
		sizes, overflows = sizes+size, overflows+overflow
	}
	require.Equal(t, []int{7, 6}, []int{sizes, overflows})
}

// Four runners cannot share two places. Each says so, and none connects.
func TestMoreRunnersThanPoolSize(t *testing.T) {
	t.Parallel()
	r := k6test.K6(t, k6test.Run{
		Args: []string{"run", "--execution-segment", "0:1/4", "--execution-segment-sequence", segmentSequence,
			importingSetup(t, `{ poolSize: 2 }`)},
		Env: map[string]string{"DATABASE_URL": "postgres://" + freeAddress(t) + "/nowhere"},
	})
	require.Equal(t, exitScriptException, r.Code, r.Output())
	require.Contains(t, r.Stderr, "ConfigError: option poolSize: 2 is not accepted: the runners share it, this one as "+
		"execution segment 0:1/4, and each needs at least one connection; use at least 4, or fewer runners")
}

func importingSetup(t *testing.T, options string) string {
	return k6test.Script(t, `
import { Pool } from 'k6/x/pgxpool';
const pool = new Pool(`+options+`);
export const options = { vus: 4, iterations: 4 };
export function setup() { pool.exec('SELECT 1'); }
export default function () { throw new Error('must not run'); }`)
}
