package module_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

func TestWithGivesRowsAsArrays(t *testing.T) {
	for _, mode := range []string{"cache_statement", "simple_protocol"} {
		u := jstest.Running(t, `{ queryExecMode: '`+mode+`' }`)
		u.JS(`const arrays = pool.with({ rowMode: 'array' }), conn = arrays.acquire();
			const all = (rows) => [rows, rows.fields];`)
		for _, on := range []string{"arrays", "conn"} {
			for call, want := range map[string]string{
				`query("SELECT 1 AS a, 'x' AS a, NULL AS b")`: `[[[1,"x",null]],[{"name":"a","oid":23},{"name":"a","oid":25},{"name":"b","oid":25}]]`,
				`query('SELECT 1 AS a WHERE false')`:          `[[],[{"name":"a","oid":23}]]`,
			} {
				require.Equal(t, want, u.Text(`all(`+on+`.`+call+`)`), "%s %s %s", mode, on, call)
				require.Equal(t, want, u.Text(on+`.`+asynchronous(call)+`.then(all)`))
			}
			require.Equal(t, `[[1,2],null,7]`, u.Text(`[`+on+`.queryRow('SELECT 1, 2'), `+on+`.queryRow('SELECT 1 WHERE false'), `+on+`.queryValue('SELECT 7')]`))
		}
		require.Equal(t, `[{"a":1}]`, u.Text(`pool.query('SELECT 1 AS a')`), "the pool itself is as it was")
		require.Equal(t, `[{"a":1}]`, u.Text(`arrays.with({ rowMode: 'object' }).query('SELECT 1 AS a')`))
	}
}

func TestWithLimitsRows(t *testing.T) {
	for _, driver := range []string{"pgx", "asyncpg"} {
		u := jstest.Running(t, `{ driver: '`+driver+`' }`)
		u.JS(`const few = pool.with({ maxRows: 3 }), conn = few.acquire();`)
		want := `QueryError: the result has 5 rows, more than maxRows 3, and none of them is given: add LIMIT to the statement, or raise maxRows`
		for _, on := range []string{"few", "conn"} {
			require.Equal(t, `[1,2,3]`, u.Text(on+`.query('SELECT generate_series(1, 3) AS n').map((row) => row.n)`))
			require.Equal(t, want, u.Failure(on+`.query('SELECT generate_series(1, 5)')`))
			require.Equal(t, want, u.Rejection(on+`.queryAsync('SELECT generate_series(1, 5)')`))
			require.Equal(t, `1`, u.Text(on+`.queryValue('SELECT generate_series(1, 5)')`), "it reads one row whatever there is")
		}
		require.Equal(t, `5`, u.Text(`pool.query('SELECT generate_series(1, 5)').length`))
		require.Equal(t, `[1,0]`, u.Text(`[pool.stat().active, pool.stat().lost]`))
	}
}

// The statement is canceled on the server, and its connection goes on.
func TestWithLimitsTime(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 0 }`)
	u.JS(`const quick = pool.with({ timeout: 50 });`)
	want := `QueryError 57014: ERROR: canceling statement due to user request (SQLSTATE 57014); it took longer than its call's timeout`
	require.Contains(t, u.Failure(`quick.query('SELECT pg_sleep(60)')`), want)
	require.Contains(t, u.Rejection(`quick.with({ tags: { name: 'x' } }).execAsync('SELECT pg_sleep(60)')`), want)
	require.Contains(t, u.Failure(`quick.transaction((conn) => conn.exec('SELECT pg_sleep(60)'))`), want)
	require.Equal(t, `7`, u.Text(`quick.queryValue('SELECT 7')`))
	u.JS(`pool.query('SELECT pg_sleep(0.3)')`) // the pool itself has none
	require.Equal(t, `[1,0,0]`, u.Text(`[pool.stat().connects, pool.stat().lost, pool.stat().active]`))
}

func TestWithTagsItsCalls(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`const list = pool.with({ tags: { name: 'list', part: 1 } });
		pool.query('SELECT 1');
		list.query('SELECT 1');
		list.with({ tags: { part: 2 } }).transaction((conn) => conn.exec('SELECT 1'));
		pool.query('SELECT 1');
		list.queryAsync('SELECT 1')`)
	u.JS(`list.execAsync('SELECT 1')`)
	seen := map[string]int{}
	for _, sample := range u.Ended().Of("pgxpool_query_duration") {
		tags := sample.Tags.Map()
		require.Equal(t, "default", tags["pool"])
		require.Equal(t, "default", tags["scenario"], "the VU's own stay")
		seen[tags["name"]+tags["part"]]++
	}
	require.Equal(t, map[string]int{"": 2, "list1": 3, "list2": 1}, seen)
}

func TestWithRefusesWhatItDoesNotKnow(t *testing.T) {
	u := jstest.Running(t, `{}`)
	for call, want := range map[string]string{
		`with()`:                        `QueryError: with(options): takes one object of options`,
		`with(1)`:                       `QueryError: with(options): options is number; use an object`,
		`with({ rows: 1 })`:             `there is no rows; use maxRows, rowMode, tags, timeout`,
		`with({ maxRows: 0 })`:          `ConfigError: option maxRows: 0 is not accepted; use an integer from 1 to`,
		`with({ timeout: 'soon' })`:     `ConfigError: option timeout: soon is not accepted; use a duration above 0`,
		`with({ timeout: -1 })`:         `ConfigError: option timeout: `,
		`with({ rowMode: 'map' })`:      `ConfigError: option rowMode: map is not accepted; use "array" or "object"`,
		`with({ tags: { pool: 'x' } })`: `ConfigError: option tags: `,
		`with({ tags: { name: [1] } })`: `ConfigError: option tags: `,
		`with({ tags: 'list' })`:        `ConfigError: option tags: list is not accepted; use an object of strings`,
	} {
		require.Contains(t, u.Failure(`pool.`+call), want, call)
	}
	// It is a Pool in every other way.
	require.Equal(t, `[true,20]`, u.Text(`[pool.with({}) instanceof Pool, pool.with({}).stat().size]`))
	u.JS(`pool.with({}).close()`)
	require.Contains(t, u.Failure(`pool.query('SELECT 1')`), "closed")
}
