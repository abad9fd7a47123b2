package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// Setting is a variable that a scenario reads beside the pool's: CONCURRENT,
// DURATION. Its value follows the rules of the pool's own variables.
type Setting struct {
	Name        string
	Kind        string // "number", "integer", "duration" or "string"
	Least, Most float64
}

// NewSetting reads what a script says about a setting: kind, and where there is
// one least and most, in seconds for a duration.
func NewSetting(name string, given map[string]any) (Setting, error) {
	s := Setting{Name: name, Kind: "number", Least: math.Inf(-1), Most: math.Inf(1)}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		value := given[key]
		ok := true
		switch key {
		case "default": // the caller's
		case "kind":
			s.Kind, ok = value.(string)
			ok = ok && slices.Contains([]string{"number", "integer", "duration", "string"}, s.Kind)
		case "least":
			s.Least, ok = asNumber(value)
		case "most":
			s.Most, ok = asNumber(value)
		default:
			ok = false
		}
		if !ok {
			return s, &pool.ConfigError{
				Source: "setting(" + text.Quote(name) + ")", Value: text.Value(key) + ": " + show(value),
				Accepted: `kind ("number", "integer", "duration" or "string"), default, and the numbers least and most`,
			}
		}
	}
	return s, nil
}

func asNumber(value any) (float64, bool) {
	switch v := value.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v)
	default:
		return 0, false
	}
}

// Read gives the value: a float64, of a duration its seconds, or a string. It is
// nil where the setting is not given, or empty. The error is a *pool.ConfigError.
func (s Setting) Read(lookup Lookup) (any, error) {
	given, _ := lookup(s.Name)
	given = strings.TrimSpace(given)
	switch {
	case given == "":
		return nil, nil
	case s.Kind == "string":
		return given, nil
	}
	value, ok := s.parse(given)
	if !ok || value < s.Least || value > s.Most {
		return nil, &pool.ConfigError{Source: s.Name, Value: show(given), Accepted: s.accepted()}
	}
	return value, nil
}

func (s Setting) parse(given string) (float64, bool) {
	if s.Kind == "duration" {
		d, ok := durationFromEnvironment(given)
		return d.Seconds(), ok && d >= 0
	}
	value, err := strconv.ParseFloat(given, 64)
	return value, err == nil && text.IsFinite(value) && (s.Kind != "integer" || value == math.Trunc(value))
}

func (s Setting) accepted() string {
	words := map[string]string{"integer": "an integer", "number": "a number", "duration": `a duration such as "30s" or "500ms" (a number is seconds)`}[s.Kind]
	unit := ""
	if s.Kind == "duration" {
		unit = "s"
	}
	bound := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) + unit }
	switch {
	case !math.IsInf(s.Least, 0) && !math.IsInf(s.Most, 0):
		return fmt.Sprintf("%s from %s to %s", words, bound(s.Least), bound(s.Most))
	case !math.IsInf(s.Least, 0):
		return fmt.Sprintf("%s of at least %s", words, bound(s.Least))
	case !math.IsInf(s.Most, 0):
		return fmt.Sprintf("%s of at most %s", words, bound(s.Most))
	}
	return words
}

// How requests are balanced over several pools (BALANCE).
const (
	BalanceRandom     = "random"
	BalanceRoundRobin = "round-robin"
	BalanceLeast      = "least"

	// MostPools is how many pools POOLS may ask for.
	MostPools = 1000
)

// Balances are all of them, the default first.
var Balances = []string{BalanceRandom, BalanceRoundRobin, BalanceLeast}

// scenarioSettings are what the scenarios read beside the pool's variables, all
// of them together.
var scenarioSettings = []string{
	"ABANDON", "AFTER", "APP_CLIENT", "APP_COMMAND", "APP_DATABASE", "APP_READY", "APP_ROLE", "APP_URL", "BALANCE", "BASE_URL", "BEFORE", "CHECKOUTS", "CONCURRENT", "DURATION", "ENDPOINT", "EVERY", "FROM", "GATE", "HOLD", "INTERVAL", "ITERATIONS",
	"P95", "POOLS", "RATE", "RECYCLE", "RESOLUTION", "RESUME", "RETRIES", "RETRY_BACKOFF", "ROUNDS", "SAMPLE", "SEED", "SETTLE", "SHARE", "SIZES", "SLOW", "SPREAD", "STEPS",
	"STEP_WAIVE", "TARGET_SESSION_ATTRS", "THINK", "TOLERANCE", "TRIGGER", "WAIVE", "WANTED", "WORKERS", "WORKLOAD",
}

// variables are those that the module reads itself: the pool's, and the folder
// of the results.
func variables() []string {
	names := []string{"DATABASE_URL", "OUT"}
	for _, o := range options {
		if o.env != "" {
			names = append(names, o.env)
		}
	}
	return names
}

// Mistyped gives for each of the names that is close to a variable which is
// read, and is none itself, that variable. Of names that do not begin with DB_
// or DATABASE_ only those of a script's own (k6's -e) are looked at: a process
// has many variables.
func Mistyped(script, process []string) map[string]string {
	meant := map[string]string{}
	known := append(variables(), scenarioSettings...)
	for _, name := range append(slices.Clone(script), process...) {
		of := known
		if !slices.Contains(script, name) {
			if !strings.HasPrefix(name, "DB_") && !strings.HasPrefix(name, "DATABASE_") {
				continue
			}
			of = variables()
		}
		if near := nearest(name, of); near != "" && !slices.Contains(known, name) {
			meant[name] = near
		}
	}
	return meant
}

// issueList is the ENDPOINT of the runbook's command line, with an application and
// without: through the pool it is always requested.
const issueList = "/api/issues"

// companions are for a setting the one without which it has no effect; watched are
// about an application that is watched through its database. PGBOUNCER_URL is none of
// scenarioSettings: every scenario takes it.
var (
	companions = map[string]string{"BALANCE": "POOLS", "ENDPOINT": "BASE_URL", "RETRY_BACKOFF": "RETRIES"}
	watched    = []string{"APP_CLIENT", "APP_DATABASE", "APP_ROLE", "APP_URL", "PGBOUNCER_URL", "WORKERS"}
)

// companion is the setting without which the named one has no effect, in a scenario
// that reads those of read; empty for most. A script of a user's own may read the
// named one alone, for a purpose of its own.
func companion(name, value string, read []string, lookup Lookup) string {
	isRead, needed := slices.Contains(read, name), companions[name]
	switch {
	case isRead && slices.Contains(read, needed) && (name != "ENDPOINT" || value != issueList):
		return needed
	case isRead || !slices.Contains(watched, name) || !slices.Contains(read, "BASE_URL"):
		return ""
	}
	if address, _ := lookup("BASE_URL"); address == "" {
		return ""
	}
	return "DATABASE_URL"
}

// Unread is the error for a scenario's setting that was given to one which does
// not read it, or without the one that gives it an effect. read are those that it
// reads. An empty value is none.
func Unread(script, read []string, lookup Lookup) error {
	for _, name := range slices.Sorted(slices.Values(script)) {
		value, _ := lookup(name)
		if value == "" {
			continue
		}
		if needed := companion(name, value, read, lookup); needed != "" {
			if given, _ := lookup(needed); given == "" {
				return &pool.ConfigError{Source: "-e " + name, Reason: "it has no effect without " + needed, Accepted: "both, or neither"}
			}
		}
		if slices.Contains(scenarioSettings, name) && !slices.Contains(read, name) {
			return &pool.ConfigError{
				Source: "-e " + name, Reason: "this scenario does not read it with these settings",
				Accepted: "one of " + strings.Join(slices.Sorted(slices.Values(read)), ", "),
			}
		}
	}
	return nil
}
