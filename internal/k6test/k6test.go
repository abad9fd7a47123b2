//go:build unix

// Package k6test runs k6 with the extension compiled in, as a user would, and
// tells what came of it.
package k6test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// limit is how long one run may take. Runs are short; a hang must not eat the
// whole test's time.
const limit = 2 * time.Minute

var (
	likeTest = sync.OnceValues(func() (string, error) { return build(raceEnabled) })
	plain    = sync.OnceValues(func() (string, error) { return build(false) })
)

// kept is read before pgtest may turn to a folder in memory.
var kept = os.TempDir()

// build leaves the binary where the next test finds it: go build does nothing
// then if no source has changed. The lock keeps test binaries that run side by
// side from building the same file.
func build(race bool) (string, error) {
	name, args := "k6", []string{"build", "-race=" + strconv.FormatBool(race)} // whatever GOFLAGS says
	if race {
		name = "k6-race"
	}
	root, err := rootDir()
	if err != nil {
		return "", err
	}
	// Another checkout's k6 is not this one's.
	checkout := fnv.New32a()
	_, _ = checkout.Write([]byte(root)) // never fails
	dir := filepath.Join(kept, fmt.Sprintf("xk6-pgxpool-test-%d-%08x", os.Getuid(), checkout.Sum32()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	lock, err := os.Create(filepath.Join(dir, "lock")) // #nosec G304 -- our own directory
	if err != nil {
		return "", err
	}
	defer lock.Close() //nolint:errcheck // nothing was written
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, name)
	args = append(args, "-o", binary, "github.com/flowboard/xk6-pgxpool/cmd/k6")
	out, err := exec.Command("go", args...).CombinedOutput() // #nosec G204 -- our own arguments
	if err != nil {
		return "", errors.New(string(out))
	}
	return binary, nil
}

// SideBySide lets more tests of this binary run at a time than there are cores: most
// of them wait for k6, and k6 for sleeping statements. With the race detector k6 takes
// several times the CPU, and fewer fit. For TestMain.
func SideBySide() {
	perCore := 3
	if raceEnabled {
		perCore = 2
	}
	if err := flag.Set("test.parallel", strconv.Itoa(perCore*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
}

// PlainBinary is Binary without the race detector; see Run.Plain.
func PlainBinary(t testing.TB) string {
	t.Helper()
	return built(t, plain)
}

// Binary is k6 with the extension, built once per test binary and with the
// race detector if the test has it.
func Binary(t testing.TB) string {
	t.Helper()
	return built(t, likeTest)
}

func built(t testing.TB, build func() (string, error)) string {
	t.Helper()
	binary, err := build()
	require.NoError(t, err, "building k6")
	return binary
}

// Noisy are the criteria that a busy machine fails in a short run, however sound
// the pool is: for WAIVE in tests with another subject.
const Noisy = "db_cpu,response_drift,longest_stall"

// Run is one run of k6 to come.
type Run struct {
	Args []string          // after `k6`
	Env  map[string]string // beside PATH, HOME and TMPDIR; nothing else is inherited
	Dir  string            // working directory; empty makes a temporary one
	// Plain runs a k6 without the race detector, which starts in a fifth of the time
	// and takes a third of the CPU: where the subject is not what users share, but
	// a file, a refusal, a page, or what k6 says of others.
	Plain bool
}

func (r Run) binary(t testing.TB) string {
	t.Helper()
	if r.Plain {
		return PlainBinary(t)
	}
	return Binary(t)
}

// Result is what a run left behind.
type Result struct {
	Code   int
	Stdout string
	Stderr string
	Dir    string
}

// Output is standard output and error together.
func (r Result) Output() string { return r.Stdout + r.Stderr }

// File reads a file below the working directory.
func (r Result) File(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.Dir, name)) // #nosec G304 -- the test names it
	require.NoError(t, err, r.Output())
	return string(text)
}

// Command prepares a run without starting it, for tests that need its process.
func Command(ctx context.Context, t testing.TB, r Run) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, r.binary(t), r.Args...) // #nosec G204 -- a program of our own making
	cmd.Dir = r.Dir
	if cmd.Dir == "" {
		cmd.Dir = t.TempDir()
	}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(), "NO_COLOR=1"}
	for name, value := range r.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// K6 runs k6 to its end.
func K6(t testing.TB, r Run) Result {
	t.Helper()
	r.binary(t) // a cold build may take longer than the run
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := Command(ctx, t, r)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err(), "k6 hung: %s", stdout.String()+stderr.String())
	return Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String(), Dir: cmd.Dir}
}

// Browse is K6 for a script of k6's browser module. Now and then that module's
// newPage() misses the page it made and waits until its timeout: then it is run anew.
func Browse(t testing.TB, run Run) Result {
	t.Helper()
	for attempt := 1; ; attempt++ {
		r := K6(t, run)
		if attempt == 3 || !strings.Contains(r.Output(), "creating new page in browser context: timed out") {
			return r
		}
	}
}

// Script writes a script to a temporary file and gives its path.
func Script(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script.js")
	require.NoError(t, os.WriteFile(path, []byte(strings.TrimSpace(text)+"\n"), 0o600))
	return path
}

// Root is the project's directory.
func Root(t testing.TB) string {
	t.Helper()
	require.NoError(t, errRoot)
	return root
}

// root is found before a test changes its directory.
var root, errRoot = rootDir()

func rootDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the test")
		}
		dir = parent
	}
}
