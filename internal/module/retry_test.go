package module_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
)

// A request is made again for what may pass, and for nothing else, as often as it was allowed to.
func TestARequestIsMadeAgain(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 0, poolTimeout: 10 }`)
	u.JS(`
		const raise = (code) => () => pool.exec("DO $$ BEGIN RAISE EXCEPTION 'given up' USING ERRCODE = '" + code + "'; END $$");
		const full = () => { const conn = pool.acquire(); try { pool.query('SELECT 1'); } finally { conn.release(); } };
		const response = (status) => () => ({ status, timings: {} });
		const requested = (fail, failures, retries, how) => {
			let runs = 0;
			const reasons = [];
			const options = { retries, backoff: 1, onRetry: (reason) => reasons.push(reason) };
			const fn = () => ++runs <= failures ? fail() : 'done';
			const said = (result) => [result.status ?? result, runs, reasons.join()];
			const failed = (error) => [error.code ?? error.name, runs, reasons.join()];
			if (how === 'async') return pgxpool.retry(async () => fn(), options).then(said, failed);
			try { return said(pgxpool.retry(fn, options)); } catch (error) { return failed(error); }
		}`)
	for _, step := range []struct{ call, want string }{
		{`raise('40001'), 2, 2`, `["done",3,"40001,40001"]`},
		{`raise('40P01'), 1, 3`, `["done",2,"40P01"]`},
		{`raise('40001'), 2, 1`, `["40001",2,"40001"]`},
		{`full, 1, 1`, `["done",2,"PoolTimeoutError"]`},
		{`response(503), 1, 1`, `["done",2,"503"]`},
		{`response(503), 9, 2`, `[503,3,"503,503"]`},
		{`response(500), 9, 2`, `[500,1,""]`},
		{`() => ({ status: 503 }), 9, 2`, `[503,1,""]`}, // a row of a query
		{`raise('23505'), 1, 3`, `["23505",1,""]`},
		{`raise('40001'), 1, 0`, `["40001",1,""]`},
		{`() => { throw 'mine'; }, 1, 3`, `[null,1,""]`},
		{`raise('40001'), 2, 2, 'async'`, `["done",3,"40001,40001"]`},
		{`full, 2, 1, 'async'`, `["PoolTimeoutError",2,"PoolTimeoutError"]`},
		{`response(503), 1, 1, 'async'`, `["done",2,"503"]`},
		{`raise('23505'), 1, 2, 'async'`, `["23505",1,""]`},
	} {
		require.Equal(t, step.want, u.Text(`requested(`+step.call+`)`), step.call)
	}
	ended := u.Ended()
	require.InDelta(t, 2+1+1+1+1+2+2+1+1, ended.Count("request_retries"), 0)
	require.Equal(t, map[string]int64{"40001": 5, "40P01": 1, "PoolTimeoutError": 2, "503": 4}, u.Run.Timeline().Snapshot().Whole().Requests.Retries)

	require.Contains(t, u.Failure(`pgxpool.retry('SELECT 1')`), "fn is string")
	for options, want := range map[string]string{
		`{ retries: -1 }`:   `retries: -1 is not accepted; use an integer from 0 to 100`,
		`{ backoff: 20001}`: `backoff: 20001 is not accepted; use a duration from 0 to 20 s`,
		`{ onRetry: 1 }`:    `onRetry: 1 is not accepted; use a function`,
		`{ retry: 1 }`:      `there is no retry; use backoff, onRetry, retries`,
	} {
		require.Contains(t, u.Failure(`pgxpool.retry(() => {}, `+options+`)`), want)
	}
	require.Contains(t, jstest.InInit(t).Failure(`pgxpool.retry(() => {})`), "init")
}
