package command

import (
	"io/fs"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"

	"github.com/flowboard/xk6-pgxpool/internal/criteria"
)

const monitorLong = `Watch the pool of an application that is running, from the database's side.

Every interval one line says how many of the application's sessions are in use:
client backends whose application_name is --application-name and whose state is
not idle. With --app-url the application is asked about its own pool as well,
and the larger number counts. Sessions without a name are selected by --role,
--database or --client.

It watches for --duration, or until Ctrl-C, SIGTERM or a closed pipe, and ends
with a report: the active connections, the share of time in overflow, what holds
the application up with the evidence and what to do about it, and the runbook's
verdict.

What no flag says is taken from the environment, else from .env in the working
directory: DATABASE_URL, DB_APPLICATION_NAME, DB_POOL_SIZE, DB_MAX_OVERFLOW,
DB_POOL_TIMEOUT, WORKERS, APP_URL, PGBOUNCER_URL, APP_ROLE, APP_DATABASE,
APP_CLIENT. An application of several worker processes has as many pools: give
the size of one and the number of workers.

The monitor's own connection is named xk6-pgxpool-monitor and never counted.
Where the application's role has a CONNECTION LIMIT, give the monitor another
role: it would take one of those connections. To see other roles' sessions it
needs pg_read_all_stats.`

const monitorExample = `  # for five minutes, a line every five seconds
  k6 x pgxpool monitor --interval 5 --duration 300 --application-name flowboard

  # with everything there is to know, until Ctrl-C
  k6 x pgxpool monitor --wide --app-url http://127.0.0.1:8000/health/pool

  # keep the figures while watching
  k6 x pgxpool monitor --duration 300 --format csv --output results/pool.csv`

// newMonitor makes `k6 x pgxpool monitor`.
func newMonitor(gs *state.GlobalState, files fs.FS) *cobra.Command {
	flags := &monitorFlags{}
	cmd := &cobra.Command{
		Use:     "monitor",
		Short:   "Watch a live application's pool and name what holds it up",
		Long:    monitorLong,
		Example: monitorExample,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := flags.settings(gs, cmd.Flags().Changed)
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
