package module

import (
	"context"
	"fmt"
	"testing"

	"github.com/grafana/sobek"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/js/modulestest"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// user is one VU with the module imported, as a script has it. Scripts find
// the database's address in the constant URL.
type user struct {
	*modulestest.Runtime
	t       testing.TB
	module  *RootModule
	samples chan metrics.SampleContainer
	logs    *logtest.Hook
	url     string
}

// helpers are for scripts: failure tells what a call threw.
const helpers = `
const { Pool, open } = require('k6/x/pgxpool');
const pgxpool = require('k6/x/pgxpool').default;
function told(e) { return e.name + (e.code ? ' ' + e.code : '') + ': ' + e.message; }
function failure(fn) { try { fn(); } catch (e) { return told(e); } throw new Error('nothing was thrown'); }
async function rejection(promise) { try { await promise; } catch (e) { return told(e); } throw new Error('nothing was rejected'); }
`

// newUser is a VU in the init context of a test run of its own.
func newUser(t testing.TB) *user {
	return newUserOf(t, New(), pgtest.Database(t))
}

// newInitUser is a VU that never leaves the init context: nothing listens at
// its URL.
func newInitUser(t testing.TB) *user {
	return newUserOf(t, New(), "postgres://someone:word@127.0.0.1:1/nowhere")
}

// newUserOf is one more VU of a test run.
func newUserOf(t testing.TB, module *RootModule, url string) *user {
	u := &user{
		Runtime: modulestest.NewRuntime(t), t: t, module: module, url: url,
		samples: make(chan metrics.SampleContainer, 10_000),
	}
	t.Cleanup(func() { module.test.end(false) })
	logger, hook := logtest.NewNullLogger()
	u.logs = hook
	env := u.VU.InitEnvField
	env.Logger = logger
	env.LookupEnv = func(string) (string, bool) { return "", false }
	require.NoError(t, u.SetupModuleSystem(map[string]any{"k6/x/pgxpool": module}, nil, nil))
	require.NoError(t, u.VU.RuntimeField.Set("URL", url))
	u.js(helpers)
	return u
}

// running is a user in VU code, with a pool of the options given.
func running(t testing.TB, options string) *user {
	u := newUser(t)
	u.js(fmt.Sprintf(`const pool = open(URL, %s)`, options))
	u.start()
	return u
}

// start leaves the init context.
func (u *user) start() {
	root := u.module.test.root
	u.MoveToVUContext(&lib.State{
		Samples: u.samples,
		Tags:    lib.NewVUStateTags(root.With("scenario", "default").With("group", "::start")),
	})
	u.iteration()
}

// iteration begins a new one. k6 gives each a context, which ends with it.
func (u *user) iteration() (end func()) {
	ctx, cancel := context.WithCancel(inScenario(context.Background()))
	u.t.Cleanup(cancel)
	u.VU.CtxField = ctx
	return cancel
}

// inScenario is what tells an iteration from setup() and teardown().
func inScenario(ctx context.Context) context.Context {
	return lib.WithScenarioState(ctx, &lib.ScenarioState{Name: "default"})
}

// js runs a script and waits for its Promise, if it gives one.
func (u *user) js(script string) sobek.Value {
	u.t.Helper()
	value, err := u.RunOnEventLoop(script)
	require.NoError(u.t, err, script)
	promise, ok := value.Export().(*sobek.Promise)
	if !ok {
		return value
	}
	require.Equal(u.t, sobek.PromiseStateFulfilled, promise.State(), "%s: %s", script, promise.Result())
	return promise.Result()
}

// text is the result of a script as JSON.
func (u *user) text(script string) string {
	u.t.Helper()
	require.NoError(u.t, u.VU.RuntimeField.Set("result", u.js(script)))
	value, err := u.VU.RuntimeField.RunString(`JSON.stringify(result)`)
	require.NoError(u.t, err)
	return value.String()
}

// failure is what fn throws: name, SQLSTATE and message.
func (u *user) failure(fn string) string {
	u.t.Helper()
	return u.js(fmt.Sprintf(`failure(() => { %s })`, fn)).String()
}

// rejection is what a Promise is rejected with.
func (u *user) rejection(promise string) string {
	u.t.Helper()
	return u.js(fmt.Sprintf(`rejection(%s)`, promise)).String()
}

// backends counts the pool's connections on the server.
func (u *user) backends() (n int) {
	u.t.Helper()
	conn := pgtest.Conn(u.t, u.url)
	require.NoError(u.t, conn.QueryRow(u.t.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'xk6-pgxpool'`).Scan(&n))
	return n
}

// warnings are the lines logged at this level.
func (u *user) warnings() (lines []string) {
	for _, entry := range u.logs.AllEntries() {
		if entry.Level == logrus.WarnLevel {
			lines = append(lines, entry.Message)
		}
	}
	return lines
}
