package command

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// process is the command as a user starts it, see runAsK6.
type process struct {
	*exec.Cmd
	stdout, stderr *buffer
}

// buffer may be read while the process writes.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// lines counts the status lines.
func (b *buffer) lines() int { return strings.Count(b.String(), "Pool Status: ") }

// prepare makes `k6 x pgxpool monitor` with these arguments and environment
// ("NAME=value") in an empty working directory.
func prepare(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	return prepareCommand(t, "monitor", env, args...)
}

// prepareCommand makes `k6 x pgxpool COMMAND`.
func prepareCommand(t *testing.T, command string, env []string, args ...string) *process {
	t.Helper()
	p := &process{stdout: &buffer{}, stderr: &buffer{}}
	p.Cmd = exec.CommandContext(t.Context(), os.Args[0], append([]string{"x", "pgxpool", command}, args...)...)
	p.Dir = t.TempDir()
	p.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.Dir, runAsK6 + "=" + root(),
		"K6_NO_USAGE_REPORT=true", "K6_AUTO_EXTENSION_RESOLUTION=false",
		"GOCOVERDIR=" + t.TempDir(), // with go test -cover it would complain on stderr without one
	}, env...)
	p.Stdout, p.Stderr = p.stdout, p.stderr
	p.WaitDelay = 10 * time.Second
	return p
}

// run waits for the end and returns the exit code.
func (p *process) run(t *testing.T) int {
	t.Helper()
	require.NoError(t, p.Start())
	return p.end(t)
}

func (p *process) end(t *testing.T) int {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.Wait() // the exit code says it
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		_ = p.Process.Kill()
		<-done
		t.Fatal("the command does not end: " + p.stdout.String() + p.stderr.String())
	}
	return p.ProcessState.ExitCode()
}

// until waits for what the running process writes.
func (p *process) until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	require.Eventually(t, reached, time.Minute, 10*time.Millisecond, what+"\n%s%s", p.stdout, p.stderr)
}

// session opens a connection of the watched application.
func session(t *testing.T, url, name string, statements ...string) *pgx.Conn {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	cfg.RuntimeParams["application_name"] = name
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the test may have had it killed
	for _, sql := range statements {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	return conn
}

// closedPipe is a pipe that nobody reads.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	t.Cleanup(func() { _ = w.Close() })
	return w
}
