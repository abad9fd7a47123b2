package conductor

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// fakeTest is a test without k6: its pools are names, and its users goroutines.
type fakeTest struct {
	url      string
	users    int
	timeline timeline.Recorder

	mu     sync.Mutex
	calls  []string
	errors []string
}

func (f *fakeTest) called(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
}

func (f *fakeTest) Users() (int, error) { return f.users, nil }
func (f *fakeTest) Open(c pool.Config) error {
	f.called(fmt.Sprintf("open %s %d+%d", c.Name, c.PoolSize, c.MaxOverflow))
	return nil
}
func (f *fakeTest) Retire(name string)         { f.called("retire " + name) }
func (f *fakeTest) ServerURL() (string, error) { return f.url, nil }
func (f *fakeTest) Watched() pool.Config       { return pool.DefaultConfig() }
func (f *fakeTest) WatchPool(c pool.Config) {
	f.called(fmt.Sprintf("watch %d+%d", c.PoolSize, c.MaxOverflow))
}
func (f *fakeTest) Variables() map[string]string { return map[string]string{} }
func (f *fakeTest) Timeline() *timeline.Recorder { return &f.timeline }
func (f *fakeTest) Flush(context.Context)        {}
func (f *fakeTest) Dropped(time.Time)            { f.called("dropped") }
func (f *fakeTest) AwaitNoSessions(context.Context) error {
	f.called("await no sessions")
	return nil
}

func (f *fakeTest) Print(string) {}

func (f *fakeTest) Error(line string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors = append(f.errors, line)
}

func (f *fakeTest) begin() Test { return f }

// prepared is an experiment of two quick steps for two users, in a directory of
// its own.
func prepared(t *testing.T) (*Conductor, *fakeTest) {
	t.Helper()
	return preparedOf(t, 1)
}

func preparedOf(t *testing.T, pools int64) (*Conductor, *fakeTest) {
	t.Helper()
	t.Chdir(t.TempDir())
	c, err := New(map[string]any{
		"plan": "before-after", "users": int64(2), "think": int64(0), "settle": int64(0), "duration": 0.2, "rounds": int64(1),
		"before": "1+0", "after": "2+1", "pools": pools,
	}, func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	t.Cleanup(c.Stop)
	return c, &fakeTest{url: pgtest.Database(t)}
}

// work is one user who makes requests until there are no more turns.
func work(ctx context.Context, c *Conductor, test *fakeTest) (turns int) {
	user := c.NewUser()
	for s := user.Next(ctx, test.begin); s != nil; s = user.Next(ctx, test.begin) {
		now := time.Now()
		test.timeline.Record([]timeline.Observation{
			{Measure: timeline.Request, At: now, Value: 1}, {Measure: timeline.Wait, At: now, Value: 1, Pool: strings.Join(s.Pools[:min(1, len(s.Pools))], "")},
		})
		time.Sleep(time.Millisecond)
		turns++
	}
	return turns
}

func TestAConductorLeadsUsersWithoutK6(t *testing.T) {
	c, test := prepared(t)
	var users sync.WaitGroup
	for range c.Plan().Users() {
		users.Go(func() { assert.Positive(t, work(t.Context(), c, test)) })
	}
	users.Wait()
	require.Empty(t, test.errors)
	require.Len(t, test.calls, 4)
	require.Regexp(t, `^open (.*) 1\+0\nretire (.*)\nopen (.*) 2\+1\nretire (.*)$`, strings.Join(test.calls, "\n"))
	require.Len(t, c.measured(), 2)
	for _, m := range c.measured() {
		require.Positive(t, m.Requests)
	}
	require.FileExists(t, "results/before-after.json")
	result := c.Result()
	require.Contains(t, result.Values, "before_after_p95_ratio")
	require.Same(t, result, c.Result(), "it is computed once")
	require.Len(t, c.Notes(), 1)
	require.Nil(t, c.NewUser().Next(t.Context(), test.begin), "it is over")
}

func TestAConductorOpensSeveralPoolsForEachStep(t *testing.T) {
	c, test := preparedOf(t, 2)
	var users sync.WaitGroup
	for range c.Plan().Users() {
		users.Go(func() { work(t.Context(), c, test) })
	}
	users.Wait()
	require.Empty(t, test.errors)
	require.Equal(t, "open before-1 1+0 open before-2 1+0 retire before-1 retire before-2 open after-1 2+1 open after-2 2+1 retire after-1 retire after-2",
		strings.Join(test.calls, " "))
	require.Equal(t, 2, c.measured()[0].Pool.Pools)
}

// The last requests of a step wait and then hold their connections: with long
// holds that is longer than a step may take to open and close its pool.
func TestAnExperimentWaitsForLongHolds(t *testing.T) {
	for _, plan := range []string{"before-after", "tune"} {
		p, err := experiment.New(map[string]any{"plan": plan, "hold": 20.0, "rounds": int64(1), "sizes": map[string]any{"tune": "1,2"}[plan]})
		require.NoError(t, err)
		config := pool.DefaultConfig()
		limit := (&Conductor{plan: p}).drainLimit(config)
		require.GreaterOrEqual(t, limit, config.PoolTimeout+200*time.Second)
		require.GreaterOrEqual(t, p.MaxDuration(), 2*limit, "k6 cuts no step off before")
	}
}

// k6's --vus, or a second runner, would have fewer users do what is reported of
// all of them.
func TestAnExperimentNeedsItsUsers(t *testing.T) {
	c, test := prepared(t)
	test.users = 1
	require.Zero(t, work(t.Context(), c, test))
	require.Empty(t, c.measured())
	require.Empty(t, test.calls)
	require.Len(t, test.errors, 1)
	require.Contains(t, test.errors[0], "its steps need 2 users, and k6 runs 1")
	require.Contains(t, c.Notes()[1], "its steps need 2 users, and k6 runs 1")
}

// A step whose last requests k6 cuts off lacks the slowest of them.
func TestAStepThatIsCutOffWhileItDrainsIsNotMeasured(t *testing.T) {
	c, test := prepared(t)
	all, cutOff := context.WithCancel(t.Context()) // the VU's, from which k6 derives each iteration's
	iteration, end := context.WithCancel(all)
	defer end()
	user := c.NewUser()
	s := user.Next(iteration, test.begin)
	require.NotNil(t, s)
	<-s.over
	cutOff()
	require.Nil(t, user.Next(iteration, test.begin))
	<-c.ended
	require.Empty(t, c.measured())
	require.NoFileExists(t, filepath.Join("results", "before-after.json"))
}
