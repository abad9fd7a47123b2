package flowboardtest

import (
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestStartedApplicationAnswersUntilStopped(t *testing.T) {
	app := Start(t, Config{DatabaseURL: pgtest.Database(t)})

	status, body := app.Get(t, "/health")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"status": "ok"}`, string(body))

	require.NoError(t, app.Stop())
	_, err := net.Dial("tcp", strings.TrimPrefix(app.BaseURL, "http://"))
	require.Error(t, err, "nobody listens any more")
	require.Contains(t, app.output.String(), "Application shutdown complete")
	require.NoError(t, app.Stop(), "a second stop does nothing")
}

func TestFailedStartSaysWhatTheApplicationPrinted(t *testing.T) {
	RequirePackages(t)
	_, err := Launch(Config{DatabaseURL: "postgres://127.0.0.1:1/nobody-listens", Dir: t.TempDir()})
	require.ErrorContains(t, err, "ended at its start")
	require.ErrorContains(t, err, "Application startup failed")
}

func TestSettingsOfTheTestsOwnEnvironmentAreNotInherited(t *testing.T) {
	url := pgtest.Database(t)
	t.Setenv("DB_POOL_SIZE", "3")
	app := Start(t, Config{DatabaseURL: url})
	require.Equal(t, 20, app.Levels(t).Size)
}

func TestMissingPackagesSkipLocallyAndFailInCI(t *testing.T) {
	t.Setenv("FLOWBOARD_PYTHON", "/nonexistent/python3")
	for _, test := range []struct {
		ci            string
		skips, failed bool
	}{
		{ci: "", skips: true},
		{ci: "true", failed: true},
	} {
		t.Setenv("CI", test.ci)
		outcome := recordOutcome(t, func(t testing.TB) { RequirePackages(t) })
		require.Equal(t, test.skips, outcome.skipped, "CI=%q", test.ci)
		require.Equal(t, test.failed, outcome.failed, "CI=%q", test.ci)
		require.Contains(t, outcome.message, "/nonexistent/python3")
		require.Contains(t, outcome.message, "python3-fastapi python3-sqlalchemy python3-asyncpg uvicorn")
		require.NotContains(t, strings.TrimSpace(outcome.message), "\n")
	}
}

// outcome stands in for a test and remembers how it ended.
type outcome struct {
	testing.TB
	skipped, failed bool
	message         string
}

func (o *outcome) Helper() {}

func (o *outcome) Skip(args ...any) {
	o.skipped, o.message = true, fmt.Sprint(args...)
	runtime.Goexit()
}

func (o *outcome) Fatal(args ...any) {
	o.failed, o.message = true, fmt.Sprint(args...)
	runtime.Goexit()
}

// recordOutcome runs f in a goroutine of its own, which Skip and Fatal end.
func recordOutcome(t *testing.T, f func(testing.TB)) *outcome {
	o := &outcome{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(o)
	}()
	<-done
	return o
}
