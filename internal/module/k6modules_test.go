//go:build unix

package module_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// healthProto is gRPC's health check, as far as it is asked here.
const healthProto = `syntax = "proto3";
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse { int32 status = 1; }
service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }`

// healthServer knows of the service "x y" that it serves.
func healthServer(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server, service := grpc.NewServer(), health.NewServer()
	service.SetServingStatus("x y", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, service)
	t.Cleanup(server.Stop)
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().String()
}

// Whatever of k6 takes an object takes a row.
func TestTheModulesOfK6TakeRows(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, body, r.Header.Get("X-Title"))
	}))
	defer server.Close()
	protos := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(protos, "health.proto"), []byte(healthProto), 0o600))
	run := k6test.K6(t, k6test.Run{
		Args: []string{"run", "-q", k6test.Script(t, `
			import http from 'k6/http';
			import { check, group } from 'k6';
			import { Counter, Trend } from 'k6/metrics';
			import { parseHTML } from 'k6/html';
			import encoding from 'k6/encoding';
			import crypto from 'k6/crypto';
			import exec from 'k6/execution';
			import grpc from 'k6/net/grpc';
			import { open } from 'k6/x/pgxpool';

			const pool = open(__ENV.URL), counter = new Counter('of_rows'), trend = new Trend('trend_of_rows');
			const client = new grpc.Client();
			client.load([__ENV.PROTOS], 'health.proto');
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
				client.connect(__ENV.GRPC, { plaintext: true });
				check(client.invoke('grpc.health.v1.Health/Check', pool.queryRow("SELECT 'x y' AS service"), { tags: rows[0] }), {
					grpc: (r) => r.status === grpc.StatusOK && r.message.status === 1,
				});
				client.close();
				const answer = await http.asyncRequest('POST', url, row);
				check(answer, { async: (r) => String(r.body).startsWith('POST ' + form) });
				counter.add(1, pool.queryRow('SELECT 1 AS a'));
				rows.forEach((r) => counter.add(1, r));
				trend.add(row.id, rows[0]);
				Object.assign(exec.vu.metrics.tags, { title: row.title });
			}`)},
		Env: map[string]string{"URL": pgtest.Database(t), "SERVER": server.URL, "GRPC": healthServer(t), "PROTOS": protos},
	})
	require.Zero(t, run.Code, run.Output())
}
