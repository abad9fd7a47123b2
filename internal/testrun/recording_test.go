package testrun_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// recorded is the whole run as its end sees it.
func recorded(u *jstest.User) timeline.Totals {
	u.Run.End(true)
	return u.Run.Timeline().Snapshot().Whole()
}

func TestTheRunIsRecordedOverTime(t *testing.T) {
	u := jstest.Running(t, `{ name: 'recorded', poolSize: 1, maxOverflow: 1 }`)
	u.JS(`
		const first = pool.acquire();
		const second = pool.acquire();
		second.release();
		first.query('SELECT 1');
		failure(() => first.query('SELECT 1/0'));
		first.release();
		pgxpool.observeResponse(12);
		pgxpool.observeResponse(30, { ok: false, timeout: true });
	`)
	whole := recorded(u)
	require.EqualValues(t, 2, whole.Requests.Duration.Count())
	require.EqualValues(t, 1, whole.Requests.Failed)
	require.EqualValues(t, 1, whole.Requests.Timeouts)
	require.Equal(t, 30.0, whole.Requests.Duration.Max())

	require.Contains(t, whole.Pools, "recorded")
	p := whole.Pools["recorded"]
	require.EqualValues(t, 2, p.Wait.Count())
	require.EqualValues(t, 2, p.Query.Count())
	require.EqualValues(t, 1, p.QueryFailed)
	require.EqualValues(t, 2, p.Use.Count())
	require.EqualValues(t, 2, p.Opened)
	require.EqualValues(t, 2, p.Connect.Count())
	require.Equal(t, map[string]int64{"22012": 1}, p.Errors, "division by zero")
	require.Positive(t, p.Active.Count(), "the levels are sampled at the end at least")
	require.Equal(t, p.Active.Count(), p.Waiting.Count())
	require.Equal(t, p.Active.Count(), p.Idle.Count())
	require.Equal(t, p.Active.Count(), p.Total.Count())
}

func TestTimeoutsAndClosedConnectionsAreRecorded(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 0, poolTimeout: 0, poolRecycle: 0 }`)
	u.JS(`
		const held = pool.acquire();
		failure(() => pool.acquire());
		held.release();
		pool.query('SELECT 1'); // on a new connection: the other is too old
	`)
	p := recorded(u).Pools["default"]
	require.EqualValues(t, 1, p.Timeouts)
	require.EqualValues(t, 1, p.AcquireFailed)
	require.Equal(t, map[string]int64{"PoolTimeoutError": 1}, p.Errors)
	require.Equal(t, map[string]int64{"recycle": 1}, p.Closed)
}

func TestObserveResponseRefusesAnOutcomeThatIsNone(t *testing.T) {
	u := jstest.Running(t, `{}`)
	require.Contains(t, u.Failure(`pgxpool.observeResponse(1, true)`), "use an object: { ok, timeout, status, code, error, body }")
}

func TestHowBusyK6ItselfIsIsRecorded(t *testing.T) {
	u := jstest.Running(t, `{}`)
	u.JS(`pgxpool.observeResponse(1)`)
	require.Eventually(t, func() bool {
		return u.Run.Timeline().Snapshot().Whole().Generator.CPU.Count() > 0
	}, 10*time.Second, 100*time.Millisecond)
	require.LessOrEqual(t, recorded(u).Generator.CPU.Max(), 110.0, "percent of all cores, give or take a tick")
}

func TestAClosedPoolIsNotSampledAnyMore(t *testing.T) {
	u := jstest.Running(t, `{ sampleInterval: 10 }`)
	u.JS(`pool.query('SELECT 1'); pool.close()`)
	sampled := func() int64 {
		u.Run.Flush(t.Context())
		return u.Run.Timeline().Snapshot().Whole().Pools["default"].Active.Count()
	}
	before := sampled()
	require.Positive(t, before)
	time.Sleep(200 * time.Millisecond) // twenty samples of a pool that is open
	require.Equal(t, before, sampled())
	u.Run.End(true)
	require.Equal(t, before, sampled(), "nor at the end")
}

func TestWhoWaitsForASecondConnectionIsRecorded(t *testing.T) {
	u := jstest.Running(t, `{ poolSize: 1, maxOverflow: 0, poolTimeout: 50 }`)
	u.JS(`const held = pool.acquire(); failure(() => pool.query('SELECT 1')); held.release()`)
	p := recorded(u).Pools["default"]
	require.Len(t, p.NestedWaits, 1)
	for where, n := range p.NestedWaits {
		require.EqualValues(t, 1, n)
		require.Contains(t, where, "takes a second connection while the one taken at")
	}
}
