//go:build unix

package command

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// Real runs of which one holds its connections eight times as long, which no
// configuration tells: what a slower query does to an application.
func TestCompareOfRealRuns(t *testing.T) {
	script := k6test.Script(t, fmt.Sprintf(`
import { Pool } from 'k6/x/pgxpool';
import { judge } from '%[1]s/scripts/lib/verdict.js';
import { request } from '%[1]s/scripts/lib/request.js';
import { poolCriteria } from '%[1]s/thresholds/criteria.js';

const pool = new Pool();
const verdict = judge({ script: 'test', users: 6, criteria: poolCriteria });
export const options = { vus: 6, duration: '3s', ...verdict.options };
export const handleSummary = verdict.handleSummary;
export default () => request(() => pool.query('SELECT pg_sleep($1::float8)', Number(__ENV.SLEEP)));
`, k6test.Root(t)))
	k6test.PlainBinary(t) // built before runs are under way
	url, outer := pgtest.Database(t), t
	dirs := map[string]string{}
	t.Run("runs", func(t *testing.T) {
		for name, settings := range map[string][]string{
			"first": {"-e", "SLEEP=0.3"}, "slow": {"-e", "SLEEP=1.5"},
			"other pool": {"-e", "SLEEP=0.3", "-e", "DB_POOL_SIZE=7"},
		} {
			dir := outer.TempDir()
			dirs[name] = dir
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				args := append([]string{"run", "-e", "GATE=fail", "-e", "WAIVE=db_cpu,response_drift"}, settings...)
				r := k6test.K6(t, k6test.Run{Plain: true,
					Args: append(args, script), Env: map[string]string{"DATABASE_URL": url}, Dir: dir,
				})
				require.Zero(t, r.Code, r.Output())
			})
		}
	})
	summary := func(name string) string { return filepath.Join(dirs[name], "results", "summary.json") }

	compared := func(baseline, result string, flags ...string) k6test.Result {
		args := []string{"x", "pgxpool", "compare", summary(baseline), summary(result)}
		return k6test.K6(t, k6test.Run{Plain: true, Args: append(args, flags...)})
	}
	steady := []string{"--only", "response_p95,query_p95,throughput,success_rate"}
	r := compared("first", "first", steady...)
	require.Zero(t, r.Code, r.Output())
	r = compared("first", "slow", steady...)
	require.Equal(t, 2, r.Code, r.Output())
	require.Regexp(t, `(?m)^Query, p95 .* worse$`, r.Stdout)
	require.Regexp(t, `(?m)^Requests per second .* worse$`, r.Stdout)
	require.Regexp(t, `(?m)^Success rate .* same$`, r.Stdout)
	r = compared("slow", "first", steady...)
	require.Zero(t, r.Code, r.Output())
	require.Regexp(t, `(?m)^Response, p95 .* better$`, r.Stdout)
	r = compared("first", "other pool")
	require.Equal(t, 3, r.Code, r.Output())
	require.Contains(t, r.Stderr, "another configuration (poolSize 20, the result 7)")
	// The same load again, which holds as long as before: not confirmed.
	r = k6test.K6(t, k6test.Run{Plain: true,
		Args: append([]string{
			"x", "pgxpool", "compare", summary("first"), summary("slow"), script, "--confirm", "--confirm-runs", "1",
			"--tolerance", "50",
		}, steady...), // of a machine that runs other tests too,
		Env: map[string]string{"DATABASE_URL": url, "SLEEP": "0.3", "GATE": "fail", "WAIVE": "db_cpu,response_drift"},
	})
	require.Zero(t, r.Code, r.Output())
	require.Regexp(t, `(?m)^response_p95: not confirmed by 1 rerun: \S+ m?s against \S+ m?s\.$`, r.Stdout)
	require.NoDirExists(t, filepath.Join(r.Dir, "results"), "a rerun's files are temporary")
	r = k6test.K6(t, k6test.Run{Plain: true, Args: []string{"x", "pgxpool", "compare", summary("first"), "nowhere.json"}})
	require.Equal(t, 104, r.Code, r.Output())
}
