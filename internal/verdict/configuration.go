package verdict

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Configuration is what a run was configured with. In JSON it is one object of
// strings: the options of the pool "default" by their names, those of another pool
// behind its name and a dot, and the settings.
type Configuration struct {
	Pools    map[string]PoolConfiguration // by name
	Settings map[string]string            // the scenario's and the server's; never nil after ConfigurationOf
}

// PoolConfiguration are the options of a pool that a comparison needs; nil or
// empty is one that is not known. Of an application's pool only the size is.
type PoolConfiguration struct {
	PoolSize, MaxOverflow    *int // this runner's own
	PoolTimeout, PoolRecycle *time.Duration
	PoolPrePing              *bool
	QueryExecMode, Server    string
	// What was configured for all runners of a test; nil for the only one.
	ConfiguredPoolSize, ConfiguredMaxOverflow *int
}

// defaultPool is the pool whose options need no name before them.
const defaultPool = "default"

// ConfigurationOf reads options by name. One whose value is not written as
// [Configuration.ByName] writes it is a setting, so that nothing changes on the way.
func ConfigurationOf(byName map[string]string) Configuration {
	c := Configuration{Pools: make(map[string]PoolConfiguration), Settings: maps.Clone(byName)}
	if c.Settings == nil {
		c.Settings = make(map[string]string)
	}
	for name := range byName {
		pool, prefix := defaultPool, ""
		if dot := strings.LastIndex(name, "."); dot >= 0 {
			pool, prefix = name[:dot], name[:dot+1]
		}
		if _, known := c.Pools[pool]; known || prefix == defaultPool+"." {
			continue
		}
		if p := takePool(c.Settings, prefix); p != (PoolConfiguration{}) {
			c.Pools[pool] = p
		}
	}
	return c
}

// ByName gives every option and setting as text.
func (c Configuration) ByName() map[string]string {
	byName := make(map[string]string, len(c.Settings)+8*len(c.Pools))
	maps.Copy(byName, c.Settings)
	for name, p := range c.Pools {
		prefix := name + "."
		if name == defaultPool {
			prefix = ""
		}
		for option, value := range p.ByName() {
			byName[prefix+option] = value
		}
	}
	return byName
}

// DefaultPool is the configuration of the pool without a name of its own.
func (c Configuration) DefaultPool() PoolConfiguration { return c.Pools[defaultPool] }

// Pool is the configuration of the pool with this name, else of the default one.
func (c Configuration) Pool(name string) PoolConfiguration {
	if p, ok := c.Pools[name]; ok && p.PoolSize != nil {
		return p
	}
	return c.DefaultPool()
}

// Sizes are poolSize and maxOverflow, where both are known.
func (p PoolConfiguration) Sizes() (size, overflow int, known bool) {
	if p.PoolSize == nil || p.MaxOverflow == nil {
		return 0, 0, false
	}
	return *p.PoolSize, *p.MaxOverflow, true
}

// Whole is the pool as it was configured for all runners.
func (p PoolConfiguration) Whole() PoolConfiguration {
	if p.ConfiguredPoolSize != nil {
		p.PoolSize, p.ConfiguredPoolSize = p.ConfiguredPoolSize, nil
	}
	if p.ConfiguredMaxOverflow != nil {
		p.MaxOverflow, p.ConfiguredMaxOverflow = p.ConfiguredMaxOverflow, nil
	}
	return p
}

// ByName gives the options that are known as text.
func (p PoolConfiguration) ByName() map[string]string {
	byName := make(map[string]string)
	put(byName, "poolSize", p.PoolSize, strconv.Itoa)
	put(byName, "maxOverflow", p.MaxOverflow, strconv.Itoa)
	put(byName, "configuredPoolSize", p.ConfiguredPoolSize, strconv.Itoa)
	put(byName, "configuredMaxOverflow", p.ConfiguredMaxOverflow, strconv.Itoa)
	put(byName, "poolTimeout", p.PoolTimeout, time.Duration.String)
	put(byName, "poolRecycle", p.PoolRecycle, time.Duration.String)
	put(byName, "poolPrePing", p.PoolPrePing, strconv.FormatBool)
	for name, value := range map[string]string{"queryExecMode": p.QueryExecMode, "server": p.Server} {
		if value != "" {
			byName[name] = value
		}
	}
	return byName
}

// takePool moves the options with the prefix out of the settings.
func takePool(settings map[string]string, prefix string) PoolConfiguration {
	p := PoolConfiguration{
		PoolSize:              take(settings, prefix+"poolSize", strconv.Atoi, strconv.Itoa),
		MaxOverflow:           take(settings, prefix+"maxOverflow", strconv.Atoi, strconv.Itoa),
		ConfiguredPoolSize:    take(settings, prefix+"configuredPoolSize", strconv.Atoi, strconv.Itoa),
		ConfiguredMaxOverflow: take(settings, prefix+"configuredMaxOverflow", strconv.Atoi, strconv.Itoa),
		PoolTimeout:           take(settings, prefix+"poolTimeout", time.ParseDuration, time.Duration.String),
		PoolRecycle:           take(settings, prefix+"poolRecycle", time.ParseDuration, time.Duration.String),
		PoolPrePing:           take(settings, prefix+"poolPrePing", strconv.ParseBool, strconv.FormatBool),
		QueryExecMode:         settings[prefix+"queryExecMode"],
		Server:                settings[prefix+"server"],
	}
	if p.QueryExecMode != "" {
		delete(settings, prefix+"queryExecMode")
	}
	if p.Server != "" {
		delete(settings, prefix+"server")
	}
	return p
}

func take[T any](from map[string]string, name string, parse func(string) (T, error), write func(T) string) *T {
	value, err := parse(from[name])
	if err != nil || write(value) != from[name] {
		return nil
	}
	delete(from, name)
	return &value
}

func put[T any](to map[string]string, name string, value *T, write func(T) string) {
	if value != nil {
		to[name] = write(*value)
	}
}

// IsZero is for encoding/json's omitzero.
func (c Configuration) IsZero() bool { return len(c.Pools)+len(c.Settings) == 0 }

// MarshalJSON writes one object of strings.
func (c Configuration) MarshalJSON() ([]byte, error) { return json.Marshal(c.ByName()) }

// UnmarshalJSON reads it.
func (c *Configuration) UnmarshalJSON(encoded []byte) error {
	var byName map[string]string
	if err := json.Unmarshal(encoded, &byName); err != nil {
		return err
	}
	*c = ConfigurationOf(byName)
	return nil
}
