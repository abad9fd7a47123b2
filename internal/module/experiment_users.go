package module

import (
	"fmt"

	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// manned finds out whether k6 runs as many users as the plan needs. With fewer
// of them every figure would be of another load than the one it is reported
// for.
func (c *conductor) manned(options lib.Options) error {
	if len(options.Scenarios) == 0 {
		return nil // k6 always has one; a test of this package may not
	}
	tuple, err := lib.NewExecutionTuple(options.ExecutionSegment, options.ExecutionSegmentSequence)
	if err != nil {
		return fmt.Errorf("reading the execution segment: %w", err)
	}
	running := 0
	for _, scenario := range options.Scenarios {
		running += int(lib.GetMaxPlannedVUs(scenario.GetExecutionRequirements(tuple))) // #nosec G115 -- k6 can run so many
	}
	if running >= c.plan.Users() {
		return nil
	}
	return &pool.ConfigError{
		Source:   "experiment " + c.plan.Name(),
		Reason:   fmt.Sprintf("its steps need %d users, and k6 runs %d", c.plan.Users(), running),
		Accepted: "CONCURRENT and DURATION in place of k6's --vus and --duration, and one runner for all users",
	}
}
