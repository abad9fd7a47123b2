package module_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	_ "go.k6.io/k6/v2/lib/executor" // registers what scenarios name

	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/jstest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// conducting is a user of an experiment with two quick steps, in a directory of
// its own.
func conducting(t *testing.T, options string) *jstest.User {
	t.Helper()
	return conductingOn(t, pgtest.Database(t), options)
}

func conductingOn(t *testing.T, url, options string) *jstest.User {
	t.Helper()
	t.Chdir(t.TempDir())
	u := jstest.On(t, url)
	u.JS(`const experiment = pgxpool.experiment({
		plan: 'before-after', users: 1, think: 0, settle: 0, duration: 0.2, rounds: 1,
		before: '1+0', after: '2+1', pool: { url: URL }, ` + options + `
	})`)
	return u
}

// judged is what handleSummary gives to k6, by file.
func judged(u *jstest.User) (files map[string]string) {
	u.JS(`var files = pgxpool.verdict({ metrics: {} }, { run: { script: 'x' }, criteria: [{
		name: 'success_rate', title: 'Success rate', metric: 'request_success', pass: 'rate>=0.95', warning: 'rate>=0.90',
		guard: { metric: 'request_duration', expression: 'max>0' }, unit: 'share', advice: { warning: 'w', fail: 'f' },
	}] })`)
	files = make(map[string]string)
	for name, text := range u.JS(`files`).Export().(map[string]any) {
		files[name] = text.(string)
	}
	return files
}

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
	u.Start()
	require.Equal(t, `["1+0","2+1"]`, u.Text(allTurns))
	require.Zero(t, u.Backends(), "a step's pool ends with it")
	require.Empty(t, u.Run.Configurations())

	file, err := experiment.ReadFile(filepath.Join("results", "before-after.json"))
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

	files := judged(u)
	require.Contains(t, files["stdout"], "Before and after")
	require.Contains(t, left(t, "before-after.md"), "Before and after")
	require.NotContains(t, left(t, "summary.json"), "Iterations that ended within a turn")
	require.Len(t, u.Ended().Of("before_after_p95_ratio"), 1, "k6's thresholds see it")
}

// left reads a file of the results.
func left(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("results", name))
	require.NoError(t, err)
	return string(text)
}

func TestAnExperimentGoesOnWhereItEnded(t *testing.T) {
	u := conducting(t, ``)
	u.Start()
	u.JS(allTurns)
	name := filepath.Join("results", "before-after.json")
	file, err := experiment.ReadFile(name)
	require.NoError(t, err)
	file.Measurements = file.Measurements[:1]
	text, err := file.JSON()
	require.NoError(t, err)
	first := filepath.Join(t.TempDir(), "first.json")
	require.NoError(t, os.WriteFile(first, text, 0o600))

	quoted, err := json.Marshal(first)
	require.NoError(t, err)
	again := conductingOn(t, u.URL, `resume: `+string(quoted))
	again.Start()
	require.Equal(t, `["2+1"]`, again.Text(allTurns), "the first step is not done again")
	judged(again)
	require.Contains(t, left(t, "summary.json"), "without the 1 measured before it")
	require.Len(t, again.Ended().Of("before_after_p95_ratio"), 1)
}

func TestAnExperimentOfAnotherWorkloadOrPoolIsNotGoneOnWith(t *testing.T) {
	u := conducting(t, `workload: { hold: 1 }`)
	u.Start()
	u.JS(allTurns)
	text, err := os.ReadFile(filepath.Join("results", "before-after.json"))
	require.NoError(t, err)
	first := filepath.Join(t.TempDir(), "first.json")
	require.NoError(t, os.WriteFile(first, text, 0o600))

	again := jstest.New(t)
	again.JS(`const same = {
		plan: 'before-after', users: 1, think: 0, settle: 0, duration: 0.2, rounds: 1, before: '1+0', after: '2+1',
		resume: ` + strconv.Quote(first) + `, pool: { url: ` + strconv.Quote(u.URL) + ` }, workload: { hold: 1 } }`)
	require.Contains(t, again.Failure(`pgxpool.experiment({ ...same, workload: { hold: 2 } })`), "workload.hold is 1 there and 2 now")
	require.Contains(t, again.Failure(`pgxpool.experiment({ ...same, pool: { url: same.pool.url, queryExecMode: 'exec' } })`), `pool.queryExecMode is "cache_statement" there and "exec" now`)
	require.Contains(t, again.Failure(`pgxpool.experiment({ ...same, pool: { url: URL } })`), "server is", "another database")
	again.JS(`pgxpool.experiment(same)`)
}

func TestAnExperimentThatIsCutOffKeepsWhatItHas(t *testing.T) {
	u := conducting(t, ``)
	u.Start()
	ctx, cancel := context.WithCancel(u.VU.CtxField)
	u.VU.CtxField = ctx
	var once sync.Once
	require.NoError(t, u.VU.RuntimeField.Set("cutOff", func() { once.Do(cancel) }))
	require.Equal(t, "2", u.Text(`
		let seen = 0, last = 0;
		for (let pool = experiment.next(); pool !== null; pool = experiment.next()) {
			const { size } = pool.stat();
			if (size !== last) { last = size; seen++; }
			if (seen === 2) cutOff();
		}
		seen`))
	require.Equal(t, 1.0, u.Ended().Count("experiment_steps"))
	require.Contains(t, judged(u)["stdout"], "Unfinished: 1 step done, 1 left")
}

func TestAnExceptionEndsItsTurn(t *testing.T) {
	u := conducting(t, ``)
	u.Start()
	end := u.Iteration()
	u.JS(`experiment.next()`)
	end() // as an exception would, before the turn was over
	u.Iteration()
	require.Equal(t, `["1+0","2+1"]`, u.Text(allTurns), "nobody waits for a turn that will not end")
	judged(u)
	require.Contains(t, left(t, "summary.json"), "by an exception or a return: 1.")
}

func TestExperimentRefusesWhatItCannotUse(t *testing.T) {
	u := jstest.InInit(t)
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
		require.Contains(t, u.Failure(`pgxpool.experiment(`+options+`)`), want, options)
	}
	u.JS(`const one = pgxpool.experiment({ plan: 'before-after', users: 3 })`)
	require.Equal(t, "3", u.Text(`one.users`))
	require.Contains(t, u.Failure(`pgxpool.experiment({ plan: 'before-after', users: 4 })`), "other options")
	require.Contains(t, u.Failure(`one.next()`), "init context")
}
