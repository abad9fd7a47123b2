package module

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// recorded is the whole run as its end sees it.
func (u *user) recorded() timeline.Totals {
	u.module.test.end(true)
	return u.module.test.recording.recorder.Snapshot().Whole()
}

func TestTheRunIsRecordedOverTime(t *testing.T) {
	u := running(t, `{ name: 'recorded', poolSize: 1, maxOverflow: 1 }`)
	u.js(`
		const first = pool.acquire();
		const second = pool.acquire();
		second.release();
		first.query('SELECT 1');
		failure(() => first.query('SELECT 1/0'));
		first.release();
		pgxpool.observeResponse(12);
		pgxpool.observeResponse(30, { ok: false, timeout: true });
	`)
	whole := u.recorded()
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
	u := running(t, `{ poolSize: 1, maxOverflow: 0, poolTimeout: 0, poolRecycle: 0 }`)
	u.js(`
		const held = pool.acquire();
		failure(() => pool.acquire());
		held.release();
		pool.query('SELECT 1'); // on a new connection: the other is too old
	`)
	p := u.recorded().Pools["default"]
	require.EqualValues(t, 1, p.Timeouts)
	require.EqualValues(t, 1, p.AcquireFailed)
	require.Equal(t, map[string]int64{"PoolTimeoutError": 1}, p.Errors)
	require.Equal(t, map[string]int64{"recycle": 1}, p.Closed)
}

func TestObserveResponseRefusesAnOutcomeThatIsNone(t *testing.T) {
	u := running(t, `{}`)
	require.Contains(t, u.failure(`pgxpool.observeResponse(1, true)`), "accepted is an object: { ok, timeout }")
}

func TestErrorsAreCountedBySQLSTATEElseByName(t *testing.T) {
	refused := &pgconn.PgError{Code: "53300"}
	for want, err := range map[string]error{
		"53300":               &pool.ConnectError{Err: fmt.Errorf("connecting: %w", refused)},
		"ConnectError":        &pool.ConnectError{Err: fmt.Errorf("refused")},
		"57P01":               &pool.ConnectionLostError{Err: &pgconn.PgError{Code: "57P01"}},
		"ConnectionLostError": &pool.ConnectionLostError{Err: fmt.Errorf("EOF")},
		"PoolTimeoutError":    &pool.TimeoutError{},
	} {
		require.Equal(t, want, errorKey(err))
	}
}

func TestHowBusyK6ItselfIsIsRecorded(t *testing.T) {
	u := running(t, `{}`)
	u.js(`pgxpool.observeResponse(1)`)
	require.Eventually(t, func() bool {
		return u.module.test.recording.recorder.Snapshot().Whole().Generator.CPU.Count() > 0
	}, 10*probeInterval, probeInterval/10)
	require.LessOrEqual(t, u.recorded().Generator.CPU.Max(), 110.0, "percent of all cores, give or take a tick")
}

func TestAClosedPoolIsNotSampledAnyMore(t *testing.T) {
	u := running(t, `{ sampleInterval: 10 }`)
	u.js(`pool.query('SELECT 1'); pool.close()`)
	sampled := func() int64 {
		u.module.test.flusher.flush(t.Context())
		return u.module.test.recording.recorder.Snapshot().Whole().Pools["default"].Active.Count()
	}
	before := sampled()
	require.Positive(t, before)
	time.Sleep(200 * time.Millisecond) // twenty samples of a pool that is open
	require.Equal(t, before, sampled())
	u.module.test.end(true)
	require.Equal(t, before, sampled(), "nor at the end")
}
