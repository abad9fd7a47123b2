// Package jstest is a VU with the module imported, as a script has it, for tests
// that call the module in JavaScript.
package jstest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/grafana/sobek"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/js/modulestest"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/module"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/testrun"
)

// User is one VU with the module imported, as a script has it. Scripts find
// the database's address in the constant URL.
type User struct {
	*modulestest.Runtime
	Run     *testrun.Run // that the VU belongs to
	Samples chan metrics.SampleContainer
	logs    *logtest.Hook
	URL     string // of the database
	t       testing.TB
	root    *module.RootModule
}

// helpers are for scripts: failure tells what a call threw.
const helpers = `
const { Pool, open } = require('k6/x/pgxpool');
const pgxpool = require('k6/x/pgxpool').default;
function told(e) { return e.name + (e.code ? ' ' + e.code : '') + ': ' + e.message; }
function failure(fn) { try { fn(); } catch (e) { return told(e); } throw new Error('nothing was thrown'); }
async function rejection(promise) { try { await promise; } catch (e) { return told(e); } throw new Error('nothing was rejected'); }
`

// New is a VU in the init context of a test run of its own.
func New(t testing.TB) *User { return On(t, pgtest.Database(t)) }

// On is a VU in the init context of a test run of its own, with the database at
// this URL.
func On(t testing.TB, url string) *User {
	return with(t, url, nil)
}

// With is a VU in the init context of a test run of its own, with settings as k6's -e gives them.
func With(t testing.TB, settings map[string]string) *User {
	return with(t, pgtest.Database(t), settings)
}

func with(t testing.TB, url string, settings map[string]string) *User {
	run := new(testrun.Run)
	return newUser(t, module.In(run, os.DirFS(k6test.Root(t))), run, url, settings)
}

// InInit is a VU that never leaves the init context: nothing listens at its URL.
func InInit(t testing.TB) *User {
	return On(t, "postgres://someone:word@127.0.0.1:1/nowhere")
}

// Another is one more VU of the same test run.
func (u *User) Another() *User { return newUser(u.t, u.root, u.Run, u.URL, nil) }

func newUser(t testing.TB, root *module.RootModule, run *testrun.Run, url string, settings map[string]string) *User {
	u := &User{
		Runtime: modulestest.NewRuntime(t), Run: run, URL: url, t: t, root: root,
		Samples: make(chan metrics.SampleContainer, 10_000),
	}
	t.Cleanup(func() { run.End(false) })
	logger, hook := logtest.NewNullLogger()
	u.logs = hook
	env := u.VU.InitEnvField
	env.Logger = logger
	env.RuntimeOptions.Env = settings
	env.LookupEnv = func(string) (string, bool) { return "", false }
	require.NoError(t, u.SetupModuleSystem(map[string]any{"k6/x/pgxpool": root}, nil, nil))
	require.NoError(t, u.VU.RuntimeField.Set("URL", url))
	u.JS(helpers)
	return u
}

// Running is a user in VU code, with a pool of the options given.
func Running(t testing.TB, options string) *User {
	u := New(t)
	u.JS(fmt.Sprintf(`const pool = open(URL, %s)`, options))
	u.Start()
	return u
}

// Start leaves the init context.
func (u *User) Start() {
	u.MoveToVUContext(&lib.State{
		Samples: u.Samples,
		Tags:    lib.NewVUStateTags(u.VU.InitEnvField.Registry.RootTagSet().With("scenario", "default").With("group", "::start")),
	})
	u.Iteration()
}

// Iteration begins a new one. k6 gives each a context, which ends with it.
func (u *User) Iteration() (end func()) {
	ctx, cancel := context.WithCancel(InScenario(context.Background()))
	u.t.Cleanup(cancel)
	u.VU.CtxField = ctx
	return cancel
}

// Ends lets an iteration end and waits until what it held is back. Sweeping is
// up to the context here: the harness has no events.
func (u *User) Ends(end func()) {
	u.t.Helper()
	end()
	require.Eventually(u.t, func() bool {
		return u.Run.Pool("default").Stat(nil).Active == 0
	}, 10*time.Second, time.Millisecond)
}

// InScenario is what tells an iteration from setup() and teardown().
func InScenario(ctx context.Context) context.Context {
	return lib.WithScenarioState(ctx, &lib.ScenarioState{Name: "default"})
}

// JS runs a script and waits for its Promise, if it gives one.
func (u *User) JS(script string) sobek.Value {
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

// Text is the result of a script as JSON.
func (u *User) Text(script string) string {
	u.t.Helper()
	require.NoError(u.t, u.VU.RuntimeField.Set("result", u.JS(script)))
	value, err := u.VU.RuntimeField.RunString(`JSON.stringify(result)`)
	require.NoError(u.t, err)
	return value.String()
}

// Failure is what fn throws: name, SQLSTATE and message.
func (u *User) Failure(fn string) string {
	u.t.Helper()
	return u.JS(fmt.Sprintf(`failure(() => { %s })`, fn)).String()
}

// Rejection is what a Promise is rejected with.
func (u *User) Rejection(promise string) string {
	u.t.Helper()
	return u.JS(fmt.Sprintf(`rejection(%s)`, promise)).String()
}

// Backends counts the pool's connections on the server.
func (u *User) Backends() (n int) {
	u.t.Helper()
	conn := pgtest.Conn(u.t, u.URL)
	require.NoError(u.t, conn.QueryRow(u.t.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'xk6-pgxpool'`).Scan(&n))
	return n
}

// Warnings are the lines logged at this level.
func (u *User) Warnings() (lines []string) {
	for _, entry := range u.logs.AllEntries() {
		if entry.Level == logrus.WarnLevel {
			lines = append(lines, entry.Message)
		}
	}
	return lines
}
