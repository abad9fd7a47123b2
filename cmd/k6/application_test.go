//go:build unix

package main_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
)

// applicationVariable makes the test binary an application at that address, for
// experiments that start one.
const applicationVariable = "TEST_APPLICATION"

// serveApplication writes its environment to the file environment and then answers.
func serveApplication(address string) {
	err := os.WriteFile("environment", []byte(strings.Join(os.Environ(), "\n")), 0o600)
	if err == nil {
		http.HandleFunc("/health", func(http.ResponseWriter, *http.Request) {})
		err = http.ListenAndServe(address, nil)
	}
	fmt.Println(err)
	os.Exit(3)
}

// applicationAt is the environment of an experiment on that application, whose
// processes name base in their arguments: a shell and its child.
func applicationAt(t *testing.T, base string, more ...string) map[string]string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	env := map[string]string{
		applicationVariable: address,
		"BASE_URL":          "http://" + address,
		"APP_COMMAND":       fmt.Sprintf(`sh -c "'%s' '%s' & wait"`, self, base),
		"ENDPOINT":          "/health",
		"CONCURRENT":        "2", "THINK": "0.1", "SETTLE": "0.1", "DURATION": "0.5", "ROUNDS": "2",
		"BEFORE": "5+10", "AFTER": "20+40", "WORKERS": "3", "GATE": "fail",
		"K6_CLOUD_TOKEN": "secret", "K6_NO_USAGE_REPORT": "true",
	}
	for _, setting := range more {
		name, value, _ := strings.Cut(setting, "=")
		env[name] = value
	}
	return env
}

func experimentScript(t *testing.T, name string) string {
	return filepath.Join(k6test.Root(t), "scripts", name+".js")
}

// The application is started anew for every step with the step's settings, and
// nothing of it is left at the end. tune and capacity do the same.
func TestAnExperimentStartsTheApplicationForEveryStep(t *testing.T) {
	for script, test := range map[string]struct {
		settings []string
		logs     string
		last     []string // of the environment
	}{
		"before-after": {nil, "app-01-before.log app-02-after.log app-03-after.log app-04-before.log app-start.log",
			[]string{"DB_POOL_SIZE=5", "DB_MAX_OVERFLOW=10", "DB_POOL_TIMEOUT=30", "DB_POOL_RECYCLE=-1", "DB_POOL_PRE_PING=false"}},
		"tune": {[]string{"SIZES=2,3+1", "ROUNDS=1", "SEED=2"}, "app-01-3+1.log app-02-2+0.log app-start.log",
			[]string{"DB_POOL_SIZE=2", "DB_MAX_OVERFLOW=0", "DB_POOL_TIMEOUT=30", "DB_POOL_RECYCLE=3600", "DB_POOL_PRE_PING=true"}},
		"capacity": {[]string{"STEPS=2", "ROUNDS=1", "DB_POOL_SIZE=7", "DB_POOL_TIMEOUT=1500ms", "STEP_WAIVE=response_drift"}, "app-01-2-users.log app-02-2-users.log app-start.log",
			[]string{"DB_POOL_SIZE=7", "DB_MAX_OVERFLOW=40", "DB_POOL_TIMEOUT=1.5"}},
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			env := applicationAt(t, base, test.settings...)
			if script != "before-after" {
				delete(env, "BEFORE")
				delete(env, "AFTER")
			}
			r := k6test.K6(t, k6test.Run{Args: []string{"run", "-q", "-e", "OWN=mine", experimentScript(t, script)}, Env: env})
			require.Empty(t, serversOf(t, base))
			logs, err := filepath.Glob(filepath.Join(r.Dir, "results", "app-*.log"))
			require.NoError(t, err)
			for i := range logs {
				logs[i] = filepath.Base(logs[i])
			}
			require.Equal(t, test.logs, strings.Join(logs, " "), r.Output())
			environment := strings.Split(r.File(t, "environment"), "\n")
			require.Subset(t, environment, append(test.last, "WORKERS=3", "OWN=mine", applicationVariable+"="+env[applicationVariable]))
			for _, variable := range environment {
				require.False(t, strings.HasPrefix(variable, "K6_"), variable)
			}
		})
	}
}

// children are the process ids of a process's descendants.
func children(t *testing.T, pid int) (found []int) {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if fields[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(fields[0])
			require.NoError(t, err)
			found = append(append(found, child), children(t, child)...)
		}
	}
	return found
}

// ended tells whether a process has; a zombie, which nobody reaps, has.
func ended(t *testing.T, pid int) bool {
	t.Helper()
	out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output() // it fails where there is none
	return strings.TrimLeft(strings.TrimSpace(string(out)), "Z<Nsl+") == ""
}

// However the run ends, nothing of the application is left, its watchdog included.
func TestNothingOfAnApplicationIsLeft(t *testing.T) {
	inSetup := []string{"APP_READY=/never", "SETTLE=0.1"}
	inStep := []string{"DURATION=60"}
	for name, test := range map[string]struct {
		settings []string
		signals  []os.Signal
		code     int
	}{
		"Ctrl-C":           {inStep, []os.Signal{os.Interrupt}, exitInterrupted},
		"Ctrl-C twice":     {inStep, []os.Signal{os.Interrupt, os.Interrupt}, exitInterrupted},
		"SIGTERM":          {inStep, []os.Signal{syscall.SIGTERM}, exitInterrupted},
		"SIGKILL":          {inStep, []os.Signal{os.Kill}, -1},
		"Ctrl-C in setup":  {inSetup, []os.Signal{os.Interrupt}, exitInterrupted},
		"SIGKILL in setup": {inSetup, []os.Signal{os.Kill}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			env := applicationAt(t, base, test.settings...)
			cmd := k6test.Command(t.Context(), t, k6test.Run{Args: []string{"run", "-q", experimentScript(t, "before-after")}, Env: env})
			require.NoError(t, cmd.Start())
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			mark := filepath.Join(cmd.Dir, "results", "app-01-before.log")
			if env["APP_READY"] != "" {
				mark = filepath.Join(cmd.Dir, "results", "app-start.log")
			}
			var descendants []int
			require.Eventually(t, func() bool {
				_, err := os.Stat(mark)
				descendants = children(t, cmd.Process.Pid)
				return err == nil && len(descendants) == 3 // the watchdog, the shell and its child
			}, time.Minute, 50*time.Millisecond)
			for _, signal := range test.signals {
				require.NoError(t, cmd.Process.Signal(signal))
			}
			_ = cmd.Wait() // the code tells
			require.Equal(t, test.code, cmd.ProcessState.ExitCode())
			require.Eventually(t, func() bool {
				for _, pid := range descendants {
					if !ended(t, pid) {
						return false
					}
				}
				return len(serversOf(t, base)) == 0
			}, time.Minute, 50*time.Millisecond)
		})
	}
}

// What is wrong with the application is said before any load, in one line.
func TestAnApplicationThatCannotRunEndsTheRunBeforeAnyLoad(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = http.Serve(taken, http.NotFoundHandler()) }() // it is closed with the test
	t.Cleanup(func() { _ = taken.Close() })
	for name, test := range map[string]struct{ setting, says string }{
		"empty":           {"APP_COMMAND=", "APP_COMMAND is empty: give it a command line"},
		"no address":      {"BASE_URL=", "APP_COMMAND is set, and BASE_URL is not: give it the address"},
		"no command line": {"APP_COMMAND=run 'open", "APP_COMMAND: \"run 'open\" is not accepted: 1:5: reached EOF without closing quote"},
		"a wrong path":    {"APP_READY=http://h/health", "APP_READY: \"http://h/health\" is not accepted; use a path of the application"},
		"no program":      {"APP_COMMAND=no-such-program", `APP_COMMAND "no-such-program": exec: "no-such-program": executable file not found`},
		"it ends":         {"APP_COMMAND=sh -c 'echo cannot import app; exit 3'", "it ended before it was ready (exit status 3); its last lines, of results/app-start.log: cannot import app"},
		"a taken port":    {"BASE_URL=http://" + taken.Addr().String(), "answers already (HTTP 404 Not Found), before the application is started: another process has the port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := applicationAt(t, t.TempDir())
			args := []string{"run", "-q", "-e", test.setting, experimentScript(t, "before-after")}
			variable, _, _ := strings.Cut(test.setting, "=")
			delete(env, variable)
			r := k6test.K6(t, k6test.Run{Args: args, Env: env})
			require.Equal(t, exitScriptException, r.Code, r.Output())
			require.Contains(t, strings.ReplaceAll(r.Stderr, `\"`, `"`), test.says)
			require.NoFileExists(t, filepath.Join(r.Dir, "results", "before-after.json"))
			requireNoDump(t, r.Output())
		})
	}
}
