//go:build unix

package main_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/k6test"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// misfortunes is a judged scenario in which everything goes wrong once that
// can, and each error is shown in every way a script has.
func misfortunes(t *testing.T) string {
	return k6test.Script(t, fmt.Sprintf(`
import { Pool, open } from 'k6/x/pgxpool';
import exec from 'k6/execution';
import { judge } from '%[1]s/scripts/lib/verdict.js';
import { request } from '%[1]s/scripts/lib/request.js';
import { poolCriteria } from '%[1]s/thresholds/criteria.js';
const pool = new Pool({ poolSize: 1, maxOverflow: 0, poolTimeout: 100, connectTimeout: '2s', statementTimeout: 500, leakDetectionThreshold: 100 });
const verdict = judge({ script: 'misfortunes', users: 1, criteria: poolCriteria });
export const options = { ...verdict.options, scenarios: { default: { executor: 'shared-iterations', iterations: 1, vus: 1 } } };
export const handleSummary = verdict.handleSummary;
const seen = {};
function show(what, fn) {
	try { fn(); seen[what] = 'ok' } catch (e) {
		seen[what] = e.name;
		console.log(what, e, e.message, e.stack, JSON.stringify(e), String(e));
	}
}
export default function () {
	show('query', () => request(() => pool.query('SELECT 1')));
	show('syntax', () => pool.query('SELEC 1'));
	show('timeout', () => pool.query('SELECT pg_sleep(5)'));
	show('lost', () => pool.exec('SELECT pg_terminate_backend(pg_backend_pid())'));
	show('exhausted', () => { const conn = pool.acquire(); try { pool.query('SELECT 1') } finally { conn.release() } });
	show('transaction', () => pool.transaction(() => { throw new Error('mine') }));
	show('options', () => new Pool({ poolSize: 2 }));
	show('commit', () => pool.transaction((conn) => conn.query('SELECT pg_terminate_backend(pg_backend_pid())')));
	console.log(JSON.stringify(pool), JSON.stringify(pool.stat()), pool, Object.keys(pool));
	console.log('SEEN ' + JSON.stringify(seen));
	show('leak', () => { pool.acquire() });
	exec.test.abort('enough');
}`, k6test.Root(t)))
}

// everythingGoesWrong is what the scenario above sees where it can connect.
const everythingGoesWrong = `SEEN {"query":"ok","syntax":"QueryError","timeout":"QueryError","lost":"ConnectionLostError",` +
	`"exhausted":"PoolTimeoutError","transaction":"Error","options":"ConfigError","commit":"ConnectionLostError"}`

// place is one of those that a password can be written in.
type place struct {
	args   []string
	env    map[string]string
	dotEnv string
}

// placesFor are all of them but the script itself, which is its author's.
func placesFor(t *testing.T, server *url.URL, role string) map[string]place {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	full, bare := *server, *server
	full.User, bare.User = url.UserPassword(role, secret), url.User(role)
	keywords := fmt.Sprintf("host=%s port=%s user=%s dbname=%s", server.Hostname(), server.Port(), role, strings.TrimPrefix(server.Path, "/"))
	passFile := write("pgpass", "*:*:*:*:"+strings.ReplaceAll(secret, ":", `\:`)+"\n")
	services := write("services", "[mine]\n"+strings.ReplaceAll(keywords, " ", "\n")+"\npassword="+secret+"\n")
	return map[string]place{
		"environment":  {env: map[string]string{"DATABASE_URL": full.String()}},
		"keywords":     {env: map[string]string{"DATABASE_URL": keywords + " password='" + strings.ReplaceAll(secret, "'", `\'`) + "'"}},
		"flag":         {args: []string{"-e", "DATABASE_URL=" + full.String()}},
		".env":         {dotEnv: `DATABASE_URL="` + full.String() + `"` + "\n"},
		"PGPASSWORD":   {env: map[string]string{"DATABASE_URL": bare.String(), "PGPASSWORD": secret}},
		".pgpass":      {env: map[string]string{"DATABASE_URL": bare.String(), "PGPASSFILE": passFile}},
		"service file": {env: map[string]string{"DATABASE_URL": "postgres:///?service=mine", "PGSERVICEFILE": services}},
	}
}

// run runs k6 with the password in its place, and gives what came of it.
func (p place) run(t *testing.T, args ...string) k6test.Result {
	t.Helper()
	dir := t.TempDir()
	if p.dotEnv != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte(p.dotEnv), 0o600))
	}
	env := map[string]string{"WAIVE": k6test.Noisy}
	maps.Copy(env, p.env)
	args = append(args[:1:1], append(p.args, args[1:]...)...)
	return k6test.K6(t, k6test.Run{Plain: true, Args: args, Env: env, Dir: dir})
}

// requireNoSecretIn looks through all that a run printed and left, but for the
// file that the user keeps the password in.
func requireNoSecretIn(t *testing.T, r k6test.Result) (files []string) {
	t.Helper()
	requireNoSecret(t, r.Output())
	requireNoDump(t, r.Output())
	require.NoError(t, filepath.WalkDir(r.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == ".env" {
			return err
		}
		text, err := os.ReadFile(path)
		requireNoSecret(t, string(text))
		files = append(files, entry.Name())
		return err
	}))
	return files
}

// Wherever the password is written, and whatever goes wrong: it is in nothing
// that a run prints or leaves behind.
func TestThePasswordIsInNothingOfARun(t *testing.T) {
	t.Parallel()
	server := secretRoles(t)
	closed := *server
	closed.Host = closedPort(t)
	script := misfortunes(t)
	all := []string{"environment", "keywords", "flag", ".env", "PGPASSWORD", ".pgpass", "service file"}
	for _, test := range []struct {
		name   string
		places map[string]place
		tried  []string
		want   string // in what the script has seen
	}{
		{"right", placesFor(t, server, "k6_right"), all, everythingGoesWrong},
		{"wrong", placesFor(t, server, "k6_other"), []string{"environment", ".pgpass", "service file"}, `"syntax":"ConnectError"`},
		{"refused", placesFor(t, &closed, "k6_right"), []string{"keywords", "flag", ".env"}, `"syntax":"ConnectError"`},
	} {
		for _, name := range test.tried {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				r := test.places[name].run(t, "run", "-v", "--out", "json=metrics.json", "--summary-export", "export.json", script)
				require.Equal(t, exitScriptAborted, r.Code, r.Output())
				require.Contains(t, strings.ReplaceAll(r.Stderr, `\`, ""), test.want)
				files := requireNoSecretIn(t, r)
				for _, file := range []string{"metrics.json", "export.json", "summary.json", "summary.md", "junit.xml", "report.html"} {
					require.Contains(t, files, file)
				}
			})
		}
	}
}

// Nor is it in what is made of the script without a run.
func TestThePasswordIsInNothingMadeOfTheScript(t *testing.T) {
	t.Parallel()
	script := misfortunes(t)
	for name, p := range placesFor(t, &url.URL{Scheme: "postgres", Host: closedPort(t), Path: "/db"}, "k6_right") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := p.run(t, "inspect", "--execution-requirements", script)
			require.Zero(t, r.Code, r.Output())
			requireNoSecretIn(t, r)

			archive := []string{"archive", script}
			if name == "flag" {
				// k6 itself keeps -e in the archive, unless it is told not to.
				require.Contains(t, unpacked(t, p.run(t, archive...)), `p%40ss`)
				archive = append(archive, "--exclude-env-vars")
			}
			r = p.run(t, archive...)
			require.Zero(t, r.Code, r.Output())
			requireNoSecret(t, r.Output()+unpacked(t, r))
		})
	}
}

// secretRoles makes a role whose password is the secret, and one with another
// password, and gives where they log in.
func secretRoles(t *testing.T) *url.URL {
	t.Helper()
	database := pgtest.Database(t)
	admin := pgtest.Conn(t, database)
	for role, password := range map[string]string{"k6_right": secret, "k6_other": "something else"} {
		_, err := admin.Exec(t.Context(), fmt.Sprintf("DROP ROLE IF EXISTS %[1]s; CREATE ROLE %[1]s LOGIN PASSWORD '%[2]s'",
			role, strings.ReplaceAll(password, "'", "''")))
		require.NoError(t, err)
	}
	server, err := url.Parse(database)
	require.NoError(t, err)
	return server
}

// unpacked is the text of all that is in the archive which a run of `k6
// archive` wrote.
func unpacked(t *testing.T, r k6test.Result) string {
	t.Helper()
	file, err := os.Open(filepath.Join(r.Dir, "archive.tar"))
	require.NoError(t, err, r.Output())
	defer file.Close() //nolint:errcheck // only read
	var all strings.Builder
	for archive := tar.NewReader(file); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		all.WriteString(header.Name + "\n")
		_, err = io.Copy(&all, archive)
		require.NoError(t, err)
	}
	require.Contains(t, all.String(), "metadata.json")
	require.Contains(t, all.String(), "k6/x/pgxpool")
	return all.String()
}
