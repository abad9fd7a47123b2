package module

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/lib"
	_ "go.k6.io/k6/v2/lib/executor" // registers what scenarios name

	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// conducting is a user of an experiment with two quick steps, in a directory of
// its own.
func conducting(t *testing.T, options string) *user {
	t.Helper()
	return conductingOn(t, pgtest.Database(t), options)
}

func conductingOn(t *testing.T, url, options string) *user {
	t.Helper()
	t.Chdir(t.TempDir())
	u := newUserOf(t, New(), url)
	u.js(`const experiment = pgxpool.experiment({
		plan: 'before-after', users: 1, think: 0, settle: 0, duration: 0.2, rounds: 1,
		before: '1+0', after: '2+1', pool: { url: URL }, ` + options + `
	})`)
	return u
}

// The last requests of a step wait and then hold their connections: with long
// holds that is longer than a step may take to open and close its pool.
func TestAnExperimentWaitsForLongHolds(t *testing.T) {
	for _, plan := range []string{"before-after", "tune"} {
		p, err := experiment.New(map[string]any{"plan": plan, "hold": 20.0, "rounds": int64(1), "sizes": map[string]any{"tune": "1,2"}[plan]})
		require.NoError(t, err)
		config := pool.DefaultConfig()
		limit := (&conductor{plan: p}).drainLimit(config)
		require.GreaterOrEqual(t, limit, config.PoolTimeout+200*time.Second)
		require.GreaterOrEqual(t, p.MaxDuration(), 2*limit, "k6 cuts no step off before")
	}
}

// k6's --vus, or a second runner, would have fewer users do what is reported of
// all of them.
func TestAnExperimentNeedsItsUsers(t *testing.T) {
	u := conducting(t, ``)
	u.start()
	users := func(n string) {
		require.NoError(t, json.Unmarshal([]byte(`{"scenarios":{"all":{"executor":"per-vu-iterations","vus":`+n+`}}}`), &u.VU.StateField.Options))
	}
	users("2")
	u.module.test.conduct.plan = fewer{u.module.test.conduct.plan, 3}
	require.Equal(t, "[]", u.text(allTurns))
	require.Contains(t, u.module.test.experimentNotes()[1], "its steps need 3 users, and k6 runs 2")
	require.Empty(t, u.module.test.conduct.measured())
	users("3")
	require.NoError(t, u.module.test.conduct.manned(u.VU.StateField.Options))
	half, err := lib.NewExecutionSegmentFromString("0:1/2")
	require.NoError(t, err)
	u.VU.StateField.Options.ExecutionSegment = half
	require.ErrorContains(t, u.module.test.conduct.manned(u.VU.StateField.Options), "one runner for all users")
}

// fewer is a plan with another number of users.
type fewer struct {
	experiment.Plan
	users int
}

func (f fewer) Users() int { return f.users }

const allTurns = `
	const sizes = [];
	for (let pool = experiment.next(); pool !== null; pool = experiment.next()) {
		pool.query('SELECT 1');
		pgxpool.observeResponse(1);
		const { size, maxOverflow } = pool.stat();
		if (sizes.at(-1) !== size + '+' + maxOverflow) sizes.push(size + '+' + maxOverflow);
	}
	sizes`

func TestAnExperimentLeadsItsUsersThroughTheSteps(t *testing.T) {
	u := conducting(t, ``)
	u.start()
	require.Equal(t, `["1+0","2+1"]`, u.text(allTurns))
	require.Zero(t, u.backends(), "a step's pool ends with it")
	require.Empty(t, u.module.test.running())
	require.Len(t, u.module.test.experimentNotes(), 1, "and nobody has left within a turn")

	file, err := experiment.ReadFile(filepath.Join(resultsDir, "before-after.json"))
	require.NoError(t, err)
	require.Len(t, file.Measurements, 2)
	for _, m := range file.Measurements {
		require.Positive(t, m.Requests)
		require.NotNil(t, m.Pool)
		require.Positive(t, m.Pool.Wait.Count)
	}
	text, err := json.Marshal(file)
	require.NoError(t, err)
	require.NotContains(t, string(text), "postgres://", "an address may hold a password")

	found, err := u.module.test.finding()
	require.NoError(t, err)
	require.Contains(t, found.result.Terminal(80), "Before and after")
	require.Contains(t, found.result.Values(), "before_after_p95_ratio")
}

func TestAnExperimentGoesOnWhereItEnded(t *testing.T) {
	u := conducting(t, ``)
	u.start()
	u.js(allTurns)
	name := filepath.Join(resultsDir, "before-after.json")
	file, err := experiment.ReadFile(name)
	require.NoError(t, err)
	file.Measurements = file.Measurements[:1]
	text, err := file.JSON()
	require.NoError(t, err)
	first := filepath.Join(t.TempDir(), "first.json")
	require.NoError(t, os.WriteFile(first, text, 0o600))

	quoted, err := json.Marshal(first)
	require.NoError(t, err)
	again := conductingOn(t, u.url, `resume: `+string(quoted))
	again.start()
	require.Equal(t, `["2+1"]`, again.text(allTurns), "the first step is not done again")
	require.Contains(t, again.module.test.experimentNotes()[0], "without the 1 measured before it")
	found, err := again.module.test.finding()
	require.NoError(t, err)
	require.Contains(t, found.result.Values(), "before_after_p95_ratio")
}

func TestAnExperimentOfAnotherWorkloadOrPoolIsNotGoneOnWith(t *testing.T) {
	u := conducting(t, `workload: { hold: 1 }`)
	u.start()
	u.js(allTurns)
	text, err := os.ReadFile(filepath.Join(resultsDir, "before-after.json"))
	require.NoError(t, err)
	first := filepath.Join(t.TempDir(), "first.json")
	require.NoError(t, os.WriteFile(first, text, 0o600))

	again := newUser(t)
	again.js(`const same = {
		plan: 'before-after', users: 1, think: 0, settle: 0, duration: 0.2, rounds: 1, before: '1+0', after: '2+1',
		resume: ` + strconv.Quote(first) + `, pool: { url: ` + strconv.Quote(u.url) + ` }, workload: { hold: 1 } }`)
	require.Contains(t, again.failure(`pgxpool.experiment({ ...same, workload: { hold: 2 } })`), "workload.hold is 1 there and 2 now")
	require.Contains(t, again.failure(`pgxpool.experiment({ ...same, pool: { url: same.pool.url, queryExecMode: 'exec' } })`), `pool.queryExecMode is "cache_statement" there and "exec" now`)
	require.Contains(t, again.failure(`pgxpool.experiment({ ...same, pool: { url: URL } })`), "server is", "another database")
	again.js(`pgxpool.experiment(same)`)
}

func TestAnExperimentThatIsCutOffKeepsWhatItHas(t *testing.T) {
	u := conducting(t, ``)
	u.start()
	ctx, cancel := context.WithCancel(u.VU.CtxField)
	u.VU.CtxField = ctx
	var once sync.Once
	require.NoError(t, u.VU.RuntimeField.Set("cutOff", func() { once.Do(cancel) }))
	require.Equal(t, "2", u.text(`
		let seen = 0, last = 0;
		for (let pool = experiment.next(); pool !== null; pool = experiment.next()) {
			const { size } = pool.stat();
			if (size !== last) { last = size; seen++; }
			if (seen === 2) cutOff();
		}
		seen`))
	u.module.test.end(true)
	found, err := u.module.test.finding()
	require.NoError(t, err)
	require.Equal(t, 1.0, found.result.Values()["experiment_steps"])
	require.Contains(t, found.result.Terminal(80), "Unfinished: 1 step done, 1 left")
}

// A step whose last requests k6 cuts off lacks the slowest of them.
func TestAStepThatIsCutOffWhileItDrainsIsNotMeasured(t *testing.T) {
	u := conducting(t, ``)
	u.start()
	all, cutOff := context.WithCancel(u.VU.CtxField) // the VU's, from which k6 derives each iteration's
	iteration, end := context.WithCancel(all)
	defer end()
	u.VU.CtxField = iteration
	conduct := u.module.test.conduct
	require.NoError(t, u.VU.RuntimeField.Set("cutOffWhileItDrains", func() {
		conduct.mu.Lock()
		s := conduct.stage
		conduct.mu.Unlock()
		<-s.over
		cutOff()
	}))
	require.Equal(t, "true", u.text(`
		experiment.next().query('SELECT 1');
		cutOffWhileItDrains();
		experiment.next() === null`))
	<-conduct.ended
	require.Empty(t, conduct.measured())
	require.NoFileExists(t, filepath.Join(resultsDir, "before-after.json"))
}

func TestAnExceptionEndsItsTurn(t *testing.T) {
	u := conducting(t, ``)
	u.start()
	end := u.iteration()
	u.js(`experiment.next()`)
	end() // as an exception would, before the turn was over
	u.iteration()
	require.Equal(t, `["1+0","2+1"]`, u.text(allTurns), "nobody waits for a turn that will not end")
	require.Contains(t, u.module.test.experimentNotes()[1], "by an exception or a return: 1.")
}

func TestExperimentRefusesWhatItCannotUse(t *testing.T) {
	u := newInitUser(t)
	for options, want := range map[string]string{
		`{}`:                                                "ConfigError: ",
		`{ plan: 'guess' }`:                                 "guess",
		`{ plan: 'tune', users: 'many'}`:                    "users",
		`{ plan: 'tune', pool: 5 }`:                         "pool",
		`{ plan: 'tune', resume: 5 }`:                       "resume",
		`{ plan: 'tune', workload: 5 }`:                     "workload",
		`{ plan: 'tune', resume: '/nowhere/tune.json' }`:    "/nowhere/tune.json",
		`{ plan: 'tune', pool: { poolSise: 5 } }`:           "poolSise",
		`{ plan: 'before-after', before: 'poolSize=none' }`: "before",
	} {
		require.Contains(t, u.failure(`pgxpool.experiment(`+options+`)`), want, options)
	}
	u.js(`const one = pgxpool.experiment({ plan: 'before-after', users: 3 })`)
	require.Equal(t, "3", u.text(`one.users`))
	require.Contains(t, u.failure(`pgxpool.experiment({ plan: 'before-after', users: 4 })`), "other options")
	require.Contains(t, u.failure(`one.next()`), "init context")
}
