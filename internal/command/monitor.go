package command

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.k6.io/k6/v2/cmd/state"

	"github.com/flowboard/xk6-pgxpool/internal/criteria"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

const monitorLong = `Watch the pool of an application that is running, from the database's side.

Every interval one line says how many of the application's sessions are in use:
client backends whose application_name is --application-name and whose state is
not idle. With --app-url the application is asked about its own pool as well,
and the larger number counts. Sessions without a name are selected by --role,
--database or --client.

It watches for --duration, or until Ctrl-C, SIGTERM or a closed pipe, and ends
with a report: the active connections, the share of time in overflow, what
slows the application down with the evidence and what to do, and the runbook's
verdict.

Without a flag, settings are read from the environment, then from .env in the
working directory: DATABASE_URL, DB_APPLICATION_NAME, DB_POOL_SIZE, DB_MAX_OVERFLOW,
DB_POOL_TIMEOUT, WORKERS, APP_URL, PGBOUNCER_URL, APP_ROLE, APP_DATABASE,
APP_CLIENT. An application of several worker processes has as many pools: give
the size of one and the number of workers.

The monitor's own connection is named xk6-pgxpool-monitor and never counted.
Where the application's role has a CONNECTION LIMIT, give the monitor another
role: it would take one of those connections. To see other roles' sessions it
needs pg_read_all_stats.`

const monitorExample = `  # for five minutes, a line every five seconds
  k6 x pgxpool monitor --interval 5 --duration 300 --application-name flowboard

  # with all details, until Ctrl-C
  k6 x pgxpool monitor --wide --application-name flowboard --app-url http://127.0.0.1:8000/health/pool

  # keep the samples in a file
  k6 x pgxpool monitor --duration 300 --application-name flowboard --output results/pool.csv`

// newMonitor makes `k6 x pgxpool monitor`.
func newMonitor(gs *state.GlobalState, files fs.FS) *cobra.Command {
	flags := &monitorFlags{}
	cmd := &cobra.Command{
		Use:     "monitor",
		Short:   "Watch a live application's pool and say what slows it down",
		Long:    monitorLong,
		Example: monitorExample,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := flags.monitorSettings(gs, cmd.Flags().Changed)
			if err != nil {
				return invalid(err)
			}
			if settings.criteria, err = criteria.Load(files); err != nil {
				return err
			}
			return runMonitor(gs, settings)
		},
	}
	flags.register(cmd.Flags())
	return cmd
}

const formatCSV = "csv"

// gateNone lets every verdict end with exit code 0.
const gateNone = "none"

// monitorFlags are the flags of `monitor` as they were given.
type monitorFlags struct {
	interval, duration    string
	url, applicationName  string
	poolSize, maxOverflow string
	poolTimeout           string
	appURL                []string
	workers, pgbouncerURL string
	role, database        string
	client                []string
	format, output        string
	wide                  bool
	gate                  string
}

func (f *monitorFlags) register(set *pflag.FlagSet) {
	set.SortFlags = false
	set.StringVar(&f.interval, "interval", "5", "time between two lines: seconds, or a duration such as 500ms")
	set.StringVar(&f.duration, "duration", "", "how long to watch: seconds, or a duration such as 5m (until stopped)")
	f.registerSelection(set)
	set.StringVar(&f.poolSize, "pool-size", "", "base pool size of one process (DB_POOL_SIZE, 20)")
	set.StringVar(&f.maxOverflow, "max-overflow", "", "its connections beyond that (DB_MAX_OVERFLOW, 40)")
	set.StringVar(&f.poolTimeout, "pool-timeout", "", "how long its users wait for a connection (DB_POOL_TIMEOUT)")
	set.StringVar(&f.workers, "workers", "", "its processes, each with its own pool (WORKERS; estimated without it)")
	set.StringArrayVar(&f.appURL, "app-url", nil, "where it reports its own pool, such as http://127.0.0.1:8000/health/pool; may be repeated (APP_URL)")
	set.StringVar(&f.pgbouncerURL, "pgbouncer-url", "", "console of the PgBouncer between application and server, such as postgres://stats@127.0.0.1:6432/pgbouncer (PGBOUNCER_URL)")
	set.StringVar(&f.format, "format", formatText, "text, json (one object per line) or csv; without it the ending of --output decides")
	set.StringVar(&f.output, "output", "", "file for the format; the lines still go to standard output")
	set.BoolVar(&f.wide, "wide", false, "add what the database and the application say beyond the runbook's line")
	set.StringVar(&f.gate, "gate", gateNone, "verdict needed for exit code 0: pass, fail (anything but FAIL) or none; else 99")
}

// registerSelection registers the flags that say where to look and at whom.
func (f *monitorFlags) registerSelection(set *pflag.FlagSet) {
	set.StringVar(&f.url, "url", "", "database to look at (DATABASE_URL)")
	set.StringVar(&f.applicationName, "application-name", "", "application to watch (DB_APPLICATION_NAME)")
	set.StringVar(&f.role, "role", "", "its role, if it has no application_name (APP_ROLE)")
	set.StringVar(&f.database, "database", "", "its database (APP_DATABASE)")
	set.StringArrayVar(&f.client, "client", nil, "the address or network it connects from; may be repeated (APP_CLIENT)")
}

// monitorSettings are the flags, completed from the environment and checked.
type monitorSettings struct {
	watch    monitor.Settings
	interval time.Duration
	duration time.Duration // 0 until stopped
	format   string
	output   string
	wide     bool
	gate     string
	criteria *criteria.File
}

// monitorSettings are the settings, with the format that the file's name asks for
// where none is given.
func (f *monitorFlags) monitorSettings(gs *state.GlobalState, changed func(flag string) bool) (s monitorSettings, err error) {
	if !changed("format") {
		if f.format, err = formatOf(f.output, formatText, formatJSON, formatCSV); err != nil {
			return s, err
		}
	}
	return f.settings(gs, changed)
}

// settings resolves and checks; nothing is connected.
func (f *monitorFlags) settings(gs *state.GlobalState, changed func(flag string) bool) (monitorSettings, error) {
	s := monitorSettings{format: f.format, output: f.output, wide: f.wide, gate: f.gate}
	err := cmp.Or(
		oneOf("format", s.format, formatText, formatJSON, formatCSV),
		oneOf("gate", s.gate, string(verdict.GatePass), string(verdict.GateFail), gateNone),
		notEmpty(changed, "output", []string{f.output}, aFile),
		notEmpty(changed, "role", []string{f.role}, "a role's name"),
		notEmpty(changed, "database", []string{f.database}, "a database's name"),
		notEmpty(changed, "client", f.client, "an address"),
	)
	if err != nil {
		return s, err
	}
	if s.interval, err = seconds("--interval", f.interval, monitor.MinInterval); err != nil {
		return s, err
	}
	if changed("duration") {
		if s.duration, err = seconds("--duration", f.duration, time.Millisecond); err != nil {
			return s, err
		}
	}
	if changed("pool-timeout") {
		if _, err = seconds("--pool-timeout", f.poolTimeout, 0); err != nil {
			return s, err
		}
	}
	return s, f.resolve(gs, changed, &s)
}

// longestAnswer is how long the application may take to report its pool, where
// the interval is not shorter.
const longestAnswer = 5 * time.Second

// longest is beyond any watch, and far from where a time.Duration overflows.
const longest = 10 * 365 * 24 * time.Hour

// seconds reads a flag's duration. A bare number is seconds, as in the runbook.
func seconds(flag, text string, least time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if number, numberErr := strconv.ParseFloat(text, 64); numberErr == nil {
		// Anything that is not a number of this size, NaN included, is below every least.
		d, err = -1, nil
		if number >= 0 && number < longest.Seconds() {
			d = time.Duration(number * float64(time.Second))
		}
	}
	if err != nil || d < least || d > longest {
		return 0, fmt.Errorf("%s: %q is not accepted; use seconds or a duration such as 5m, at least %v", flag, text, least)
	}
	return d, nil
}

// monitorOptions are the options of a watch by the flags that give them.
var monitorOptions = map[string]string{
	"url": "url", "application-name": "applicationName", "pool-size": "poolSize", "max-overflow": "maxOverflow",
	"pool-timeout": "poolTimeout", "app-url": "appURL", "workers": "workers", "pgbouncer-url": "pgbouncerURL",
	"role": "role", "database": "database", "client": "client",
}

func (f *monitorFlags) resolve(gs *state.GlobalState, changed func(string) bool, s *monitorSettings) error {
	lookup, err := environment(gs, nil)
	if err != nil {
		return err
	}
	given := map[string]any{}
	for flag, value := range map[string]any{
		"url": f.url, "application-name": f.applicationName,
		"pool-size": number(f.poolSize), "max-overflow": number(f.maxOverflow), "pool-timeout": inSeconds(f.poolTimeout),
		"app-url": strings.Join(f.appURL, ","), "workers": f.workers, "pgbouncer-url": f.pgbouncerURL,
		"role": f.role, "database": f.database, "client": strings.Join(f.client, ","),
	} {
		if changed(flag) {
			given[monitorOptions[flag]] = value
		}
	}
	if s.watch, err = monitor.Resolve(given, lookup); err != nil {
		return namingFlag(err, monitorOptions)
	}
	if s.watch.Pool.URL == "" {
		return errors.New("no database to look at; set DATABASE_URL or --url to the one that the application uses")
	}
	return nil
}

// number makes an integer of the text of one; anything else is left for the
// option to refuse.
func number(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	return text
}

// inSeconds gives a bare number its unit: on the command line it is seconds.
func inSeconds(text string) string {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return text + "s"
	}
	return text
}
