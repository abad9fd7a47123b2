//go:build linux

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// shortRun is 100users.js for a moment, in a folder of its own.
func shortRun(t *testing.T, dir string, env map[string]string) k6test.Result {
	t.Helper()
	all := map[string]string{
		"DATABASE_URL": pgtest.Database(t), "CONCURRENT": "2", "DURATION": "1", "THINK": "0.05", "INTERVAL": "0",
		"WAIVE": k6test.Noisy,
	}
	for name, value := range env {
		all[name] = value
	}
	return k6test.K6(t, k6test.Run{Plain: true,
		Args: []string{"run", "--quiet", filepath.Join(k6test.Root(t), "scripts", "100users.js")}, Env: all, Dir: dir,
	})
}

// Nothing runs whose verdict would be lost.
func TestAFolderThatTakesNoResultsFailsSetup(t *testing.T) {
	t.Parallel()
	full := filepath.Join(t.TempDir(), "full")
	require.NoError(t, os.Mkdir(full, 0o750))
	for name, test := range map[string]struct {
		out, cause string
		prepare    func(t *testing.T, dir string)
	}{
		"a file": {"", "not a directory", func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "results"), nil, 0o600))
		}},
		"a dangling link": {"", "file exists", func(t *testing.T, dir string) {
			require.NoError(t, os.Symlink("/nowhere/at/all", filepath.Join(dir, "results")))
		}},
		"no file system": {"/proc/results", "no such file or directory", nil},
		"a full disk":    {"full", "no space left on device", func(t *testing.T, dir string) { smallDisk(t, filepath.Join(dir, "full")) }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if test.prepare != nil {
				test.prepare(t, dir)
			}
			r := shortRun(t, dir, map[string]string{"OUT": test.out})
			require.Equal(t, 107, r.Code, r.Output())
			require.Contains(t, r.Stdout, "FAIL: setup failed: the results cannot be written to ")
			require.Contains(t, r.Stdout, test.cause)
			require.NotContains(t, r.Stdout, "Criterion", "nothing was judged")
			require.Equal(t, 1, strings.Count(r.Stdout, "cannot be written"), "said once")
		})
	}
}

// smallDisk has room for a file or two, and not for a run's results.
func smallDisk(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.Mkdir(dir, 0o750))
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=64k"); err != nil {
		require.Empty(t, os.Getenv("CI"), "a disk must be mounted in CI: %v", err)
		t.Skipf("a full disk takes the right to mount one: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
}

// A folder that is lost during the run fails a threshold; one that is lost after
// they were judged cannot, and the verdict says so.
func TestAFolderLostOnTheWay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lostIn string
		code   int
	}{
		"before the thresholds are judged": {"default", exitThresholds},
		"after":                            {"handleSummary", 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			results := filepath.Join(dir, "results")
			go func() { // as soon as the script waits for it
				for range 400 {
					time.Sleep(50 * time.Millisecond)
					if said, _ := os.ReadFile(filepath.Join(dir, "now")); len(said) > 0 { // #nosec G304 -- the test's own
						break
					}
				}
				_ = os.RemoveAll(results)
				_ = os.WriteFile(results, nil, 0o600)
			}()
			script := k6test.Script(t, fmt.Sprintf(`
import { Pool } from 'k6/x/pgxpool';
import { sleep } from 'k6';
import exec from 'k6/execution';
import { judge } from '%[1]s/scripts/lib/verdict.js';
import { request } from '%[1]s/scripts/lib/request.js';
import { poolCriteria } from '%[1]s/thresholds/criteria.js';
const pool = new Pool({ poolSize: 2 });
const verdict = judge({ script: 'lost', criteria: poolCriteria });
export const options = { iterations: 1, ...verdict.options };
export const setup = verdict.setup(() => {});
const wait = (where) => { if (where === %[2]q) { console.log('lose it'); sleep(3); } };
export default function () { request(() => pool.query('SELECT 1')); wait('default'); }
export function handleSummary(data) { wait('handleSummary'); return verdict.handleSummary(data); }
`, k6test.Root(t), test.lostIn))
			r := losing(t, script, dir)
			require.Equal(t, test.code, r.Code, r.Output())
			require.Contains(t, r.Stdout, "\nPASS", "the verdict is printed all the same")
			require.Contains(t, r.Stdout, "the results cannot be written to \"results\": not a directory")
			if test.code == exitThresholds {
				require.Contains(t, r.Stderr, "results_lost")
			}
		})
	}
}

func losing(t *testing.T, script, dir string) k6test.Result {
	t.Helper()
	log := filepath.Join(dir, "now")
	return k6test.K6(t, k6test.Run{Plain: true,
		Args: []string{"run", "--quiet", "--console-output", log, script}, Dir: dir,
		Env: map[string]string{"DATABASE_URL": pgtest.Database(t), "WAIVE": "db_cpu,response_drift,overflow_time,active_connections"},
	})
}

// The likeliest first failures: one line says which it is and what to do.
func TestTheFirstFailureIsReadable(t *testing.T) {
	t.Parallel()
	owner, asOwner, asRoleURL := newRole(t, "first_failure")
	host := owner.Config().Host
	port := owner.Config().Port
	server := fmt.Sprintf("%s:%d", host, port)
	database := owner.Config().Database
	for name, test := range map[string]struct{ url, want string }{
		"wrong password":   {strings.Replace(asRoleURL, "first_failure:first_failure", "first_failure:geh3im", 1), `password authentication failed for user "first_failure" (DATABASE_URL, ` + server + "/" + database + ")"},
		"unknown database": {strings.Replace(asOwner, "/"+database, "/nowhere", 1), `database "nowhere" does not exist (DATABASE_URL, ` + server + "/nowhere)"},
		"wrong port":       {"postgres://app:geh3im@127.0.0.1:1/flow", "connection refused (DATABASE_URL, 127.0.0.1:1/flow)"},
		"no such host":     {"postgres://app:geh3im@nohost.invalid/flow", "no such host: nohost.invalid (DATABASE_URL, nohost.invalid:5432/flow)"},
		"missing GRANT":    {asRoleURL, "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			r := shortRun(t, "", map[string]string{"DATABASE_URL": test.url})
			require.Equal(t, 107, r.Code, r.Output())
			first, _, _ := strings.Cut(strings.TrimSpace(r.Stdout), "\n")
			require.Contains(t, first, "FAIL: setup failed: ")
			require.Contains(t, first, test.want)
			require.Contains(t, r.Stdout, "k6 exits with 107")
			require.NotContains(t, r.Stdout, "99", "an exit code that k6 does not give")
			require.NotContains(t, r.Stdout, "Criterion")
			require.NotContains(t, r.Output(), "geh3im")
			require.NotContains(t, r.Stderr, "connecting to the database", "the cause is said once")
			require.Contains(t, r.File(t, "results/summary.json"), `"setup_failed": `)
			require.Contains(t, r.File(t, "results/junit.xml"), `<testcase name="setup"`)
			require.Contains(t, r.File(t, "results/summary.md"), "# FAIL: setup failed: ")
			page := r.File(t, "results/report.html")
			require.Contains(t, page, "setup failed: ")
			require.NotContains(t, page, "<h2>Criteria")
		})
	}
}

func TestRunsGoWhereOUTSays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		r := shortRun(t, dir, map[string]string{"OUT": "night/7"})
		require.Zero(t, r.Code, r.Output())
	}
	require.NoDirExists(t, filepath.Join(dir, "results"))
	for _, folder := range []string{"night/7", "night/7/previous"} {
		for _, name := range []string{"summary.json", "summary.md", "junit.xml", "report.html"} {
			info, err := os.Stat(filepath.Join(dir, folder, name))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o644), info.Mode(), "files alike")
		}
	}
}
