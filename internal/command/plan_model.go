package command

import (
	"fmt"
	"math"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// planInput is all that a plan is made of.
type planInput struct {
	users       int
	hold, think time.Duration
	deployment  sizing.Deployment
	perRequest  int // connections that a request holds at once
	poolTimeout time.Duration
	target      sizing.WaitTarget
	server      sizing.Server
	source      string        // where server is from
	measured    *measuredLoad // in place of users, hold and think; nil without
}

// poolPlan is the outcome of `plan`, and its JSON. Times are in milliseconds,
// shares from 0 to 1.
type poolPlan struct {
	Users        int          `json:"users"`
	HoldMs       float64      `json:"holdMs"`
	ThinkMs      float64      `json:"thinkMs"`
	Instances    int          `json:"instances"`
	Workers      int          `json:"workers"`
	Pools        int          `json:"pools"`
	Measured     *planLoad    `json:"measured,omitempty"` // the load of --from, in place of users and think
	PerRequest   int          `json:"perRequest"`
	DeadlockFree int          `json:"deadlockFree"` // size + overflow of each pool with which nobody waits forever
	WaitTargetMs float64      `json:"waitTargetMs"`
	Percentile   float64      `json:"percentile"`
	Server       planServer   `json:"server"`
	Given        planOutcome  `json:"given"`
	Recommended  *planOutcome `json:"recommended"` // null where nothing fits
	Rules        []planRule   `json:"rules"`
	Notes        []string     `json:"notes"`

	needed int // connections of each pool for the target
}

// planServer is the budget's left side. A limit of -1 is none.
type planServer struct {
	Source            string `json:"source"`
	MaxConnections    int    `json:"maxConnections"`
	SuperuserReserved int    `json:"superuserReservedConnections"`
	Reserved          int    `json:"reservedConnections"`
	Other             int    `json:"otherApplications"`
	CPUReaders        int    `json:"cpuReaders"` // connections of a load test or monitor beside the pools
	RoleLimit         int    `json:"rolconnlimit"`
	DatabaseLimit     int    `json:"datconnlimit"`
	Available         int    `json:"available"`
	Limit             string `json:"limit"` // the setting that decides available
}

// planOutcome is what to expect of one setting of the pool.
type planOutcome struct {
	PoolSize          int     `json:"poolSize"`
	MaxOverflow       int     `json:"maxOverflow"`
	PoolTimeoutMs     float64 `json:"poolTimeoutMs"`
	PgBouncerPoolSize int     `json:"pgBouncerPoolSize,omitempty"`

	Clients int  `json:"clients"` // connections that all pools open at most
	Needed  int  `json:"needed"`  // of them on the server
	Fits    bool `json:"fits"`
	Spare   int  `json:"spare"`

	Throughput       float64        `json:"throughput"` // requests per second
	MeanWaitMs       float64        `json:"meanWaitMs"`
	PercentileWaitMs float64        `json:"percentileWaitMs"`
	Waiting          float64        `json:"waiting"`  // share of checkouts that wait
	Timeouts         float64        `json:"timeouts"` // share of checkouts that time out
	TargetMet        bool           `json:"targetMet"`
	InUse            float64        `json:"inUse"` // connections, over all pools
	Utilization      float64        `json:"utilization"`
	OverflowTime     float64        `json:"overflowTime"` // share of time a pool is in overflow
	PgBouncer        *planPgBouncer `json:"pgBouncer,omitempty"`
}

// planPgBouncer is the wait for a server connection behind PgBouncer.
type planPgBouncer struct {
	MeanWaitMs       float64 `json:"meanWaitMs"`
	PercentileWaitMs float64 `json:"percentileWaitMs"`
}

func newPoolPlan(in planInput) (*poolPlan, error) {
	budget, err := in.server.Check(in.deployment)
	if err != nil {
		return nil, err
	}
	p := &poolPlan{
		HoldMs: millis(in.hold), PerRequest: in.perRequest,
		Instances: in.deployment.Instances, Workers: in.deployment.Workers, Pools: in.deployment.Pools(),
		WaitTargetMs: millis(in.target.Wait), Percentile: in.target.Percentile, Server: in.planServer(budget),
	}
	if in.measured != nil {
		return p, in.planMeasured(p, budget)
	}
	p.Users, p.ThinkMs = in.users, millis(in.think)
	if p.Given, err = in.outcome(in.deployment); err != nil {
		return nil, err
	}
	needed, err := in.loop(in.deployment).SmallestConnections(in.target)
	if err != nil {
		return nil, err
	}
	roomy, err := in.loop(in.deployment).SmallestSize(sizing.Runbook)
	if err != nil {
		return nil, err
	}
	if p.DeadlockFree, err = sizing.DeadlockFree(in.users, in.perRequest); err != nil {
		return nil, err
	}
	if p.Rules, err = in.rules(needed, roomy); err != nil {
		return nil, err
	}
	// The models' requests hold one connection each.
	p.needed = min(max(in.perRequest*max(needed, roomy), p.DeadlockFree), sizing.MaxConnections)
	if p.Recommended, err = in.recommend(budget, p.needed); err != nil {
		return nil, err
	}
	p.Notes = p.notes()
	return p, nil
}

func (in planInput) planServer(budget sizing.Budget) planServer {
	return planServer{
		Source:            in.source,
		MaxConnections:    in.server.MaxConnections,
		SuperuserReserved: in.server.SuperuserReserved,
		Reserved:          in.server.Reserved,
		Other:             in.server.Others,
		CPUReaders:        in.server.CPUReaders,
		RoleLimit:         in.server.RoleLimit,
		DatabaseLimit:     in.server.DatabaseLimit,
		Available:         budget.Available,
		Limit:             budget.Limit,
	}
}

// loop is the closed loop of the users on the pools of a deployment.
func (in planInput) loop(d sizing.Deployment) sizing.ClosedLoop {
	return sizing.ClosedLoop{
		Users: in.users, Think: in.think, Hold: in.hold,
		Pools: d.Pools(), Connections: d.Size + d.Overflow, PoolTimeout: in.poolTimeout,
	}
}

// shared is the closed loop on one pool that serves all, such as PgBouncer.
func (in planInput) shared(connections int) sizing.ClosedLoop {
	return sizing.ClosedLoop{
		Users: in.users, Think: in.think, Hold: in.hold,
		Pools: 1, Connections: connections, PoolTimeout: sizing.NoTimeout,
	}
}

// connections are what a deployment opens, and whether the server has them.
func (in planInput) connections(d sizing.Deployment) (planOutcome, error) {
	budget, err := in.server.Check(d)
	return planOutcome{
		PoolSize: d.Size, MaxOverflow: d.Overflow, PoolTimeoutMs: millis(in.poolTimeout), PgBouncerPoolSize: d.PgBouncerPoolSize,
		Clients: d.Clients(), Needed: budget.Needed, Fits: budget.Fits(), Spare: budget.Spare(),
	}, err
}

// outcome predicts what to expect of a deployment.
func (in planInput) outcome(d sizing.Deployment) (planOutcome, error) {
	o, err := in.connections(d)
	if err != nil {
		return o, err
	}
	loop := in.loop(d)
	if d.PgBouncerPoolSize > 0 {
		if o.PgBouncer, err = in.behindPgBouncer(d); err != nil {
			return o, err
		}
		// A connection of a pool is held while PgBouncer makes it wait.
		loop.Hold = min(loop.Hold+time.Duration(o.PgBouncer.MeanWaitMs*float64(time.Millisecond)), sizing.MaxDuration)
	}
	closed, err := loop.Solve()
	if err != nil {
		return o, err
	}
	wait, err := closed.WaitPercentile(in.target.Percentile)
	if err != nil {
		return o, err
	}
	o.Throughput, o.InUse, o.Utilization = closed.Throughput(), closed.InUse(), closed.Utilization()
	o.MeanWaitMs, o.PercentileWaitMs = millis(closed.MeanWait()), millis(wait)
	o.Waiting, o.Timeouts = closed.WaitProbability(), closed.Timeouts()
	o.OverflowTime = closed.InUseExceeds(d.Size)
	o.TargetMet = wait <= in.target.Wait && closed.Timeouts() <= 1-in.target.Percentile/100
	if o.PgBouncer != nil {
		o.TargetMet = o.TargetMet && o.PgBouncer.PercentileWaitMs <= millis(in.target.Wait)
	}
	return o, nil
}

// behindPgBouncer predicts the wait for a server connection. All users queue
// for them as for one pool; but of these only as many as the pools have
// connections queue in PgBouncer, the others before their own pool. So the wait
// in PgBouncer is the lesser of that of all users and that of as many clients
// who never pause.
func (in planInput) behindPgBouncer(d sizing.Deployment) (*planPgBouncer, error) {
	if d.PgBouncerPoolSize >= d.Clients() {
		return &planPgBouncer{}, nil // a server connection for every client
	}
	all := in.shared(d.PgBouncerPoolSize)
	clients := all
	clients.Users, clients.Think = min(d.Clients(), sizing.MaxUsers), 0
	least := &planPgBouncer{MeanWaitMs: math.Inf(1), PercentileWaitMs: math.Inf(1)}
	for _, loop := range []sizing.ClosedLoop{all, clients} {
		closed, err := loop.Solve()
		if err != nil {
			return nil, err
		}
		wait, err := closed.WaitPercentile(in.target.Percentile)
		if err != nil {
			return nil, err
		}
		least.MeanWaitMs = min(least.MeanWaitMs, millis(closed.MeanWait()))
		least.PercentileWaitMs = min(least.PercentileWaitMs, millis(wait))
	}
	return least, nil
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// refusal is the error of a pool that does not fit.
func (p *poolPlan) refusal() string {
	given, server := p.Given, p.Server
	text := fmt.Sprintf("the pool does not fit the server: %s = %d connections, %s leaves %d; ",
		p.demand(given), given.Needed, server.Limit, server.Available)
	if p.Recommended == nil {
		return text + fmt.Sprintf("not even one connection for %s fits", each(p.Pools))
	}
	if given.PgBouncerPoolSize > 0 {
		return text + fmt.Sprintf("a default_pool_size of at most %d would fit", server.Available)
	}
	return text + fmt.Sprintf("size + overflow of at most %d would fit", server.Available/p.Pools)
}

// demand is the arithmetic of the connections a setting needs.
func (p *poolPlan) demand(o planOutcome) string {
	clients := fmt.Sprintf("%s × %s × (%d + %d)", text.Counted(p.Instances, "instance"), text.Counted(p.Workers, "worker"), o.PoolSize, o.MaxOverflow)
	if o.PgBouncerPoolSize == 0 {
		return clients
	}
	if o.PgBouncerPoolSize >= o.Clients {
		return clients + " through PgBouncer"
	}
	return "PgBouncer's default_pool_size"
}
