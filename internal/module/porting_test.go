package module_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
	"github.com/flowboard/xk6-pgxpool/internal/k6test"
)

// ported tries what docs/porting.md says of a habit, by the beginning of its row:
// JavaScript that gives true.
var ported = map[string]string{
	"`import sql from":               `typeof open === 'function'`,
	"`const db = sql.open":           `open(URL, o).queryValue('SELECT 1') + open('postgres', URL, o).queryValue('SELECT 1') === 2`,
	"`sql.open(driver, url, {":       `/use poolSize and maxOverflow/.test(failure(() => open('postgres', URL, { max_open_conns: 10 })))`,
	"`sql.query(db,":                 `pool.query('SELECT $1::int4 AS n', 1)[0].n === 1`,
	"`db.exec('INSERT":               `pool.queryRow('INSERT INTO ported (n) VALUES (1) RETURNING id').id === 1`,
	"`String.fromCharCode":           `pool.queryRow("SELECT 'é'::text AS name").name === 'é'`,
	"one `open` in each VU":          `open(URL, o).stat().acquires === pool.stat().acquires && pool.stat().acquires > 0`,
	"`db.close()` in `teardown()`":   `(() => { const p = open(URL, { name: 'c' }); p.close(); return /closed/.test(failure(() => p.query('SELECT 1'))) })()`,
	"`db.close()` elsewhere":         `(() => { const h = () => open('postgres', URL, { name: 'h' }), a = h(), b = h(); a.close(); return b.queryValue('SELECT 1') === 1 })()`,
	"`new Pool({ connectionString":   `/use url/.test(failure(() => new Pool({ connectionString: URL }))) && /use poolSize/.test(failure(() => new Pool({ max: 20 })))`,
	"`await pool.query(text,":        `pool.query('SELECT $1::int4 + $2::int4 AS n', 1, 2)[0].n === 3 && /QueryError/.test(failure(() => pool.query('SELECT $1::int4', [1, 2])))`,
	"`result.rows`":                  `pool.query('SELECT 1 WHERE false').length === 0 && pool.queryRow('SELECT 1 WHERE false') === null`,
	"`{ text, rowMode":               `pool.with({ rowMode: 'array' }).query('SELECT 1 AS a').fields[0].name === 'a'`,
	"`query_timeout`":                `/57014/.test(failure(() => pool.with({ timeout: 50 }).query('SELECT pg_sleep(9)')))`,
	"`result.rowCount`":              `pool.exec('INSERT INTO ported (n) VALUES (2), (3)').rowsAffected() === 2`,
	"`pool.connect()`":               `(() => { const conn = pool.acquire(); conn.query('SELECT 1'); conn.release(); return pool.stat().active === 0 })()`,
	"`client.query('BEGIN')`":        `pool.transaction((conn) => conn.queryValue('SELECT 1')) === 1`,
	"int8 as string":                 `pool.queryValue('SELECT 5::int8') === 5 && typeof pool.queryValue('SELECT 9007199254740993') === 'bigint' && open(URL, { name: 'i', int8: 'string' }).queryValue('SELECT 5::int8') === '5'`,
	"`pool.on('connect'":             `open(URL, { name: 'o', onConnect: 'SET jit = off' }).queryValue("SELECT current_setting('jit')") === 'off'`,
	"numeric as string":              `pool.queryValue('SELECT 1.50::numeric') === '1.50'`,
	"`error.code":                    `/QueryError 42P01/.test(failure(() => pool.query('TABLE nothing')))`,
	"`pool.end()`":                   `(() => { const p = open(URL, { name: 'e' }); p.query('SELECT 1'); p.close(); return p.stat().total === 0 })()`,
	"`LISTEN`, streams, cursors":     `pool.exec('LISTEN ported') && pool.exec('UNLISTEN *').command === 'UNLISTEN'`,
	"`COPY … FROM STDIN`":            `pool.copyFrom('ported', ['id', 'n'], [[90, 1], [91, 2]]) === 2 && /use copyFrom/.test(failure(() => pool.exec('COPY ported FROM STDIN'))) && /QueryError/.test(failure(() => pool.query('COPY ported TO STDOUT')))`,
	"rows returned from `setup()`":   `typeof JSON.parse(JSON.stringify(pool.queryRow('SELECT now() AS t'))).t === 'string'`,
	"the result of `exec()`":         `typeof pool.exec('SELECT 1').rowsAffected === 'function'`,
	"`check(rows, …)`":               `JSON.stringify(pool.queryRow('SELECT 1 AS a')) === '{"a":1}'`,
	"`try { … } catch`":              `(() => { try { pool.query('SELEKT') } catch (e) { return e instanceof Error && e.name === 'QueryError' } })()`,
	"a query in the init context":    "", // TestTheInitContextIsRefused
	"`thresholds: { checks":          "", // the examples against a dead server
	"`--vus`, `--duration`, `--tag`": "", // k6's own
}

// Each row of the table is tried.
func TestWhatIsSaidOfPorting(t *testing.T) {
	t.Parallel()
	u := jstest.Running(t, `{ poolSize: 2 }`)
	u.JS(`const o = { poolSize: 2 }; pool.exec('CREATE TABLE ported (id serial, n int4)')`)
	page, err := os.ReadFile(filepath.Join(k6test.Root(t), "docs", "porting.md"))
	require.NoError(t, err)
	rows := 0
	for line := range strings.Lines(string(page)) {
		habit, isRow := strings.CutPrefix(line, "| ")
		if !isRow || strings.HasPrefix(habit, "habit ") || strings.HasPrefix(habit, "a line of ") {
			continue
		}
		rows++
		tried := 0
		for begin, script := range ported {
			if strings.HasPrefix(habit, begin) {
				tried++
				if script != "" {
					require.Equal(t, "true", u.JS(script).String(), "%s: %s", habit, script)
				}
			}
		}
		require.Equal(t, 1, tried, "a habit that nobody tries: %s", habit)
	}
	require.Equal(t, len(ported), rows)
}
