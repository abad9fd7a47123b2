package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"
)

const planLong = `Predict how long users wait for a connection, and count the connections.

The users are a closed loop: each asks one of the pools for a connection, holds
it for --hold, thinks for --think and asks again. Every worker of every instance
has a pool of its own. The prediction assumes that hold and think times vary
exponentially; a run measures the real times (scripts/tune.js).

The pool is the one of DB_POOL_SIZE, DB_MAX_OVERFLOW and DB_POOL_TIMEOUT, or of
the flags. With --url or DATABASE_URL the limits are read from the server. One
connection is left for the load test or monitor that reads the CPU, unless DB_CPU
is false.
Exit code 99 says that the pool does not fit the server.

With --from the load is what k6 x pgxpool measure found in a live database:
transactions that arrive by themselves, as many as there are, times --growth. Size
and overflow are each worker's, with what the interval of the measurement makes of
them. The limits are those of the measured server, unless --url or
--max-connections is given.

With --fleet a file says which services connect where, with how many instances,
workers and pools. The plan adds them up, at rest, at the end of autoscaling and
during a rollout, against every server's, role's and database's limit and every
pooler's, and says how large each service's pools may be.`

const planExample = `  # the runbook's load on four instances with four workers each
  k6 x pgxpool plan --users 100 --hold 20ms --think 1s --instances 4 --workers 4

  # are 20 server connections of PgBouncer enough?
  k6 x pgxpool plan --users 100 --hold 20ms --instances 4 --workers 4 --pgbouncer-pool-size 20

  # the pool for twice the load that was measured in production
  k6 x pgxpool plan --from load.json --workers 4 --target-wait 5ms --growth 2

  # does the whole fleet fit, during a rollout too?
  k6 x pgxpool plan --fleet fleet.yaml --format junit > fleet.xml`

// newPlan makes `k6 x pgxpool plan`.
func newPlan(gs *state.GlobalState) *cobra.Command {
	flags := defaultPlanFlags()
	cmd := &cobra.Command{
		Use:     "plan",
		Short:   "Size the pool and check it against max_connections",
		Long:    planLong,
		Example: planExample,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags.changed = cmd.Flags().Changed
			return runPlan(gs, flags)
		},
	}
	flags.register(cmd.Flags())
	return cmd
}

func runPlan(gs *state.GlobalState, flags *planFlags) error {
	if err := flags.check(); err != nil {
		return invalid(err)
	}
	if flags.fleet != "" {
		return runFleet(gs, flags)
	}
	input, err := flags.input(gs)
	if err != nil {
		return invalid(err)
	}
	plan, err := newPoolPlan(input)
	if err != nil {
		return invalid(flags.naming(err))
	}
	if err := plan.write(gs.Stdout, flags.format); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	if !plan.Given.Fits {
		return errext.WithExitCodeIfNone(errors.New(plan.refusal()), exitcodes.ThresholdsHaveFailed)
	}
	return nil
}

func (p *poolPlan) write(w io.Writer, format string) error {
	if format == formatJSON {
		return writeJSON(w, p)
	}
	_, err := io.WriteString(w, p.text())
	return err
}

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
