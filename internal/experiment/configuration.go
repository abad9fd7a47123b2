package experiment

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// setting is an option of the pool that an experiment may change.
type setting struct {
	name string // as a script writes it
	// value is the setting as a script would give it to a pool.
	value func(pool.Config) any
}

var poolSettings = []setting{
	{"poolSize", func(c pool.Config) any { return c.PoolSize }},
	{"maxOverflow", func(c pool.Config) any { return c.MaxOverflow }},
	{"poolTimeout", func(c pool.Config) any { return c.PoolTimeout.String() }},
	{"connectTimeout", func(c pool.Config) any { return c.ConnectTimeout.String() }},
	{"poolRecycle", func(c pool.Config) any { return recycleValue(c.PoolRecycle) }},
	{"poolPrePing", func(c pool.Config) any { return c.PoolPrePing }},
	{"statementTimeout", func(c pool.Config) any { return c.StatementTimeout.String() }},
	{"queryExecMode", func(c pool.Config) any { return config.ModeName(c.QueryExecMode) }},
}

func recycleValue(age time.Duration) any {
	if age < 0 {
		return -1
	}
	return age.String()
}

const configurationForm = `"SIZE+OVERFLOW" and NAME=VALUE separated by commas, such as "5+10" or "poolSize=5,maxOverflow=10,poolPrePing=false"`

// parseConfiguration reads the settings of a pool out of a text: "5+10" is
// poolSize and maxOverflow, "poolPrePing=false" any one of them by its
// JavaScript name, with commas between. Values follow the rules of the
// environment: a bare number is seconds, poolRecycle -1 never. The result is by
// JavaScript name, as a script would give it to a pool. The error is an
// [OptionError] without Option.
func parseConfiguration(text string) (map[string]any, error) {
	given := map[string]string{} // by JavaScript name
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		if err := parseItem(item, given); err != nil {
			return nil, err
		}
	}
	if len(given) == 0 {
		return nil, notAccepted(text, configurationForm)
	}
	config, err := resolveSettings(given)
	if err != nil {
		return nil, err
	}
	options := make(map[string]any, len(given))
	for _, s := range poolSettings {
		if _, ok := given[s.name]; ok {
			options[s.name] = s.value(config)
		}
	}
	return options, nil
}

// parseItem adds one of the items to what is given.
func parseItem(item string, given map[string]string) error {
	name, value, named := strings.Cut(item, "=")
	if !named {
		size, overflow, both := strings.Cut(item, "+")
		size, overflow = strings.TrimSpace(size), strings.TrimSpace(overflow)
		if !both || !isWhole(size) || !isWhole(overflow) {
			return notAccepted(item, configurationForm)
		}
		return cmp.Or(give(given, "poolSize", size), give(given, "maxOverflow", overflow))
	}
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !slices.Contains(settingNames(), name) {
		return &OptionError{value: showText(name), problem: "it is not a setting that an experiment may change", accepted: oneOf(settingNames())}
	}
	if value == "" {
		return &OptionError{problem: name + " has no value", accepted: configurationForm}
	}
	return give(given, name, value)
}

func give(given map[string]string, name, value string) error {
	if _, twice := given[name]; twice {
		return &OptionError{problem: name + " is given twice", accepted: "each setting once"}
	}
	given[name] = value
	return nil
}

func isWhole(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

func settingNames() []string {
	names := make([]string, len(poolSettings))
	for i, s := range poolSettings {
		names[i] = s.name
	}
	return names
}

// resolveSettings lets the pool itself judge the values.
func resolveSettings(given map[string]string) (pool.Config, error) {
	environment := map[string]string{}
	for name, value := range given {
		environment[config.Variable(name)] = value
	}
	resolved, err := config.Resolve(nil, func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	})
	if refused, ok := errors.AsType[*pool.ConfigError](err); ok {
		problem := refused.Reason
		if problem == "" {
			problem = fmt.Sprintf("%s is %s", refused.Option, refused.Value)
		}
		return pool.Config{}, &OptionError{problem: problem, accepted: refused.Accepted}
	}
	return resolved, err
}

// configuration is a pool's settings by JavaScript name; sizes are always there.
type configuration map[string]any

// sqlAlchemy are SQLAlchemy's defaults.
func sqlAlchemy() configuration {
	return configuration{"poolSize": 5, "maxOverflow": 10, "poolTimeout": "30s", "poolRecycle": -1, "poolPrePing": false}
}

// tuned are the runbook's settings, which are the pool's defaults.
func tuned() configuration {
	c := configuration{}
	for _, s := range poolSettings[:6] {
		if s.name != "connectTimeout" {
			c[s.name] = s.value(pool.DefaultConfig())
		}
	}
	return c
}

// with lays other settings over these.
func (c configuration) with(other map[string]any) configuration {
	sum := maps.Clone(c)
	maps.Copy(sum, other)
	return sum
}

func (c configuration) size() int        { return c["poolSize"].(int) }
func (c configuration) overflow() int    { return c["maxOverflow"].(int) }
func (c configuration) connections() int { return c.size() + c.overflow() }

func (c configuration) timeout() time.Duration { return c.duration("poolTimeout") }

// recycle is negative for never.
func (c configuration) recycle() time.Duration {
	if c["poolRecycle"] == -1 {
		return pool.RecycleNever
	}
	return c.duration("poolRecycle")
}

func (c configuration) duration(name string) time.Duration {
	d, _ := time.ParseDuration(fmt.Sprint(c[name])) // a Duration wrote it
	return d
}

// String says the settings in words: "5 + 10, timeout 30s, recycle never, no
// pre-ping".
func (c configuration) String() string {
	text := showSize(c.size(), c.overflow())
	if timeout, ok := c["poolTimeout"]; ok {
		text += ", timeout " + showDuration(fmt.Sprint(timeout))
	}
	if recycle, ok := c["poolRecycle"]; ok {
		text += ", recycle " + map[bool]string{true: "never", false: showDuration(fmt.Sprint(recycle))}[recycle == -1]
	}
	if ping, ok := c["poolPrePing"]; ok {
		text += map[any]string{true: ", pre-ping", false: ", no pre-ping"}[ping]
	}
	for _, s := range []string{"connectTimeout", "statementTimeout", "queryExecMode"} {
		if value, ok := c[s]; ok {
			text += fmt.Sprintf(", %s %v", s, value)
		}
	}
	return text
}

func showSize(size, overflow int) string {
	return strconv.Itoa(size) + " + " + strconv.Itoa(overflow)
}

func poolWhole(name string, least int) func(*settings, any) error {
	return func(s *settings, value any) error {
		v, ok := asWhole(value, least, pool.MaxConnections)
		if !ok {
			return notAccepted(value, acceptedWhole(least, pool.MaxConnections))
		}
		s.set(name, v)
		return nil
	}
}

func (s *settings) set(name string, value any) { s.pool[name], s.given[name] = value, value }

func readPoolTimeout(s *settings, value any) error {
	const most = 24 * time.Hour
	v, ok := asDuration(value, 0, most)
	if !ok {
		return notAccepted(value, acceptedDuration(0, most))
	}
	s.set("poolTimeout", v.String())
	return nil
}

// readPoolSetting reads a setting by the rules of a configuration's text.
func readPoolSetting(name string) func(*settings, any) error {
	return func(s *settings, value any) error {
		given, err := parseConfiguration(name + "=" + fmt.Sprint(value))
		if err != nil {
			return err
		}
		s.set(name, given[name])
		return nil
	}
}

// readConfiguration lays what is given over the defaults.
func readConfiguration(field func(*settings) *configuration) func(*settings, any) error {
	return func(s *settings, value any) error {
		text, ok := value.(string)
		if !ok {
			return notAccepted(value, configurationForm)
		}
		given, err := parseConfiguration(text)
		if err != nil {
			return err
		}
		*field(s) = field(s).with(given)
		return nil
	}
}

// size is a pool of a sweep.
type size struct{ base, overflow int }

func (s size) connections() int { return s.base + s.overflow }
func (s size) String() string   { return strconv.Itoa(s.base) + "+" + strconv.Itoa(s.overflow) }

const sizesForm = `"5+10,10+10,20+40" or "5,10,20,40", at least two pools of 1 to 10000 connections, each once`

// readSizes reads a text with commas, or a list of such items.
func readSizes(s *settings, value any) error {
	items, ok := texts(value)
	if !ok || len(items) > maxSteps {
		return notAccepted(value, sizesForm)
	}
	seen := map[size]bool{}
	for _, item := range items {
		v, ok := parseSize(item)
		if !ok || seen[v] {
			return notAccepted(item, sizesForm)
		}
		seen[v] = true
		s.sizes = append(s.sizes, v)
	}
	if len(s.sizes) < 2 {
		return notAccepted(value, sizesForm)
	}
	return nil
}

func parseSize(text string) (size, bool) {
	first, second, both := strings.Cut(text, "+")
	base, err := strconv.Atoi(strings.TrimSpace(first))
	overflow := 0
	if both && err == nil {
		overflow, err = strconv.Atoi(strings.TrimSpace(second))
	}
	v := size{base, overflow}
	return v, err == nil && base >= 1 && overflow >= 0 && base <= pool.MaxConnections && v.connections() <= pool.MaxConnections
}

// texts takes a text with commas between its items, or a list of texts and
// numbers.
func texts(value any) ([]string, bool) {
	var items []string
	switch v := value.(type) {
	case string:
		for item := range strings.SplitSeq(v, ",") {
			items = append(items, strings.TrimSpace(item))
		}
	case []any:
		for _, item := range v {
			switch item.(type) {
			case string, int, int64, float64:
				items = append(items, strings.TrimSpace(fmt.Sprint(item)))
			default:
				return nil, false
			}
		}
	default:
		return nil, false
	}
	return items, len(items) > 0
}

// ForPool gives a script's options completed by what the pool is configured to
// be where neither they nor a step say otherwise, for the plans that take it.
// What a plan is made of is then also what [File.Resume] compares.
func ForPool(options map[string]any, config pool.Config) map[string]any {
	completed := maps.Clone(options)
	if options["http"] == true && options["application"] != true {
		return completed
	}
	fill := func(name string, value any) {
		if completed[name] == nil {
			completed[name] = value
		}
	}
	switch options["plan"] {
	case planCapacity:
		fill("poolSize", config.PoolSize)
		fill("maxOverflow", config.MaxOverflow)
		fill("poolTimeout", config.PoolTimeout.String())
	case planTune:
		fill("poolTimeout", config.PoolTimeout.String())
		fill("poolRecycle", recycleValue(config.PoolRecycle))
		fill("poolPrePing", config.PoolPrePing)
	}
	return completed
}

// Environment are a step's options as an application reads them: by their
// variables, lengths of time in seconds.
func Environment(options map[string]any) map[string]string {
	environment := map[string]string{}
	for _, s := range poolSettings {
		value, given := options[s.name]
		if !given {
			continue
		}
		written := fmt.Sprint(value)
		if d, err := time.ParseDuration(written); err == nil {
			written = strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
		}
		environment[config.Variable(s.name)] = written
	}
	return environment
}

// DescribePool is what a comparison of two runs needs of a pool.
func DescribePool(c pool.Config) map[string]string {
	return map[string]string{
		"poolSize": strconv.Itoa(c.PoolSize), "maxOverflow": strconv.Itoa(c.MaxOverflow),
		"poolTimeout": c.PoolTimeout.String(), "poolRecycle": c.PoolRecycle.String(),
		"poolPrePing": strconv.FormatBool(c.PoolPrePing), "queryExecMode": config.ModeName(c.QueryExecMode),
	}
}
