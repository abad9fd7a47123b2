package command

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// runbookRequestsPerConnection is the divisor of the runbook's rationale.
const runbookRequestsPerConnection = 5

// spike is how many times the users the overflow is made for.
const spike = 2

// planRule is one way to arrive at a number of connections.
type planRule struct {
	Rule      string  `json:"rule"`
	PerPool   float64 `json:"perPool,omitempty"` // 0 where there is one pool for all
	AllPools  float64 `json:"allPools"`
	LeavesOut string  `json:"leavesOut"`
}

const roomyRule = "runbook: less than 80 % in use at p95"

func ruleOf(rule string, perPool, pools int, leavesOut string) planRule {
	return planRule{rule, float64(perPool), float64(perPool * pools), leavesOut}
}

func littleRule(rate, holdMs, inUse float64, pools int) planRule {
	return planRule{fmt.Sprintf("Little: %s/s × %s in use", text.Number(rate), text.Millis(holdMs)),
		inUse / float64(pools), inUse, "all waiting: this is the mean"}
}

// rules sets the runbook's rationale beside the models.
func (in planInput) rules(needed, roomy int) ([]planRule, error) {
	pools := in.deployment.Pools()
	thumb := (in.users + runbookRequestsPerConnection - 1) / runbookRequestsPerConnection
	rate := float64(in.users) / (in.hold + in.think).Seconds()
	busy := sizing.Little(rate, in.hold)
	open := sizing.OpenLoop{Rate: rate / float64(pools), Hold: in.hold}
	erlang, err := open.SmallestConnections(in.target)
	if err != nil {
		return nil, err
	}
	rules := []planRule{
		ruleOf(fmt.Sprintf("runbook: %d requests / %d per connection", in.users, runbookRequestsPerConnection), thumb, pools,
			"hold, think, number of pools, wait"),
		littleRule(rate, millis(in.hold), busy, pools),
		ruleOf("Erlang C: arrivals at that rate", erlang, pools, "that users wait before they ask again"),
		ruleOf("closed loop: nobody waits for longer", needed, pools, "slow outliers, opening connections"),
		ruleOf(roomyRule, roomy, pools, "the wait"),
	}
	if pools == 1 {
		return rules, nil
	}
	shared, err := in.shared(1).SmallestConnections(in.target)
	if err != nil {
		return nil, err
	}
	return append(rules, planRule{"closed loop, if all workers shared one pool",
		0, float64(shared), "only possible with PgBouncer"}), nil
}

// recommend finds the smallest pool that meets the target, or the largest that
// fits. The overflow is as large again, and enough for a spike of users, as far
// as it fits: it costs nothing while it is not used. The result is nil where
// not one connection for each pool fits.
func (in planInput) recommend(budget sizing.Budget, needed int) (*planOutcome, error) {
	d := in.deployment
	most := min(budget.PerPool(d.Pools()), pool.MaxConnections)
	if d.PgBouncerPoolSize > 0 {
		shared, err := in.shared(1).SmallestConnections(in.target)
		if err != nil {
			return nil, err
		}
		d.PgBouncerPoolSize = min(shared, budget.Available)
		most = pool.MaxConnections
		if budget.Available == 0 {
			most = 0
		}
	}
	if most == 0 {
		return nil, nil //nolint:nilnil // nothing to recommend is an outcome, not an error
	}
	crowd := in
	crowd.users = min(spike*in.users, sizing.MaxUsers)
	inSpike, err := crowd.loop(d).SmallestConnections(in.target)
	if err != nil {
		return nil, err
	}
	d.Size, d.Overflow = recommended(needed, inSpike, most)
	outcome, err := in.outcome(d)
	return &outcome, err
}

// recommended are size and overflow of a pool, together at most so many: the
// overflow is as large as the size, and enough for the connections of a spike.
func recommended(needed, inSpike, most int) (size, overflow int) {
	size = min(needed, most)
	return size, min(max(size, inSpike-size), most-size)
}

// reason says in a comment of .env what the recommended pool is.
func (p *poolPlan) reason(best *planOutcome) string {
	const smallest = "the smallest pool that meets target and runbook, and "
	switch size, overflow := best.PoolSize, best.MaxOverflow; {
	case !best.TargetMet:
		return "the largest pool that fits; it misses the target"
	case size+overflow < p.DeadlockFree:
		return fmt.Sprintf("the largest pool that fits; requests of %d connections can still wait in it for each other forever", p.PerRequest)
	case overflow < size:
		return smallest + "as much overflow as fits"
	case overflow > size:
		return smallest + "overflow for spikes"
	default:
		return smallest + "the same number as overflow for spikes"
	}
}

// notes says what else to do, in whole sentences.
func (p *poolPlan) notes() []string {
	notes := []string{}
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	best := p.Recommended
	switch {
	case best == nil:
		need := "need"
		if p.Pools == 1 {
			need = "needs"
		}
		note("Nothing fits: %s %s at least %s and %s leaves %d. "+
			"Run fewer workers, raise %s, or put PgBouncer in front.",
			text.Counted(p.Pools, "pool"), need, text.Counted(p.Pools, "connection"), p.Server.Limit, p.Server.Available, p.Server.Limit)
	case !best.TargetMet && best.PgBouncerPoolSize > 0:
		note("The target needs more server connections than %s leaves: %d.", p.Server.Limit, p.Server.Available)
	case !best.TargetMet && p.needed > pool.MaxConnections:
		note("The target needs %d connections in each pool, and a pool has at most %d. Run more workers, or hold connections for a shorter time.",
			p.needed, pool.MaxConnections)
	case !best.TargetMet:
		note("The target needs %d connections in each pool, %d in all; %s leaves %d. "+
			"Run fewer workers, raise %s, or put PgBouncer in front.",
			p.needed, p.needed*p.Pools, p.Server.Limit, p.Server.Available, p.Server.Limit)
	}
	if p.PerRequest > 1 {
		p.noteDeadlock(note)
	}
	if best != nil && best.PgBouncerPoolSize > 0 {
		most, as := best.Clients, ""
		if p.Given.Clients > most {
			as = fmt.Sprintf(", with the given pools at least %d", p.Given.Clients)
		}
		note("PgBouncer's max_client_conn must be at least %d%s; its default is 100.", most, as)
	}
	return notes
}

// noteDeadlock says which pools requests of several connections can lock up.
func (p *poolPlan) noteDeadlock(note func(format string, args ...any)) {
	note("Requests that hold %d connections at once wait for each other forever in a pool of fewer than %d: %d requests × (%d - 1) + 1.",
		p.PerRequest, p.DeadlockFree, p.Users, p.PerRequest)
	if given := p.Given.PoolSize + p.Given.MaxOverflow; given < p.DeadlockFree {
		note("The given pool of %d is smaller: let at most %d such requests run at once, or hold one connection at a time.",
			given, max(0, (given-1)/(p.PerRequest-1)))
	}
	if best := p.Recommended; best != nil && best.PoolSize+best.MaxOverflow < p.DeadlockFree {
		note("No pool that is large enough fits the server.")
	}
}
