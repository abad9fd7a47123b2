package command

import (
	"fmt"
	"math"
	"strings"

	"go.k6.io/k6/v2/cmd/state"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/sizing"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// measuredLoad is a load from a file or from a watch.
type measuredLoad struct {
	load   monitor.Load
	demand sizing.Demand // without the growth
	growth float64
	name   string // the file's
	notes  []string
}

// planLoad is what a plan says of a measured load. Sessions and rates are over
// all pools, with the growth.
type planLoad struct {
	From        string     `json:"from"`
	Growth      float64    `json:"growth"`
	PerSecond   float64    `json:"transactionsPerSecond"`
	InUse       float64    `json:"inUse"`
	InUse95     [2]float64 `json:"inUse95"` // twice inUse where too little was measured
	Peak        int        `json:"peak"`    // 0 where it is not known
	Size95      [2]int     `json:"size95"`
	Overflow95  [2]int     `json:"overflow95"`
	holdMs      float64
	hasInterval bool
	activeMs    *float64
	idleMs      *float64
}

// measured reads the file of --from into the input of a plan.
func (f *planFlags) measured(gs *state.GlobalState, input *planInput) error {
	const most = 1000
	if !(f.growth > 0 && f.growth <= most) {
		return fmt.Errorf("--growth: %g is not accepted; use a number above 0 and at most %d, such as 2", f.growth, most)
	}
	file, err := readLoadFile(gs, f.from)
	if err != nil {
		return fmt.Errorf("--from: %s: %w", text.Quote(f.from), err)
	}
	demand, err := file.Demand()
	if err != nil {
		return fmt.Errorf("--from: %s: %w", text.Quote(f.from), err)
	}
	input.hold = demand.Hold
	input.measured = &measuredLoad{load: file.Load, demand: demand, growth: f.growth, name: f.from, notes: file.Notes}
	if file.Workers > 0 && !f.changed("workers") {
		input.deployment.Workers = file.Workers
	}
	if file.Limits != nil {
		input.server, input.source = *file.Limits, fmt.Sprintf("PostgreSQL %s as measured; --url reads it again", text.Line(file.Version))
		if f.reserved < 0 || f.reserved > input.server.Others {
			input.server.Others = f.reserved
		}
	}
	return nil
}

func readLoadFile(gs *state.GlobalState, name string) (monitor.LoadFile, error) {
	content, err := readNamed(gs, name)
	if err != nil {
		return monitor.LoadFile{}, fmt.Errorf("%w; give a file that k6 x pgxpool measure --output wrote", err)
	}
	return monitor.ParseLoad(content)
}

// planMeasured completes the plan for a load that was measured.
func (in planInput) planMeasured(p *poolPlan, budget sizing.Budget) error {
	m := in.measured
	demand := m.demand.Times(m.growth)
	needed, err := demand.SmallestPool(p.Pools, in.target, sizing.Runbook)
	if err != nil {
		return err
	}
	p.needed = min(needed, sizing.MaxConnections)
	if p.Given, err = in.openOutcome(in.deployment, demand); err != nil {
		return err
	}
	if p.Rules, err = in.measuredRules(demand); err != nil {
		return err
	}
	most := min(budget.PerPool(p.Pools), pool.MaxConnections)
	if p.Measured, err = in.planLoad(demand, max(1, most)); err != nil {
		return err
	}
	if most > 0 {
		d := in.deployment
		if d.Size, d.Overflow, err = in.poolFor(demand, most); err != nil {
			return err
		}
		best, err := in.openOutcome(d, demand)
		if err != nil {
			return err
		}
		p.Recommended = &best
	}
	p.Notes = append(p.notes(), m.notes...)
	if capacity := in.deployment.Clients(); m.demand.Peak >= capacity {
		p.Notes = append(p.Notes, fmt.Sprintf("The given pools were full: %d of %d connections were in use at the peak. "+
			"The measured load is what the pool let through; the demand may be higher.", m.demand.Peak, capacity))
	}
	return nil
}

// poolFor are size and overflow of each pool for a demand: for the target and
// the runbook's room, and beyond it for a spike and for the peak that was seen.
func (in planInput) poolFor(demand sizing.Demand, most int) (size, overflow int, err error) {
	pools := in.deployment.Pools()
	needed, err := demand.SmallestPool(pools, in.target, sizing.Runbook)
	if err != nil {
		return 0, 0, err
	}
	inSpike, err := demand.Times(spike).On(pools).SmallestConnections(in.target)
	if err != nil {
		return 0, 0, err
	}
	peak := (demand.Peak + pools - 1) / pools
	size, overflow = recommended(needed, max(inSpike, peak), most)
	return size, overflow, nil
}

func (in planInput) planLoad(demand sizing.Demand, most int) (*planLoad, error) {
	m := in.measured
	l := &planLoad{
		From: m.name, Growth: m.growth, PerSecond: demand.Rate(), InUse: demand.InUse, Peak: demand.Peak,
		holdMs: millis(demand.Hold), hasInterval: demand.Interval != nil,
	}
	if n := float64(m.load.Counters.Transactions); m.load.Counters.Active != nil && m.load.Counters.IdleInTransaction != nil {
		l.activeMs, l.idleMs = new(*m.load.Counters.Active/n), new(*m.load.Counters.IdleInTransaction/n)
	}
	low, high := demand.Bounds()
	for i, bound := range []sizing.Demand{low, high} {
		var err error
		l.InUse95[i] = bound.InUse
		if l.Size95[i], l.Overflow95[i], err = in.poolFor(bound, most); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// measuredRules sets the models beside each other.
func (in planInput) measuredRules(demand sizing.Demand) ([]planRule, error) {
	pools := in.deployment.Pools()
	open := demand.On(pools)
	erlang, err := open.SmallestConnections(in.target)
	if err != nil {
		return nil, err
	}
	roomy, err := open.SmallestSize(sizing.Runbook)
	if err != nil {
		return nil, err
	}
	rules := []planRule{
		littleRule(demand.Rate(), millis(demand.Hold), demand.InUse, pools),
		ruleOf("Erlang C: arrivals at that rate", erlang, pools, "bursts beyond chance"),
		ruleOf(roomyRule, roomy, pools, "the wait"),
	}
	if demand.Peak > 0 {
		rules = append(rules, planRule{"the peak that was seen", float64((demand.Peak + pools - 1) / pools), float64(demand.Peak),
			"peaks between two samples"})
	}
	return rules, nil
}

// openOutcome predicts what to expect of pools under requests that arrive by
// themselves. Where these are more than the pools can serve, the queue grows
// until waits time out.
func (in planInput) openOutcome(d sizing.Deployment, demand sizing.Demand) (planOutcome, error) {
	o, err := in.connections(d)
	if err != nil {
		return o, err
	}
	loop := demand.On(d.Pools())
	loop.Connections = d.Size + d.Overflow
	if all := float64(d.Clients()); demand.InUse >= all {
		served := all / demand.InUse
		o.Throughput, o.InUse, o.Utilization = served*demand.Rate(), all, 1
		if d.Overflow > 0 {
			o.OverflowTime = 1
		}
		o.MeanWaitMs, o.PercentileWaitMs, o.Waiting, o.Timeouts = o.PoolTimeoutMs, o.PoolTimeoutMs, 1, 1-served
		return o, nil
	}
	open, err := loop.Solve()
	if err != nil {
		return o, err
	}
	wait, err := open.WaitPercentile(in.target.Percentile)
	if err != nil {
		return o, err
	}
	o.Timeouts = open.WaitExceeds(in.poolTimeout)
	o.Throughput, o.InUse, o.Utilization = demand.Rate()*(1-o.Timeouts), demand.InUse, open.Utilization()
	o.MeanWaitMs, o.PercentileWaitMs, o.Waiting = millis(open.MeanWait()), millis(wait), open.WaitProbability()
	o.OverflowTime = open.InUseExceeds(d.Size)
	o.TargetMet = wait <= in.target.Wait
	return o, nil
}

func (l *planLoad) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/s transactions", text.Number(l.PerSecond))
	if l.Growth != 1 {
		fmt.Fprintf(&b, " (%s × %s/s measured)", text.Number(l.Growth), text.Number(l.PerSecond/l.Growth))
	}
	fmt.Fprintf(&b, ", each holding a connection for %s", text.Millis(l.holdMs))
	if l.activeMs != nil {
		fmt.Fprintf(&b, " (%s active, %s idle in transaction)", text.Millis(*l.activeMs), text.Millis(*l.idleMs))
	}
	fmt.Fprintf(&b, "\n%s connections in use on average", text.Number(l.InUse))
	if l.hasInterval {
		fmt.Fprintf(&b, " (95 %%: %s to %s)", text.Number(l.InUse95[0]), text.Number(l.InUse95[1]))
	}
	if l.Peak > 0 {
		fmt.Fprintf(&b, ", %d at the peak", l.Peak)
	}
	return b.String() + "\n"
}

// interval says what the interval of the measurement makes of the size.
func (l *planLoad) interval() string {
	if !l.hasInterval {
		return ""
	}
	return fmt.Sprintf(" (within the measurement's 95 %% interval: size %s, overflow %s)", between(l.Size95), between(l.Overflow95))
}

func between(bounds [2]int) string {
	if bounds[0] == bounds[1] {
		return fmt.Sprint(bounds[0])
	}
	return fmt.Sprintf("%d to %d", min(bounds[0], bounds[1]), max(bounds[0], bounds[1]))
}

// watchedPool is the recommendation at the end of a watch, for one worker.
type watchedPool struct {
	PoolSize    int    `json:"pool_size,omitempty"`
	MaxOverflow int    `json:"max_overflow,omitempty"`
	Size95      [2]int `json:"pool_size_95"`
	Overflow95  [2]int `json:"max_overflow_95"`
	Workers     int    `json:"workers"`
	Missing     string `json:"missing,omitempty"` // why there is none

	load *planLoad
}

// mostUnseen is how many times as many connections may be in use as the server
// sees: over a network it sees two of three. Of more the load is not known.
const mostUnseen = 1.5

// poolForWatch sizes the pool for the load that was watched, with the target
// that plan has by default. What holds the application up makes its load look
// larger than it is.
func poolForWatch(r monitor.Report, found []diagnosis.Diagnosis) watchedPool {
	w := watchedPool{Workers: max(1, r.Pool.Workers)}
	for _, d := range found {
		if d.Name != "pool exhausted" {
			w.Missing = fmt.Sprintf("fix the cause first: %s", d.Name)
			return w
		}
	}
	if seen := r.Load.Sampled.InUse; r.Active != nil && seen != nil && r.Active.Mean > 1+mostUnseen*seen.Mean {
		w.Missing = fmt.Sprintf("%s connections were in use on average, and %s of them for the database: return them before other work first",
			text.Number(math.Round(10*r.Active.Mean)/10), text.Number(math.Round(10*seen.Mean)/10))
		return w
	}
	demand, err := r.Load.Demand()
	if err != nil {
		w.Missing = err.Error()
		return w
	}
	flags := defaultPlanFlags()
	in := planInput{
		deployment: sizing.Deployment{Instances: 1, Workers: w.Workers},
		target:     sizing.WaitTarget{Wait: flags.waitTarget, Percentile: flags.percentile},
		measured:   &measuredLoad{load: r.Load, demand: demand, growth: 1},
	}
	most := pool.MaxConnections
	if tightest, known := sizing.Tightest(r.Load.Limits); known {
		most = min(most, max(1, tightest.Room()/w.Workers))
	}
	if w.PoolSize, w.MaxOverflow, err = in.poolFor(demand, most); err == nil {
		w.load, err = in.planLoad(demand, most)
	}
	if err != nil {
		w.Missing = err.Error()
		return w
	}
	w.Size95, w.Overflow95 = w.load.Size95, w.load.Overflow95
	return w
}

func (w watchedPool) text() string {
	if w.Missing != "" {
		return "Pool for this load: not sized: " + text.Line(w.Missing)
	}
	of := ""
	if w.Workers > 1 {
		of = fmt.Sprintf(" in each of %d workers", w.Workers)
	}
	return fmt.Sprintf("Pool for this load: DB_POOL_SIZE=%d DB_MAX_OVERFLOW=%d%s%s\n  %s transactions held for %s; measure and plan --from tell more",
		w.PoolSize, w.MaxOverflow, of, w.load.interval(), text.PerSecond.Format(w.load.PerSecond), text.Millis(w.load.holdMs))
}
