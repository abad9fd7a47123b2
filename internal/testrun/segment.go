package testrun

import (
	"fmt"
	"strconv"

	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// share is the part of every configured pool that this runner opens, one of
// several that run the same test (k6's --execution-segment). nil is all of it.
type share struct {
	segment *lib.ExecutionSegment
	tuple   *lib.ExecutionTuple // nil without --execution-segment-sequence
}

// shareOf tells a VU's share from its options; without a state, which is in the
// init context, nothing is known of the runners.
func shareOf(state *lib.State) *share {
	if state == nil {
		return nil
	}
	segment, sequence := state.Options.ExecutionSegment, state.Options.ExecutionSegmentSequence
	if segment == nil || segment.FloatLength() == 1 {
		return nil
	}
	s := &share{segment: segment}
	if sequence == nil || len(*sequence) == 0 {
		return s
	}
	// k6 has refused a segment that is not in its sequence; by position alone
	// it would be divided too.
	if tuple, err := lib.NewExecutionTuple(segment, sequence); err == nil {
		s.tuple = tuple
	}
	return s
}

// of is this runner's part of n. The parts of all runners add up to n: with the
// sequence they are dealt out as k6 deals its users, so that who has one user
// more has the place for it. Without it only rounding by the segment's position
// adds up, whatever the others' segments are.
func (s *share) of(n int) int {
	switch {
	case s == nil:
		return n
	case s.tuple == nil:
		return int(s.segment.Scale(int64(n)))
	default:
		return int(s.tuple.ScaleInt64(int64(n)))
	}
}

// least is the smallest poolSize that leaves nobody without a place, as far as
// the other runners are known.
func (s *share) least() int {
	if s == nil {
		return 1
	}
	n := 1
	if s.tuple == nil {
		for s.of(n) < 1 {
			n++
		}
		return n
	}
	for i := range s.tuple.Sequence.ExecutionSegmentSequence {
		first, _, _ := s.tuple.Sequence.GetStripedOffsets(i)
		n = max(n, int(first)+1)
	}
	return n
}

// config is a pool's configuration with this runner's own sizes.
func (s *share) config(c pool.Config) pool.Config {
	c.PoolSize, c.MaxOverflow = s.of(c.PoolSize), s.of(c.MaxOverflow)
	return c
}

// check refuses a pool that has fewer places than there are runners. With the
// sequence all of them refuse it: a part of the load alone is no test.
func (s *share) check(c pool.Config) error {
	least := s.least()
	if c.PoolSize >= least && s.of(c.PoolSize) >= 1 {
		return nil
	}
	return &pool.ConfigError{
		Option: "poolSize", Source: config.SourceOption, Value: strconv.Itoa(c.PoolSize),
		Reason: fmt.Sprintf("the runners share it, this one as execution segment %s, and each needs at least one connection",
			s.segment),
		Accepted: fmt.Sprintf("at least %d, or fewer runners", max(least, c.PoolSize+1)),
	}
}

// describe says which runner of several this was.
func (s *share) describe(settings map[string]string) {
	if s == nil {
		return
	}
	settings["executionSegment"] = s.segment.String()
	if s.tuple != nil {
		settings["executionSegmentSequence"] = s.tuple.Sequence.String()
	}
}

// describeConfig has this runner's own sizes, and beside them what was configured
// for all runners.
func (s *share) describeConfig(configured pool.Config) map[string]string {
	own := experiment.DescribePool(s.config(configured))
	if server, err := config.Server(configured); err == nil { // whose URL was parsed when the pool was opened
		own["server"] = server
	}
	if s != nil {
		own["configuredPoolSize"] = strconv.Itoa(configured.PoolSize)
		own["configuredMaxOverflow"] = strconv.Itoa(configured.MaxOverflow)
	}
	return own
}

// notes say whose values the report shows.
func (s *share) notes(configured []pool.Config) []string {
	if s == nil {
		return nil
	}
	if len(configured) == 0 { // over HTTP
		return []string{fmt.Sprintf("One runner of several (execution segment %s): its users and requests are its own share; "+
			"every runner watches the whole pool of an application.", s.segment)}
	}
	var notes []string
	for _, c := range configured {
		own := s.config(c)
		notes = append(notes, fmt.Sprintf(
			"One runner of several (execution segment %s): it had %d+%d of the %d+%d connections configured for pool %s; "+
				"its levels, utilization and verdict are for its own share.",
			s.segment, own.PoolSize, own.MaxOverflow, c.PoolSize, c.MaxOverflow, c.Name))
	}
	return notes
}
