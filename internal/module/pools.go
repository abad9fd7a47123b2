package module

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/testrun"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// balancer balances requests over the pools of an application's processes, as the
// load balancer before them does.
type balancer struct {
	turn   atomic.Uint64
	mu     sync.Mutex
	groups []poolGroup // of pools(), for the report
}

// poolGroup are several pools of the same settings.
type poolGroup struct {
	names   []string
	balance string
}

func (b *balancer) pick(pools []*testrun.SharedPool, balance string, state *lib.State) *testrun.SharedPool {
	if len(pools) == 1 {
		return pools[0]
	}
	switch balance {
	case config.BalanceRoundRobin:
	case config.BalanceLeast:
		pools = leastBusy(pools, state)
	default:
		return pools[rand.IntN(len(pools))] // #nosec G404 -- no secret
	}
	return pools[(b.turn.Add(1)-1)%uint64(len(pools))]
}

// leastBusy are the pools with the fewest connections in use and users waiting. They
// are used in turn, as HAProxy's leastconn and nginx's least_conn do: the first of
// them alone would serve nearly everybody while the load is low.
func leastBusy(pools []*testrun.SharedPool, state *lib.State) (least []*testrun.SharedPool) {
	fewest := -1
	for _, p := range pools {
		stat := p.Stat(state)
		switch busy := stat.Active + stat.Waiting; {
		case fewest < 0 || busy < fewest:
			fewest, least = busy, append(least[:0], p)
		case busy == fewest:
			least = append(least, p)
		}
	}
	return least
}

func (b *balancer) add(g poolGroup) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.ContainsFunc(b.groups, func(known poolGroup) bool { return slices.Equal(known.names, g.names) }) {
		b.groups = append(b.groups, g)
	}
}

// pools is pools(options): POOLS pools of these options, over which BALANCE balances
// requests.
func (i *instance) pools(call sobek.FunctionCall) sobek.Value {
	count := i.wholeSetting("POOLS", 1, config.MostPools)
	balance := i.balanceSetting()
	config := i.resolve(call.Argument(0))
	g := poolGroup{names: []string{config.Name}, balance: balance}
	if count > 1 {
		g.names = poolNames(config.Name, count)
	}
	shared := make([]*testrun.SharedPool, 0, count)
	objects := map[*testrun.SharedPool]sobek.Value{}
	var all []any
	for _, name := range g.names {
		config.Name = name
		p, err := i.test.Join(config)
		i.must(err)
		shared, objects[p] = append(shared, p), i.poolOf(p)
		all = append(all, objects[p])
	}
	if count > 1 {
		i.root.balancer.add(g)
	}
	next := func(sobek.FunctionCall) sobek.Value {
		return objects[i.root.balancer.pick(shared, balance, i.vu.State())]
	}
	return i.object(field{"all", i.rt.NewArray(all...)}, field{"next", i.guarded("pools.next", next)})
}

// refusePools refuses several pools where the script has not asked how many, wherever
// they were asked for: its subject is one.
func (i *instance) refusePools() {
	if i.lookupErr != nil || i.settingsRead["POOLS"] {
		return
	}
	if count, given := i.lookup("POOLS"); given && count != "" && count != "1" {
		i.throw(&pool.ConfigError{
			Source: "POOLS", Value: text.Value(count), Reason: "one pool is the subject of this scenario",
			Accepted: "POOLS with 100users.js, soak.js, exhaustion.js, before-after.js, capacity.js, tune.js or own.js",
		})
	}
}

func poolNames(name string, count int) []string {
	if name == pool.DefaultConfig().Name {
		name = "pool"
	}
	names := make([]string, count)
	for n := range names {
		names[n] = fmt.Sprintf("%s-%d", name, n+1)
	}
	return names
}

// wholeSetting reads an integer as setting() does, 1 where it is not given.
func (i *instance) wholeSetting(name string, least, most float64) int {
	value := i.readSetting(config.Setting{Name: name, Kind: "integer", Least: least, Most: most})
	if number, ok := value.(float64); ok {
		return int(number)
	}
	return 1
}

func (i *instance) balanceSetting() string {
	value, _ := i.readSetting(config.Setting{Name: "BALANCE", Kind: "string"}).(string)
	if value == "" {
		return config.BalanceRandom
	}
	if !slices.Contains(config.Balances, value) {
		i.throw(&pool.ConfigError{Source: "BALANCE", Value: strconv.Quote(value), Accepted: "one of " + strings.Join(config.Balances, ", ")})
	}
	return value
}

// describe adds to a run's configuration how many pools there were. Its notes set the
// fullest pool, and how evenly all were used, beside the sums.
func (b *balancer) describe(run *verdict.Run, test *testrun.Run, state *lib.State) (notes []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, g := range b.groups {
		run.Configuration["pools"] = strconv.Itoa(len(g.names))
		run.Configuration["balance"] = g.balance
		notes = append(notes, g.note(test, state))
	}
	return notes
}

func (g poolGroup) note(test *testrun.Run, state *lib.State) string {
	var fullest pool.Stat
	var name string
	var peaks int
	var all, most int64
	for _, n := range g.names {
		stat := test.Pool(n).Stat(state)
		if name == "" || stat.PeakActive > fullest.PeakActive {
			name, fullest = n, stat
		}
		peaks += stat.PeakActive
		all += stat.Acquires
		most = max(most, stat.Acquires)
	}
	return fmt.Sprintf("%d pools, balanced by %s: the fullest, %s, had at most %d of %d + %d connections in use, and all peaks together are %d. "+
		"The busiest served %.2f times its equal share of %d checkouts.", len(g.names), g.balance, name, fullest.PeakActive, fullest.Size,
		fullest.MaxOverflow, peaks, float64(most)*float64(len(g.names))/float64(max(1, all)), all)
}
