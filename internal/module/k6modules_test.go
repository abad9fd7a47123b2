//go:build unix

package module_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// Whatever of k6 takes an object takes a row.
func TestTheModulesOfK6TakeRows(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, body, r.Header.Get("X-Title"))
	}))
	defer server.Close()
	run := k6test.K6(t, k6test.Run{
		Args: []string{"run", "-q", k6test.Script(t, `
			import http from 'k6/http';
			import { check, group } from 'k6';
			import { Counter, Trend } from 'k6/metrics';
			import { parseHTML } from 'k6/html';
			import encoding from 'k6/encoding';
			import crypto from 'k6/crypto';
			import exec from 'k6/execution';
			import { open } from 'k6/x/pgxpool';

			const pool = open(__ENV.URL), counter = new Counter('of_rows'), trend = new Trend('trend_of_rows');
			export const options = { iterations: 1, thresholds: { checks: ['rate==1'], of_rows: ['count==3'] } };
			export function setup() {
				return { row: pool.queryRow("SELECT 7 AS id, 'x y' AS title"), rows: pool.query('SELECT n FROM generate_series(1, 3) n') };
			}
			export default async function (data) {
				const row = pool.queryRow("SELECT 7 AS id, 'x y' AS title");
				const rows = pool.query("SELECT 7 AS id, 'x y' AS title FROM generate_series(1, 2)");
				const form = 'id=7&title=x+y', url = __ENV.SERVER, text = (r) => String(r.body);
				check(null, {
					setup: () => data.row.id === 7 && data.row.title === 'x y' && data.rows.length === 3 && data.rows[2].n === 3,
					post: () => text(http.post(url, row)).startsWith('POST ' + form),
					put: () => text(http.put(url, row)).startsWith('PUT ' + form),
					patch: () => text(http.patch(url, row)).startsWith('PATCH ' + form),
					del: () => text(http.del(url, row)).startsWith('DELETE ' + form),
					request: () => text(http.request('POST', url, row)).startsWith('POST ' + form),
					json: () => text(http.post(url, JSON.stringify(rows))).startsWith('POST [{"id":7,"title":"x y"},'),
					params: () => text(http.get(url, { headers: pool.queryRow("SELECT 'a' AS \"X-Title\""), tags: rows[0], cookies: rows[0] })).endsWith(' a'),
					batch: () => http.batch([...pool.query("SELECT 'GET' AS method, $1 AS url FROM generate_series(1, 2)", url)]).length === 2,
					'batch of a map': () => http.batch(rows.map((r) => ['POST', url, r])).every((r) => text(r).startsWith('POST id=7')),
					'batch object': () => text(http.batch(pool.queryRow('SELECT $1::text AS one', url)).one).startsWith('GET'),
					check: () => check(row, { id: (r) => r.id === 7 }) && check(rows, { length: (r) => r.length === 2 }),
					crypto: () => crypto.sha256(pool.queryRow("SELECT 'a'::bytea AS b").b, 'hex').length === 64,
					encoding: () => encoding.b64encode(pool.queryRow("SELECT 'a'::bytea AS b").b) === 'YQ==',
					html: () => parseHTML(pool.queryRow("SELECT '<p>x</p>' AS h").h).find('p').text() === 'x',
					group: () => group('g', () => row) === row,
				});
				const answer = await http.asyncRequest('POST', url, row);
				check(answer, { async: (r) => String(r.body).startsWith('POST ' + form) });
				counter.add(1, pool.queryRow('SELECT 1 AS a'));
				rows.forEach((r) => counter.add(1, r));
				trend.add(row.id, rows[0]);
				Object.assign(exec.vu.metrics.tags, { title: row.title });
			}`)},
		Env: map[string]string{"URL": pgtest.Database(t), "SERVER": server.URL},
	})
	require.Zero(t, run.Code, run.Output())
}
