//go:build unix

package application

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// applicationVariable makes the test binary an application: it listens at the address that the variable says.
const applicationVariable = "APPLICATION_TEST_ADDRESS"

func TestMain(m *testing.M) {
	if address := os.Getenv(applicationVariable); address != "" {
		serve(address)
	}
	goleak.VerifyTestMain(m)
}

// serve answers /health, and /environment with the variables that it was given.
func serve(address string) {
	http.HandleFunc("/health", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/environment", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, strings.Join(os.Environ(), "\n"))
	})
	fmt.Println("first line\n\nserving with postgres://app:secret@db/x") // an application may print anything
	fmt.Println(http.ListenAndServe(address, nil))
	os.Exit(3)
}

// freeAddress is one that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close() //nolint:errcheck // nothing was written
	return listener.Addr().String()
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	return path
}

func noVariable(string) string { return "" }

// running is a launcher of a command line, and a start of it.
func running(t *testing.T, line, address, ready string) (*Launcher, Start) {
	t.Helper()
	r, err := NewLauncher(line, "http://"+address, ready, noVariable)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r, Start{
		Environment: map[string]string{applicationVariable: address},
		Log:         filepath.Join(t.TempDir(), "app.log"), Notify: func(string) {},
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

func TestTheApplicationInheritsTheEnvironmentButForK6s(t *testing.T) {
	t.Setenv("K6_CLOUD_TOKEN", "cloud")
	t.Setenv("DB_POOL_SIZE", "1")
	t.Setenv("OWN", "mine")
	address := freeAddress(t)
	r, s := running(t, self(t), address, "/health")
	s.Environment["DB_POOL_SIZE"], s.Environment["K6_SECRET"] = "20", "given with -e"
	require.NoError(t, r.Start(t.Context(), s))
	lines := strings.Split(get(t, "http://"+address+"/environment"), "\n")
	require.Contains(t, lines, "OWN=mine")
	require.Contains(t, lines, "DB_POOL_SIZE=20")
	require.NotContains(t, lines, "DB_POOL_SIZE=1")
	for _, line := range lines {
		require.False(t, strings.HasPrefix(line, "K6_"), line)
	}
	require.False(t, r.Stop())
	_, err := net.Dial("tcp", address)
	require.Error(t, err, "nobody listens any more")
	require.NoError(t, r.Start(t.Context(), s), "again")
}

func TestWhatKeepsTheApplicationFromRunningIsOneLine(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	for name, test := range map[string]struct {
		line, address string
		says          []string
	}{
		"it ends":                            {"sh -c 'echo one; echo password=secret >&2; exit 7'", "", []string{"ended before it was ready (exit status 7)", "one | password=***", "app.log"}},
		"it ends as if all were well":        {"true", "", []string{"ended before it was ready (exit status 0); it printed nothing"}},
		"no such program":                    {"no-such-program --port 1", "", []string{`"no-such-program": executable file not found`}},
		"another process has the port":       {"sleep 600", strings.TrimPrefix(other.URL, "http://"), []string{"answers already (HTTP 404 Not Found)", "another process has the port"}},
		"another process that does not talk": {"sleep 600", silent.Addr().String(), []string{"answers already (no answer within 2s)"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := test.address
			if address == "" {
				address = freeAddress(t)
			}
			r, s := running(t, test.line, address, "/health")
			err := r.Start(t.Context(), s)
			for _, said := range test.says {
				require.ErrorContains(t, err, said)
			}
			require.NotContains(t, err.Error(), "secret")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestAnApplicationThatIsNeverReadyIsStopped(t *testing.T) {
	for name, test := range map[string]struct{ line, ready, says string }{
		"its path is another one": {self(t), "/helth", "/helth (APP_READY) gave HTTP 404 Not Found; its last lines, of "},
		"it listens elsewhere":    {"sleep 600", "/health", "gave connection refused; it printed nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := running(t, test.line, freeAddress(t), test.ready)
			r.limit, r.progress = 500*time.Millisecond, 200*time.Millisecond
			var said []string
			s.Notify = func(line string) { said = append(said, line) }
			err := r.Start(t.Context(), s)
			require.ErrorContains(t, err, "it was not ready after 500ms: http://")
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "secret")
			require.NotEmpty(t, said)
			require.Contains(t, said[0], "application: waiting for http://")
			require.Nil(t, r.process)
		})
	}
}

func TestACanceledStartLeavesNothing(t *testing.T) {
	r, s := running(t, "sleep 600", freeAddress(t), "/health")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, r.Start(ctx, s), context.DeadlineExceeded)
	require.Nil(t, r.process)
}

func TestAnApplicationThatEndsSaysHow(t *testing.T) {
	r, s := running(t, "sh -c '"+self(t)+" & wait'", freeAddress(t), "/health")
	require.NoError(t, r.Start(t.Context(), s))
	r.process.Kill()
	<-r.Ended()
	err := r.EndedError(`during step "after"`)
	require.ErrorContains(t, err, `it ended during step "after" (signal: killed); its last lines, of `)
	require.ErrorContains(t, err, "first line | serving with postgres://***@db/x")
}

func TestCommandLinesAreSplitAsByAShell(t *testing.T) {
	variable := func(name string) string { return map[string]string{"WORKERS": "4", "PATH_": "a b"}[name] }
	for line, want := range map[string][]string{
		`uvicorn app:app --port 8000`:       {"uvicorn", "app:app", "--port", "8000"},
		`sh -c 'exec "$0" x' y`:             {"sh", "-c", `exec "$0" x`, "y"},
		`run --workers $WORKERS "${PATH_}"`: {"run", "--workers", "4", "a b"},
		`run '$WORKERS' *.py \ x`:           {"run", "$WORKERS", "*.py", " x"},
	} {
		got, err := words(line, variable)
		require.NoError(t, err, line)
		require.Equal(t, want, got, line)
	}
}

func TestBadInputIsRefused(t *testing.T) {
	for _, test := range []struct{ line, url, ready, says string }{
		{"", "http://h", "/", "APP_COMMAND: it is empty; use a command line"},
		{"  ", "http://h", "/", "APP_COMMAND: it is empty"},
		{"run 'open", "http://h", "/", `APP_COMMAND: "run 'open" is not accepted: 1:5: reached EOF without closing quote`},
		{"a | b", "http://h", "/", "`|` is not a valid word; use a command line without pipes"},
		{"a $(id)", "http://h", "/", "unexpected command substitution"},
		{"''", "http://h", "/", "it names no program"},
		{"PORT=1 run", "http://h", "/", `"PORT=1" is no program; env PORT=1 … sets a variable`},
		{"run", "", "/", "APP_COMMAND: BASE_URL is not set; use BASE_URL=http://HOST:PORT"},
		{"run", "localhost:8000", "/", "BASE_URL; use http://HOST:PORT"},
		{"run", "ftp://u:secret@h", "/", "BASE_URL; use http://HOST:PORT"},
		{"run", "http://h", "http://other/health", `APP_READY: "http://other/health" is not accepted; use a path of the application`},
		{"run", "http://h", "a b", `APP_READY: "a b" is not accepted`},
		{"run", "http://h", "%zz", `APP_READY: "%zz" is not accepted`},
	} {
		_, err := NewLauncher(test.line, test.url, test.ready, noVariable)
		require.ErrorContains(t, err, test.says, "%q %q %q", test.line, test.url, test.ready)
		require.NotContains(t, err.Error(), "secret")
	}
	for ready, want := range map[string]string{
		"/health": "http://h:1/base/health", "health": "http://h:1/base/health", "/ready?full=1": "http://h:1/base/ready?full=1",
	} {
		r, err := NewLauncher("run", "http://h:1/base/", ready, noVariable)
		require.NoError(t, err)
		require.Equal(t, want, r.url())
	}
}
