package sizing_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// The model against the real thing: users as goroutines who think for an
// exponential time and hold a connection of a pgxpool for an exponential
// pg_sleep. What is predicted from the times to hold, to think and to give up
// as a busy machine made them has to agree with the waits. The cells are
// chosen so that the asymptotic bounds alone would miss by more than the
// tolerance, and so that chance stays well within it: a simulation of the same
// length scatters by 1 to 3 %.
func TestPredictionAgainstPgxpool(t *testing.T) {
	const (
		runs      = 20 * time.Second
		tolerance = 0.10
		ms        = time.Millisecond
	)
	cells := []*cell{
		{name: "one pool", loop: sizing.ClosedLoop{
			Users: 20, Think: 100 * ms, Hold: 40 * ms, Pools: 1, Connections: 5, PoolTimeout: sizing.NoTimeout}},
		{name: "four pools", loop: sizing.ClosedLoop{
			Users: 24, Think: 0, Hold: 40 * ms, Pools: 4, Connections: 3, PoolTimeout: sizing.NoTimeout}},
		{name: "pool timeout", loop: sizing.ClosedLoop{
			Users: 30, Think: 80 * ms, Hold: 60 * ms, Pools: 1, Connections: 6, PoolTimeout: 120 * ms}},
	}
	url := pgtest.Database(t)
	var running sync.WaitGroup
	for _, c := range cells {
		c.open(t, url)
		running.Go(func() { c.run(t.Context(), runs) })
	}
	running.Wait()
	for _, c := range cells {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, c.seen.err)
			measured, loop := c.seen.means(runs), c.loop
			loop.Hold, loop.Think, loop.PoolTimeout = measured.hold, measured.think, measured.poolTimeout
			predicted, err := loop.Solve()
			require.NoError(t, err)
			t.Logf("%d checkouts, hold %s, think %s; wait %s, predicted %s; timeouts %.3f, predicted %.3f",
				measured.checkouts, measured.hold, measured.think, measured.wait, predicted.MeanWait(),
				measured.timeouts, predicted.Timeouts())

			require.InEpsilon(t, predicted.MeanWait().Seconds(), measured.wait.Seconds(), tolerance, "mean wait")
			require.InEpsilon(t, predicted.Throughput(), measured.throughput, tolerance, "throughput")
			if measured.timeouts > 0 {
				require.InEpsilon(t, predicted.Timeouts(), measured.timeouts, tolerance, "share of timeouts")
			}
		})
	}
}

// cell is one closed loop against the server.
type cell struct {
	name  string
	loop  sizing.ClosedLoop
	pools []*timedPool
	seen  recorder
}

func (c *cell) open(t *testing.T, url string) {
	t.Helper()
	for range c.loop.Pools {
		c.pools = append(c.pools, newTimedPool(t, url, c.loop.Connections))
	}
}

func (c *cell) run(ctx context.Context, duration time.Duration) {
	end := time.Now().Add(duration)
	var users sync.WaitGroup
	for id := range c.loop.Users {
		users.Go(func() {
			u := user{cell: c, random: rand.New(rand.NewPCG(1, uint64(id))), idle: time.Now()}
			for time.Now().Before(end) && c.seen.failure() == nil {
				c.seen.fail(u.request(ctx))
			}
		})
	}
	users.Wait()
}

type user struct {
	*cell
	random *rand.Rand
	idle   time.Time // since when the user thinks
}

// request thinks, waits for a connection and holds it.
func (u *user) request(ctx context.Context) error {
	time.Sleep(u.exponential(u.loop.Think))
	pool := u.pools[u.random.IntN(len(u.pools))]

	asked := time.Now()
	conn, granted, err := pool.acquire(ctx, u.loop.PoolTimeout)
	if errors.Is(err, context.DeadlineExceeded) {
		u.seen.timedOut(asked.Sub(u.idle), time.Since(asked))
		u.idle = time.Now()
		return nil
	}
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "SELECT pg_sleep($1)", u.exponential(u.loop.Hold).Seconds())
	returned := pool.release(conn)
	u.seen.held(asked.Sub(u.idle), granted.Sub(asked), returned.Sub(granted))
	u.idle = returned
	return err
}

func (u *user) exponential(mean time.Duration) time.Duration {
	return time.Duration(u.random.ExpFloat64() * float64(mean))
}

// timedPool notes when connections come back. A waiting user gets the
// connection then, although the goroutine runs a little later: until it does,
// the connection serves nobody else, which makes that time part of the hold.
type timedPool struct {
	pool     *pgxpool.Pool
	mu       sync.Mutex
	returned time.Time
}

func newTimedPool(t *testing.T, url string, connections int) *timedPool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	require.NoError(t, err)
	config.MaxConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)

	warm := make([]*pgxpool.Conn, connections) // the models know no connecting
	for i := range warm {
		warm[i], err = pool.Acquire(t.Context())
		require.NoError(t, err)
		_, err = warm[i].Exec(t.Context(), "SELECT pg_sleep($1)", 0.0) // prepares it
		require.NoError(t, err)
	}
	for _, conn := range warm {
		conn.Release()
	}
	return &timedPool{pool: pool}
}

func (p *timedPool) acquire(ctx context.Context, timeout time.Duration) (*pgxpool.Conn, time.Time, error) {
	if timeout != sizing.NoTimeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	asked := time.Now()
	conn, err := p.pool.Acquire(ctx)
	granted := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.returned.After(asked) && p.returned.Before(granted) {
		granted = p.returned
	}
	return conn, granted, err
}

func (p *timedPool) release(conn *pgxpool.Conn) time.Time {
	p.mu.Lock()
	now := time.Now()
	p.returned = now
	p.mu.Unlock()
	conn.Release()
	return now
}

// measurement holds the means of a run.
type measurement struct {
	wait, hold, think time.Duration
	poolTimeout       time.Duration // after which users really gave up
	throughput        float64
	timeouts          float64
	checkouts         int
}

// recorder sums up what all users saw.
type recorder struct {
	mu                  sync.Mutex
	err                 error
	wait, holding, idle time.Duration
	givenUp             time.Duration // of the wait, by those who timed out
	checkouts, timeouts int
}

func (r *recorder) held(idle, wait, hold time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checkouts++
	r.idle, r.wait, r.holding = r.idle+idle, r.wait+wait, r.holding+hold
}

func (r *recorder) timedOut(idle, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checkouts++
	r.timeouts++
	r.idle, r.wait, r.givenUp = r.idle+idle, r.wait+wait, r.givenUp+wait
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

func (r *recorder) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *recorder) means(elapsed time.Duration) measurement {
	served := r.checkouts - r.timeouts
	m := measurement{
		poolTimeout: sizing.NoTimeout,
		wait:        r.wait / time.Duration(r.checkouts),
		hold:        r.holding / time.Duration(served),
		think:       r.idle / time.Duration(r.checkouts),
		throughput:  float64(served) / elapsed.Seconds(),
		timeouts:    float64(r.timeouts) / float64(r.checkouts),
		checkouts:   r.checkouts,
	}
	if r.timeouts > 0 {
		m.poolTimeout = r.givenUp / time.Duration(r.timeouts)
	}
	return m
}
