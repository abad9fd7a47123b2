package command

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"
	"go.k6.io/k6/v2/cmd/state"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/sizing"
	"github.com/flowboard/xk6-pgxpool/pool"
)

const (
	formatText = "text"
	formatJSON = "json"
)

// planFlags are the flags of `plan` as they were given.
type planFlags struct {
	users              int
	hold, think        time.Duration
	instances, workers int
	perRequest         int
	size, overflow     int
	poolTimeout        time.Duration
	waitTarget         time.Duration
	percentile         float64
	maxConnections     int
	reserved           int
	pgBouncer          int
	url, application   string
	fleet              string
	from               string
	growth             float64
	format             string
	changed            func(flag string) bool
	all                []string // the flags that --fleet stands in for
}

// PostgreSQL's own defaults.
const (
	defaultMaxConnections    = 100
	defaultSuperuserReserved = 3
)

func defaultPlanFlags() *planFlags {
	tuned := pool.DefaultConfig()
	return &planFlags{
		users:          100,
		think:          time.Second,
		instances:      1,
		workers:        1,
		perRequest:     1,
		size:           tuned.PoolSize,
		overflow:       tuned.MaxOverflow,
		poolTimeout:    tuned.PoolTimeout,
		waitTarget:     10 * time.Millisecond,
		percentile:     95,
		application:    tuned.ApplicationName,
		maxConnections: defaultMaxConnections,
		growth:         1,
		format:         formatText,
	}
}

func (f *planFlags) register(set *pflag.FlagSet) {
	set.SortFlags = false
	set.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "wait-target" { // as it was called first
			name = "target-wait"
		}
		return pflag.NormalizedName(name)
	})
	set.IntVar(&f.users, "users", f.users, "concurrent users over all instances")
	set.Var(planDuration{&f.hold}, "hold", "mean time a request holds its connection, such as 20ms (required)")
	set.Var(planDuration{&f.think}, "think", "mean time between one user's requests")
	set.IntVar(&f.instances, "instances", f.instances, "instances of the application")
	set.IntVar(&f.workers, "workers", f.workers, "worker processes of each instance, each with its own pool")
	set.IntVar(&f.perRequest, "per-request", f.perRequest, "connections of its pool that a request holds at once")
	set.IntVar(&f.size, "size", f.size, "connections kept by each pool (DB_POOL_SIZE)")
	set.IntVar(&f.overflow, "max-overflow", f.overflow, "connections of each pool beyond it (DB_MAX_OVERFLOW)")
	set.Var(planDuration{&f.poolTimeout}, "pool-timeout", "longest wait for a connection (DB_POOL_TIMEOUT)")
	set.Var(planDuration{&f.waitTarget}, "target-wait", "wait that --percentile of the checkouts may have at most")
	set.Float64Var(&f.percentile, "percentile", f.percentile, "percent of the checkouts that meet --target-wait")
	set.StringVar(&f.url, "url", "", "database whose max_connections and other limits are read (DATABASE_URL)")
	set.StringVar(&f.application, "application-name", f.application, "application_name of the planned pools; their sessions do not count as others (DB_APPLICATION_NAME)")
	set.IntVar(&f.maxConnections, "max-connections", f.maxConnections, "max_connections, instead of what the server says")
	set.IntVar(&f.reserved, "reserved", 0, "connections reserved for other applications, at least those that --url finds open")
	set.IntVar(&f.pgBouncer, "pgbouncer-pool-size", 0, "PgBouncer's default_pool_size, if the pools connect to it")
	set.StringVar(&f.from, "from", "", "load.json of k6 x pgxpool measure, in place of --users, --hold and --think")
	set.Float64Var(&f.growth, "growth", f.growth, "how many times the load of --from is to be carried, such as 2")
	set.VisitAll(func(flag *pflag.Flag) { f.all = append(f.all, flag.Name) })
	set.StringVar(&f.fleet, "fleet", "", "file with the services, servers and poolers that share connections, in place of the flags above")
	set.StringVar(&f.format, "format", f.format, "text or json; with --fleet also markdown or junit")
}

// check refuses flags that are empty or do not go together.
func (f *planFlags) check() error {
	accepted := []string{formatText, formatJSON}
	if f.fleet != "" {
		accepted = append(accepted, formatMarkdown, formatJUnit)
	}
	return cmp.Or(
		oneOf("format", f.format, accepted...),
		notEmpty(f.changed, "fleet", []string{f.fleet}, aFile),
		notEmpty(f.changed, "from", []string{f.from}, aFile),
		f.excluded("fleet", "the file says it", f.all...),
		f.excluded("from", "the load was measured", "users", "hold", "think", "per-request", "pgbouncer-pool-size"),
		needs(f.changed, "growth", "from", f.changed("from")),
	)
}

// excluded refuses flags that another one stands in for.
func (f *planFlags) excluded(by, why string, flags ...string) error {
	for _, flag := range flags {
		if f.changed(by) && f.changed(flag) {
			return fmt.Errorf("--%s and --%s exclude each other: %s; leave --%[1]s out", flag, by, why)
		}
	}
	return nil
}

// flagsOfModel are the flags by the names that the models have for their values.
var flagsOfModel = map[string]string{
	"users": "users", "hold time": "hold", "think time": "think", "instances": "instances", "workers": "workers",
	"instances × workers": "instances × --workers", "connections per request": "per-request",
	"wait target": "target-wait", "percentile": "percentile", "max_connections": "max-connections",
	"connections of other applications": "reserved", "PgBouncer's default_pool_size": "pgbouncer-pool-size",
}

// naming puts the flag into a model's error about its value, unless the value is
// from the file of --from.
func (f *planFlags) naming(err error) error {
	var refused *sizing.InputError
	if !errors.As(err, &refused) {
		return err
	}
	flag, ok := flagsOfModel[refused.Name]
	read := f.from != "" && (flag == "hold" || flag == "workers" && !f.changed(flag))
	if ok && !read {
		named := *refused
		named.Name = "--" + flag
		return &named
	}
	return err
}

// input checks the flags, completes them from the environment and reads the
// load and the server's limits.
func (f *planFlags) input(gs *state.GlobalState) (planInput, error) {
	if f.from == "" && !f.changed("hold") {
		return planInput{}, errors.New("--hold is missing; give the mean time a request holds its connection, " +
			"such as 20ms: pgxpool_use_duration measures it; or --from with what k6 x pgxpool measure wrote")
	}
	config, err := f.config(gs)
	if err != nil {
		return planInput{}, err
	}
	input := planInput{
		users: f.users,
		hold:  f.hold,
		think: f.think,
		deployment: sizing.Deployment{
			Instances:         f.instances,
			Workers:           f.workers,
			Size:              config.PoolSize,
			Overflow:          config.MaxOverflow,
			PgBouncerPoolSize: f.pgBouncer,
		},
		perRequest:  f.perRequest,
		poolTimeout: config.PoolTimeout,
		target:      sizing.WaitTarget{Wait: f.waitTarget, Percentile: f.percentile},
	}
	if f.changed("pgbouncer-pool-size") && f.pgBouncer < 1 {
		return planInput{}, fmt.Errorf("--pgbouncer-pool-size: %d is not accepted; use 1 or more, or leave it out", f.pgBouncer)
	}
	if f.from != "" {
		if err := f.measured(gs, &input); err != nil {
			return planInput{}, err
		}
		if input.source != "" && !f.changed("url") && !f.changed("max-connections") {
			return input, f.serverUnread()
		}
	}
	input.server, input.source, err = f.server(gs.Ctx, config)
	return input, err
}

// planOptions are pool's options by the flags that give them.
var planOptions = map[string]string{
	"url": "url", "size": "poolSize", "max-overflow": "maxOverflow", "pool-timeout": "poolTimeout",
	"application-name": "applicationName",
}

// planVariables are all that a plan takes from the environment. What else is
// there concerns other commands and must not fail this one.
var planVariables = map[string]bool{
	"DATABASE_URL": true, "DB_POOL_SIZE": true, "DB_MAX_OVERFLOW": true, "DB_POOL_TIMEOUT": true,
	"DB_CONNECT_TIMEOUT": true, "DB_APPLICATION_NAME": true, "DB_CPU": true,
}

// config resolves the pool's options as a script does.
func (f *planFlags) config(gs *state.GlobalState) (pool.Config, error) {
	given := map[string]any{}
	for flag, value := range map[string]any{
		"url": f.url, "size": int64(f.size), "max-overflow": int64(f.overflow), "pool-timeout": f.poolTimeout.String(),
		"application-name": f.application,
	} {
		if f.changed(flag) {
			given[planOptions[flag]] = value
		}
	}
	lookup, err := environment(gs, planVariables)
	if err != nil {
		return pool.Config{}, err
	}
	config, err := config.Resolve(given, lookup)
	return config, namingFlag(err, planOptions)
}

// planDuration is a flag with a duration and its unit. Some of a plan's are
// usually milliseconds and others seconds, so that a bare number would be
// misread: 0 alone needs no unit. The flags of a watch are seconds, see [seconds].
type planDuration struct{ value *time.Duration }

func (d planDuration) String() string {
	if d.value == nil || *d.value == 0 { // nil is pflag's zero value
		return ""
	}
	return d.value.String()
}

func (planDuration) Type() string { return "duration" }

func (d planDuration) Set(text string) error {
	if number, err := strconv.ParseFloat(text, 64); err == nil && number > 0 {
		return fmt.Errorf("%q has no unit; use %sms or %ss", text, text, text)
	}
	value, err := time.ParseDuration(text)
	if err != nil || value < 0 {
		return fmt.Errorf("%q is not accepted; use a duration such as 20ms or 1.5s", text)
	}
	*d.value = value
	return nil
}
