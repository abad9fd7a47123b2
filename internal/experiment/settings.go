package experiment

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/sizing"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// The plans, by name.
const (
	planBeforeAfter = "before-after"
	planCapacity    = "capacity"
	planTune        = "tune"
)

// Plans are the names of all plans.
var Plans = []string{planBeforeAfter, planCapacity, planTune}

// Defaults and limits.
const (
	defaultUsers = 100
	defaultSeed  = 1
	maxRounds    = 100
	maxRate      = 1e6 // arrivals per second
	maxSteps     = 200 // given sizes or loads
	maxSeed      = 1<<53 - 1
	maxWorkers   = 10000
)

// settings are a script's options, read.
type settings struct {
	plan  string
	users int
	rate  float64 // 0: closed loop
	think time.Duration
	hold  time.Duration // 0 where the script does not say

	pools   int    // of each step, all of its settings
	balance string // how requests are balanced over them

	retries int           // of one request
	backoff time.Duration // the longest pause before its first retry

	settle, duration time.Duration
	rounds           int
	http             bool // users ask an application, not a pool of ours
	application      bool // which is started anew for every step, with its settings
	workers          int  // processes of it, each with a pool of its own; 1 without one

	criteria []verdict.Criterion // that every step is judged by
	gate     verdict.Gate
	waive    []string

	before, after configuration // of before-after
	pool          configuration // of every other plan: what a step does not say
	given         configuration // of them, what the script said

	loads      []float64 // given for capacity, ascending; nil: doubling
	from       float64   // first load
	wanted     float64   // load that the search is to decide about, 0: none
	resolution float64   // share of a load

	sizes     []size // given for tune; nil: derived
	tolerance float64
	seed      int
}

// option reads one key into settings.
type option struct {
	name  string
	plans []string // that take it; nil: all
	read  func(s *settings, value any) error
}

// options is the table, in the order of the documentation. An option is read
// after those above it.
var options = []option{
	{"plan", nil, choice(Plans, func(s *settings) *string { return &s.plan })},
	{"http", nil, flag(func(s *settings) *bool { return &s.http })},
	{"application", nil, flag(func(s *settings) *bool { return &s.application })},
	{"workers", nil, whole(1, maxWorkers, func(s *settings) *int { return &s.workers })},
	{"users", nil, whole(1, sizing.MaxUsers, func(s *settings) *int { return &s.users })},
	{"rate", nil, number(0, maxRate, func(s *settings) *float64 { return &s.rate })},
	{"think", nil, duration(0, time.Hour, func(s *settings) *time.Duration { return &s.think })},
	{"hold", nil, duration(0, time.Hour, func(s *settings) *time.Duration { return &s.hold })},
	{"pools", nil, whole(1, config.MostPools, func(s *settings) *int { return &s.pools })},
	{"balance", nil, choice(config.Balances, func(s *settings) *string { return &s.balance })},
	{"retries", nil, whole(0, 100, func(s *settings) *int { return &s.retries })},
	{"backoff", nil, duration(0, time.Minute, func(s *settings) *time.Duration { return &s.backoff })},
	{"settle", nil, duration(0, time.Hour, func(s *settings) *time.Duration { return &s.settle })},
	{"duration", nil, duration(100*time.Millisecond, 24*time.Hour, func(s *settings) *time.Duration { return &s.duration })},
	{"rounds", nil, whole(1, maxRounds, func(s *settings) *int { return &s.rounds })},
	{"poolSize", []string{planCapacity}, poolWhole("poolSize", 1)},
	{"maxOverflow", []string{planCapacity}, poolWhole("maxOverflow", 0)},
	{"poolTimeout", []string{planCapacity, planTune}, readPoolTimeout},
	{"poolRecycle", []string{planTune}, readPoolSetting("poolRecycle")},
	{"poolPrePing", []string{planTune}, readPoolSetting("poolPrePing")},
	{"before", []string{planBeforeAfter}, readConfiguration(func(s *settings) *configuration { return &s.before })},
	{"after", []string{planBeforeAfter}, readConfiguration(func(s *settings) *configuration { return &s.after })},
	{"steps", []string{planCapacity}, readLoads},
	{"from", []string{planCapacity}, readFrom},
	{"wanted", []string{planCapacity}, readWanted},
	{"resolution", []string{planCapacity}, number(0.001, 0.5, func(s *settings) *float64 { return &s.resolution })},
	{"criteria", []string{planCapacity, planTune}, readCriteria},
	{"gate", []string{planCapacity, planTune}, readGate},
	{"waive", []string{planCapacity, planTune}, readWaive},
	{"sizes", []string{planTune}, readSizes},
	{"tolerance", []string{planTune}, number(0, 0.5, func(s *settings) *float64 { return &s.tolerance })},
	{"seed", []string{planTune}, whole(0, maxSeed, func(s *settings) *int { return &s.seed })},
}

// readSettings reads a script's options. A value of nil (null, undefined) is
// one that was not given.
func readSettings(given map[string]any) (settings, error) {
	if err := refuseUnknown(given); err != nil {
		return settings{}, err
	}
	s := settings{}
	if given["plan"] == nil {
		return s, &OptionError{option: "plan", problem: "it is not given", accepted: oneOf(Plans)}
	}
	for _, o := range options {
		value := given[o.name]
		if value == nil {
			continue
		}
		if len(o.plans) > 0 && !slices.Contains(o.plans, s.plan) {
			return s, &OptionError{option: o.name, problem: "plan " + s.plan + " does not take it",
				accepted: "it with plan " + strings.Join(o.plans, " or ")}
		}
		if err := o.read(&s, value); err != nil {
			return s, named(err, o.name)
		}
		if o.name == "plan" {
			s = defaults(s.plan)
		}
	}
	return s, s.check()
}

// named says which option an error is about.
func named(err error, option string) error {
	if refused, ok := errors.AsType[*OptionError](err); ok {
		refused.option = option
	}
	return err
}

func optionNames() []string {
	names := make([]string, len(options))
	for i, o := range options {
		names[i] = o.name
	}
	return names
}

func refuseUnknown(given map[string]any) error {
	names := optionNames()
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(names, key) {
			return &OptionError{option: strings.Trim(showText(key), `"`), problem: "there is no such option", accepted: oneOf(names)}
		}
	}
	return nil
}

func defaults(plan string) settings {
	s := settings{
		plan: plan, users: defaultUsers, think: time.Second,
		settle: 5 * time.Second, duration: 20 * time.Second, rounds: 3,
		gate: verdict.GatePass, before: sqlAlchemy(), after: tuned(), pool: tuned(), given: configuration{},
		resolution: 0.05, tolerance: 0.05, seed: defaultSeed, workers: 1, pools: 1, balance: config.BalanceRandom,
	}
	switch plan {
	case planBeforeAfter:
		s.rounds = 4 // with three, Student's t alone makes an interval of ±4 standard errors
	case planCapacity:
		// A load is found by many steps, each of which is judged as a whole run.
		s.users, s.rounds, s.duration = 400, 1, 30*time.Second
	}
	return s
}

// check finds what is wrong between options.
func (s settings) check() error {
	switch {
	case s.application && !s.http:
		return &OptionError{option: "application", value: "true", problem: "an application is loaded over HTTP", accepted: "it with http: true"}
	case s.http && !s.application && s.plan != planCapacity:
		return &OptionError{option: "http", value: "true",
			problem:  "plan " + s.plan + " changes the pool's settings, which is not possible for an application over HTTP",
			accepted: "plan capacity, or APP_COMMAND, which restarts the application with each step's settings"}
	case s.http && s.pools > 1:
		return &OptionError{option: "pools", value: show(s.pools), problem: "an application over HTTP has pools of its own", accepted: "WORKERS, the number of its processes"}
	case s.plan == planCapacity && len(s.criteria) == 0:
		return &OptionError{option: "criteria", problem: "none are given, so that no step could fail", accepted: "rows of thresholds/criteria.js"}
	case s.plan == planCapacity && s.from > s.largest():
		return &OptionError{option: "from", value: show(s.from), accepted: "at most the largest load, " + show(s.largest())}
	}
	return s.checkWaive()
}

// largest is the largest load of a capacity plan: users, or arrivals per second.
func (s settings) largest() float64 {
	if s.rate > 0 {
		return s.rate
	}
	return float64(s.users)
}

// load is one of so many users, or of so many arrivals.
func (s settings) load() Load { return Load{Users: s.users, Rate: s.rate} }

// step is one of the plan's, but for label, round and options.
func (s settings) step() Step {
	return Step{Load: s.load(), Settle: s.settle, Duration: s.duration}
}

// overhead is what a step takes at most besides settling, measuring and
// draining: opening the pool's connections, closing them, and requests that take
// long to end.
const overhead = 45 * time.Second

// LongestRequest implements [Plan]. Of exponential holds one in 20 000 is longer
// than ten means.
func (s settings) LongestRequest(poolTimeout time.Duration) time.Duration {
	const means = 10
	longest := poolTimeout + means*s.hold
	for attempt := range s.retries {
		longest += min(s.backoff<<min(attempt, 10), time.Minute) + poolTimeout + means*s.hold
	}
	return longest
}

// restart is what an application may take to start and to stop.
const restart = 2 * time.Minute

// longest is the longest that one step takes with such a pool timeout.
func (s settings) longest(poolTimeout time.Duration) time.Duration {
	longest := s.settle + s.duration + s.LongestRequest(poolTimeout) + overhead
	if s.application {
		longest += restart
	}
	return longest
}

func (s settings) Name() string { return s.plan }

func (s settings) Users() int { return s.users }

func (s settings) Think() time.Duration { return s.think }

func (s settings) Pools() int { return s.pools }

// copies is how many pools there are of each size: ours, or those of the
// application's processes.
func (s settings) copies() int { return s.pools * s.workers }

func (s settings) Balance() string { return s.balance }

// needed is how many connections such pools open for the plan's users: in each pool
// all of them may have one.
func (s settings) needed(connections int) int {
	return s.pools * min(s.workers*connections, s.users)
}

// controlled tells whether a step's options reach the pool.
func (s settings) controlled() bool { return !s.http || s.application }

// reserved is what such pools of ours may open.
func (s settings) reserved(connections int) int {
	if s.http {
		return 0
	}
	return s.pools * connections
}

// What reports say of several pools, as an application of several processes has
// them.

// onPools says whose the sizes are; nothing of one pool.
func (s settings) onPools() string {
	if s.pools == 1 {
		return ""
	}
	return fmt.Sprintf("Each step had %d pools of its settings, as an application of %d processes has, and requests were balanced over them (%s). "+
		"Sizes and settings are those of one pool; the server has up to %d times as many connections.", s.pools, s.pools, s.balance, s.pools)
}

// forEach follows the name of something that is to be set in each process.
func (s settings) forEach() string {
	if s.pools == 1 {
		return ""
	}
	return fmt.Sprintf(", for each of the %d pools", s.pools)
}
