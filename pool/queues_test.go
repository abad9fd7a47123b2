package pool

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// queueUp gives a pool with waiters in its queue, each with a context of its own, as
// k6's users have. Nothing else happens in it.
func queueUp(ctx context.Context, n int) (p *Pool, waiters []*waiter, quit []context.CancelFunc) {
	p = &Pool{}
	for range n {
		own, cancel := context.WithCancel(ctx)
		w := &waiter{ready: make(chan grant, 1), ctx: own, since: time.Now()}
		p.waiters.push(w)
		waiters, quit = append(waiters, w), append(quit, cancel)
	}
	return p, waiters, quit
}

// A check looks at so many and no more, and the next ones at the others, whoever has
// left the queue meanwhile.
func TestInterruptionIsFoundInALongQueue(t *testing.T) {
	ctx, endScenario := context.WithCancel(t.Context())
	defer endScenario()
	p, waiters, quit := queueUp(ctx, 5*waitersPerCheck)
	ended := func() (n int) {
		for _, w := range waiters {
			n += len(w.ready)
		}
		return n
	}
	for _, i := range []int{0, waitersPerCheck - 1, 3*waitersPerCheck + 7, len(waiters) - 1} {
		quit[i]()
	}
	p.interruptWaiters()
	require.Equal(t, 2, ended(), "of the first ones")
	for range 3 * waitersPerCheck { // where the next check would begin, too
		p.waiters.pop()
	}
	p.interruptWaiters()
	require.Equal(t, 3, ended())
	p.interruptWaiters()
	require.Equal(t, 4, ended(), "the last in line")
	require.ErrorIs(t, (<-waiters[len(waiters)-1].ready).err, ErrInterrupted)
	require.Nil(t, p.waiters.unchecked)

	endScenario()
	left := p.waiters.len()
	require.Greater(t, left, waitersPerCheck)
	p.interruptWaiters()
	require.Zero(t, p.waiters.len(), "all at once")
	require.Equal(t, 3+left, ended())
}

// BenchmarkInterruptCheck is what the pool does every 20 ms for those who wait.
func BenchmarkInterruptCheck(b *testing.B) {
	for _, users := range []int{100, 1000, 10_000, 50_000} {
		b.Run(fmt.Sprint(users), func(b *testing.B) {
			p, _, _ := queueUp(b.Context(), users)
			for b.Loop() {
				p.interruptWaiters()
			}
		})
	}
}
