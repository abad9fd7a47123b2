package command

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"maps"
	neturl "net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/internal/schematest"
)

// The lines to the letter, as many as fit the duration, and the report.
func TestMonitorWatchesForItsDuration(t *testing.T) {
	url := pgtest.Database(t)
	session(t, url, "lines", "BEGIN")
	session(t, url, "lines")
	p := prepare(t, []string{"DATABASE_URL=" + url, "DB_APPLICATION_NAME=lines", "DB_POOL_SIZE=4"},
		"--interval=0.5", "--duration=1.5")
	require.Zero(t, p.run(t), p.stderr)

	lines, report, found := strings.Cut(p.stdout.String(), "\n\n")
	require.True(t, found)
	line := "Pool Status: Active=1, Available=3, Total=4, Utilization=25.0%"
	require.Equal(t, strings.Join([]string{line, line, line}, "\n"), lines)
	require.Contains(t, report, "Report on lines: 3 samples in 1.5 s, one every 500 ms\n")
	require.Contains(t, report, "peak 1, mean 1.0, p95 1")
	require.Contains(t, report, "Nothing was found that slows the application down.")
	require.Contains(t, report, "CPU is of the whole database host")
	require.True(t, strings.HasSuffix(report, "Verdict: PASS\n"), report)
	require.NotContains(t, p.stdout.String(), "\x1b", "a pipe gets plain lines")
	require.Empty(t, p.stderr.String())
}

func TestMonitorReadsTheApplicationsDotEnv(t *testing.T) {
	url := pgtest.Database(t)
	session(t, url, "dotenv")
	p := prepare(t, nil, "--duration=0.5")
	// As FlowBoard's own: a SQLAlchemy URL, and options that the monitor has no
	// use for.
	dotEnv := "DATABASE_URL=" + strings.Replace(url, "postgres://", "postgresql+asyncpg://", 1) + "\n" +
		"DB_APPLICATION_NAME=dotenv\nDB_POOL_SIZE=5\nDB_POOL_USE_LIFO=sometimes\nDB_POOL_RECYCLE=never\n"
	require.NoError(t, os.WriteFile(filepath.Join(p.Dir, ".env"), []byte(dotEnv), 0o600))
	require.Zero(t, p.run(t), p.stderr)
	require.Contains(t, p.stdout.String(), "Pool Status: Active=0, Available=5, Total=5, Utilization=0.0%\n")
}

func TestMonitorEndsWithASignal(t *testing.T) {
	url := pgtest.Database(t)
	for name, signal := range map[string]syscall.Signal{"Ctrl-C": syscall.SIGINT, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			app := strings.ToLower(name)
			session(t, url, app)
			p := prepare(t, nil, "--url="+url, "--application-name="+app, "--interval=0.5")
			require.NoError(t, p.Start())
			p.until(t, "two lines", func() bool { return p.stdout.lines() >= 2 })
			require.NoError(t, p.Process.Signal(signal))
			require.Zero(t, p.end(t), p.stderr)
			require.Contains(t, p.stdout.String(), "Verdict: PASS")
		})
	}
}

// As with `| head -1`: the report goes where someone may still read.
func TestMonitorEndsWithAClosedPipe(t *testing.T) {
	url := pgtest.Database(t)
	session(t, url, "pipe")
	for _, format := range []string{"text", "json", "csv"} {
		p := prepare(t, nil, "--url="+url, "--application-name=pipe", "--interval=0.5", "--format="+format)
		p.Stdout = closedPipe(t)
		require.Zero(t, p.run(t), "%s: %s", format, p.stderr)
		require.Equal(t, 1, strings.Count(p.stderr.String(), "Verdict: PASS"), "%s: %s", format, p.stderr)
	}
}

func TestMonitorEndsWhereNobodyReadsAtAll(t *testing.T) {
	url := pgtest.Database(t)
	session(t, url, "nobody")
	p := prepare(t, nil, "--url="+url, "--application-name=nobody")
	p.Stdout, p.Stderr = closedPipe(t), closedPipe(t)
	require.Zero(t, p.run(t))
}

func TestMonitorSurvivesARestart(t *testing.T) {
	server := pgtest.Server(t, embedded.Config{})
	session(t, server.URL(), "restart")
	p := prepare(t, nil, "--url="+server.URL(), "--application-name=restart", "--interval=0.5")
	require.NoError(t, p.Start())
	p.until(t, "a line", func() bool { return p.stdout.lines() >= 1 })
	require.NoError(t, server.Restart(t.Context(), "fast"))
	p.until(t, "the news", func() bool { return strings.Contains(p.stderr.String(), "the database answers again") })
	before := p.stdout.lines()
	p.until(t, "more lines", func() bool { return p.stdout.lines() > before })
	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	require.Zero(t, p.end(t), p.stderr)
	require.Contains(t, p.stdout.String(), "Report on restart")
}

func TestMonitorNamesTheApplicationsThatExist(t *testing.T) {
	url := pgtest.Database(t)
	session(t, url, "flowboard-names")
	none := prepare(t, nil, "--url="+url)
	require.Equal(t, 104, none.run(t))
	require.Contains(t, none.stderr.String(), "give --application-name (DB_APPLICATION_NAME)")
	require.Contains(t, none.stderr.String(), "flowboard-names (1)")

	typo := prepare(t, nil, "--url="+url, "--application-name=flowbord", "--duration=0.5")
	require.Zero(t, typo.run(t))
	require.Contains(t, typo.stderr.String(), "flowboard-names (1)")
	require.Contains(t, typo.stdout.String(), "Active=0, Available=20", "it keeps watching")
	require.Contains(t, typo.stdout.String(), "no data: no session of flowbord was seen")
	require.Contains(t, typo.stdout.String(), "Verdict: FAIL", "no data is never a pass")
}

func TestMonitorGate(t *testing.T) {
	url := pgtest.Database(t)
	for range 4 {
		session(t, url, "gate", "BEGIN")
	}
	run := func(size, gate string) int {
		p := prepare(t, nil, "--url="+url, "--application-name=gate", "--duration=0.5",
			"--pool-size="+size, "--max-overflow=10", "--gate="+gate)
		return p.run(t)
	}
	require.Equal(t, 0, run("6", "pass"), "67 % of the base size")
	require.Equal(t, 99, run("5", "pass"), "80 % is a WARNING")
	require.Equal(t, 0, run("5", "fail"))
	require.Equal(t, 99, run("3", "fail"), "in overflow all of the time")
	require.Equal(t, 0, run("3", "none"))
}

func TestMonitorWide(t *testing.T) {
	url := pgtest.Database(t)
	session(t, url, "wide", "CREATE TABLE t (id int)", "BEGIN", "LOCK TABLE t")
	waiting := session(t, url, "wide")
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(done)
		_, _ = waiting.Exec(ctx, "SELECT * FROM t") // ends by being canceled
	}()
	t.Cleanup(func() { cancel(); <-done })
	session(t, url, "wide")
	p := prepare(t, nil, "--url="+url, "--application-name=wide", "--interval=0.5", "--wide", "--pool-size=1")
	require.NoError(t, p.Start())
	want := regexp.MustCompile(`(?m)^Pool Status: Active=2, Available=0, Total=2, Utilization=100\.0%, Open=3, Idle=1, ` +
		`Overflow=2, Waiting=-, IdleInTransaction=1, LongestTransaction=\d+\.\ds, LockWaits=1 \(\d+ by \d+\), ` +
		`DatabaseCPU=\d+\.\d%, Headroom=\d+, Cause=locks  # Using overflow$`)
	p.until(t, "the wide line", func() bool { return want.MatchString(p.stdout.String()) })
	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	require.Zero(t, p.end(t), p.stderr)
	require.Contains(t, p.stdout.String(), "locks (certain)")
	require.Regexp(t, `1 session waited for pid \d+ \(wide\), idle in transaction`, p.stdout.String())
	require.Contains(t, p.stdout.String(), "A larger pool only adds waiters.")
}

func TestMonitorJSON(t *testing.T) {
	url := pgtest.Database(t)
	session(t, url, "json", "BEGIN")
	p := prepare(t, nil, "--url="+url, "--application-name=json", "--interval=0.5", "--duration=1", "--format=json")
	require.Zero(t, p.run(t), p.stderr)
	var types []string
	for line := range strings.Lines(p.stdout.String()) {
		var object struct {
			Type    string
			Active  json.RawMessage
			Cause   string
			Verdict string
		}
		require.NoError(t, json.Unmarshal([]byte(line), &object), line)
		require.NoError(t, schematest.Errors(t, monitorSchema(t), []byte(line)), line)
		types = append(types, object.Type)
		if object.Type == "sample" {
			require.Equal(t, "1", string(object.Active))
			require.Equal(t, "none", object.Cause)
		} else {
			require.Equal(t, "PASS", object.Verdict)
		}
	}
	require.Equal(t, []string{"sample", "sample", "report"}, types)
}

func monitorSchema(t *testing.T) []byte {
	t.Helper()
	schema, err := os.ReadFile("monitor_schema.json")
	require.NoError(t, err)
	return schema
}

func TestMonitorSchemaHasEveryField(t *testing.T) {
	for kind, line := range map[string]any{"sample": &jsonSample{}, "notice": &jsonNotice{}, "report": &jsonReport{}} {
		schematest.Fill(line)
		text, err := json.Marshal(line)
		require.NoError(t, err)
		require.Empty(t, schematest.Differences(t, monitorSchema(t), kind, text), kind)
	}
	require.Error(t, schematest.Errors(t, monitorSchema(t), []byte(`{"type": "sample"}`)))
}

func TestMonitorCSV(t *testing.T) {
	url := pgtest.Database(t)
	session(t, url, "csv-lines", "BEGIN")
	p := prepare(t, nil, "--url="+url, "--application-name=csv-lines", "--duration=0.5", "--format=csv")
	require.Zero(t, p.run(t), p.stderr)
	rows, err := csv.NewReader(strings.NewReader(p.stdout.String())).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2, "the report is no row")
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "output.md"))
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(page), "## monitor --format csv")
	section, _, _ = strings.Cut(section, "\n## ")
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(section, -1) {
		documented = append(documented, row[1])
	}
	require.Equal(t, documented, rows[0])
	require.Contains(t, p.stderr.String(), "Verdict: PASS")

	known := monitor.Sample{
		Database:    &monitor.Database{CPU: new(1.5), Limits: []monitor.Limit{{Max: 100, Used: 1}}},
		Application: &monitor.Application{Waiting: new(2)},
	}
	require.ElementsMatch(t, documented, append(slices.Collect(maps.Keys(csvValues(known))), "cause"), "every value has its column")
}

func TestMonitorCSVIntoAFile(t *testing.T) {
	url := pgtest.Database(t)
	session(t, url, "csv", "BEGIN")
	p := prepare(t, nil, "--url="+url, "--application-name=csv", "--interval=0.5", "--duration=1",
		"--output=results/pool.csv")
	require.Zero(t, p.run(t), p.stderr)
	require.Equal(t, 2, p.stdout.lines(), "one can watch all the same")
	require.Contains(t, p.stdout.String(), "Verdict: PASS")
	require.Empty(t, p.stderr.String(), "the report comes once")
	file, err := os.Open(filepath.Join(p.Dir, "results", "pool.csv"))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 3)
	require.Equal(t, []string{"time", "active", "at_least", "available", "total", "utilization"}, rows[0][:6])
	require.Equal(t, []string{"1", "false", "19", "20", "0.050"}, rows[1][1:6])
}

func TestMonitorOutputThatCannotBeCreated(t *testing.T) {
	url := pgtest.Database(t)
	p := prepare(t, nil, "--url="+url, "--application-name=output", "--output=.")
	require.Equal(t, 104, p.run(t))
	require.Contains(t, p.stderr.String(), "--output: ")
}

func TestMonitorRefuses(t *testing.T) {
	for _, tt := range []struct {
		env  []string
		args []string
		want string
	}{
		{nil, nil, "no database to look at; set DATABASE_URL or --url"},
		{nil, []string{"--interval=0"}, `--interval: \"0\" is not accepted; use seconds or a duration`},
		{nil, []string{"--interval=often"}, `--interval: \"often\"`},
		{nil, []string{"--interval=NaN"}, `--interval: \"NaN\"`},
		{nil, []string{"--duration=-1"}, `--duration: \"-1\"`},
		{nil, []string{"--duration=1e300"}, `--duration: \"1e300\"`},
		{nil, []string{"--duration="}, `--duration: \"\"`},
		{nil, []string{"--format=xml"}, `--format: \"xml\" is not accepted; use text, json or csv`},
		{nil, []string{"--gate=maybe"}, `--gate: \"maybe\" is not accepted; use pass, fail or none`},
		{nil, []string{"--output="}, `--output is empty`},
		{nil, []string{"--pool-size=many"}, `--pool-size: \"many\" is not accepted; use an integer`},
		{nil, []string{"--pool-size=0"}, `--pool-size: 0 is not accepted`},
		{[]string{"DB_MAX_OVERFLOW=-1"}, nil, `DB_MAX_OVERFLOW`},
		{nil, []string{"--app-url=ftp://me:secret@host/"}, `--app-url: it has no http`},
		{nil, []string{"--workers=none"}, `--workers: \"none\" is not a number of processes`},
		{[]string{"WORKERS=0"}, nil, `WORKERS`},
		{nil, []string{"--pgbouncer-url=me:secret@host"}, `--pgbouncer-url: it is not the URL of a console`},
		{nil, []string{"--client=10.0.0.7", "--client=elsewhere"}, `--client: \"elsewhere\" is not an address`},
		{nil, []string{"--role=app", "--client=somewhere"}, `--client: \"somewhere\" is not an address`},
		{nil, []string{"--url=mysql://me:secret@host/db"}, `--url: `},
		{nil, []string{"--application-name=xk6-pgxpool-monitor"}, `is the monitor's own`},
		{nil, []string{"--nonsense"}, `unknown flag: --nonsense`},
		{nil, []string{"now"}, `\"now\" is not a flag`},
	} {
		url := "DATABASE_URL=postgres://me:secret@127.0.0.1:1/db"
		if tt.args == nil && tt.env == nil {
			url = "DATABASE_URL="
		}
		p := prepare(t, append(tt.env, url), tt.args...)
		require.Equal(t, 104, p.run(t), "%v: %s", tt.args, p.stderr)
		require.Contains(t, p.stderr.String(), tt.want)
		require.Equal(t, 1, strings.Count(p.stderr.String(), "\n"), "one line: %s", p.stderr)
		require.NotContains(t, p.stderr.String(), "secret")
		require.Empty(t, p.stdout.String())
	}
}

// A server without a place for the monitor is a finding, not the end.
func TestMonitorWatchesAServerThatIsFull(t *testing.T) {
	url := pgtest.Database(t)
	admin := pgtest.Conn(t, url)
	_, err := admin.Exec(t.Context(), "CREATE ROLE monitor_full LOGIN PASSWORD 'secret' CONNECTION LIMIT 0")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := admin.Exec(context.Background(), "DROP ROLE monitor_full")
		require.NoError(t, err)
	})
	_, server, found := strings.Cut(url, "@")
	require.True(t, found)
	p := prepare(t, nil, "--url=postgres://monitor_full:secret@"+server, "--application-name=full",
		"--duration=1", "--interval=0.5", "--format=json")
	require.Zero(t, p.run(t), p.stderr)
	require.Equal(t, 2, strings.Count(p.stdout.String(), `"cause":"connection limit reached","database":null`), p.stdout)
	require.Contains(t, p.stderr.String(), "too many connections for role")
	require.NotContains(t, p.stdout.String()+p.stderr.String(), "secret")
}

// An application's own URL may name it; the flag has the last word.
func TestMonitorTakesTheNameFromTheURL(t *testing.T) {
	url := pgtest.Database(t)
	session(t, url, "from-url", "BEGIN")
	named, err := neturl.Parse(url)
	require.NoError(t, err)
	query := named.Query()
	query.Set("application_name", "from-url")
	named.RawQuery = query.Encode()
	p := prepare(t, nil, "--url="+named.String(), "--duration=0.5")
	require.Zero(t, p.run(t), p.stderr)
	require.Contains(t, p.stdout.String(), "Active=1,")
	p = prepare(t, nil, "--url="+named.String(), "--duration=0.5", "--application-name=other")
	require.Zero(t, p.run(t), p.stderr)
	require.Contains(t, p.stdout.String(), "Active=0,")
}

func TestMonitorSaysWhyItCannotConnect(t *testing.T) {
	p := prepare(t, nil, "--url=postgres://me:secret@127.0.0.1:1/db", "--application-name=x")
	require.Equal(t, 107, p.run(t))
	require.Equal(t, 1, strings.Count(p.stderr.String(), "connection refused"), "said once: %s", p.stderr)
	require.Contains(t, p.stderr.String(), "; check --url (DATABASE_URL) and that the server is up")
	require.Equal(t, 1, strings.Count(p.stderr.String(), "\n"), "one line: %s", p.stderr)
	require.NotContains(t, p.stderr.String(), "secret")
}

func TestUnknownSubcommand(t *testing.T) {
	p := prepare(t, nil)
	p.Args = []string{p.Args[0], "x", "pgxpool", "watch"}
	require.Equal(t, 104, p.run(t))
	require.Contains(t, p.stderr.String(), `there is no subcommand \"watch\"; use one of`)

	p = prepare(t, nil)
	p.Args = []string{p.Args[0], "x", "pgxpool"}
	require.Zero(t, p.run(t))
	require.Contains(t, p.stdout.String(), "monitor")
}
