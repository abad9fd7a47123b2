package experiment

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/pool"
)

func poolWhole(name string, least int) func(*settings, any) error {
	return func(s *settings, value any) error {
		v, ok := asWhole(value, least, pool.MaxConnections)
		if !ok {
			return notAccepted(value, fmt.Sprintf("a whole number from %d to %d", least, pool.MaxConnections))
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
		given, err := ParseConfiguration(name + "=" + fmt.Sprint(value))
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
		given, err := ParseConfiguration(text)
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
	if options["http"] == true {
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

// DescribePool is what a comparison of two runs needs of a pool.
func DescribePool(c pool.Config) map[string]string {
	return map[string]string{
		"poolSize":      strconv.Itoa(c.PoolSize),
		"maxOverflow":   strconv.Itoa(c.MaxOverflow),
		"poolTimeout":   c.PoolTimeout.String(),
		"poolRecycle":   c.PoolRecycle.String(),
		"poolPrePing":   strconv.FormatBool(c.PoolPrePing),
		"queryExecMode": config.ModeName(c.QueryExecMode),
	}
}
