package pool

import (
	"fmt"
	"strings"
)

// Lookup finds the value of an environment variable.
type Lookup func(name string) (value string, ok bool)

// Resolve makes a Config of what a script gave (JavaScript values exported to
// Go: string, int64, float64, bool, nil for null and undefined) and of the
// environment. An option wins over its environment variable, that over what
// the URL says (application_name, connect_timeout, …), that over the default.
// A variable that is empty is not set; a nil lookup finds nothing.
//
// The error is a *ConfigError for the first setting that cannot be used.
// Nothing is connected.
func Resolve(script map[string]any, lookup Lookup) (Config, error) {
	if err := refuseUnknown(script); err != nil {
		return Config{}, err
	}
	r := resolver{config: DefaultConfig(), script: script, lookup: lookup, origins: map[string]origin{}}
	for _, o := range options {
		if err := r.set(o); err != nil {
			return Config{}, err
		}
	}
	if err := r.checkSum(); err != nil {
		return Config{}, err
	}
	return r.config, nil
}

// origin is where a value came from and how it was written, for errors.
type origin struct {
	source string
	shown  string
}

// resolver fills one Config, option by option.
type resolver struct {
	config  Config
	script  map[string]any
	lookup  Lookup
	fromURL map[string]given  // values of the URL's parameters, by option
	origins map[string]origin // of the options that are not at their default
}

// given is a text found in the URL for an option, and the parameter's name.
type given struct {
	source, text string
}

// set finds an option's value, stores and checks it.
func (r *resolver) set(o option) *ConfigError {
	stored := true
	var from origin
	if value := r.script[o.name]; value != nil {
		from = origin{SourceOption, show(value)}
		stored = o.script(&r.config, value)
	} else if text, ok := r.environment(o.env); ok {
		from = origin{o.env, showText(text)}
		stored = o.text(&r.config, text)
	} else if in, ok := r.fromURL[o.name]; ok {
		from = origin{in.source, showText(in.text)}
		stored = o.text(&r.config, in.text)
	} else {
		return nil
	}
	r.origins[o.name] = from
	err := &ConfigError{Accepted: o.accepted}
	if stored {
		err = o.check(r.config)
	}
	return r.blame(err, o.name)
}

// environment looks a variable up; one that is empty is not set.
func (r *resolver) environment(name string) (string, bool) {
	if name == "" || r.lookup == nil {
		return "", false
	}
	text, _ := r.lookup(name)
	text = strings.TrimSpace(text)
	return text, text != ""
}

// blame completes an error with where the option's value came from.
func (r *resolver) blame(err *ConfigError, name string) *ConfigError {
	if err != nil {
		from := r.origins[name]
		err.Option, err.Source, err.Value = name, from.source, from.shown
	}
	return err
}

// checkSum checks the limit that two options share.
func (r *resolver) checkSum() *ConfigError {
	err := checkSum(r.config)
	if err == nil {
		return nil
	}
	if _, set := r.origins["maxOverflow"]; set {
		return r.blame(err, "maxOverflow")
	}
	return r.blame(err, "poolSize")
}

func checkSum(c Config) *ConfigError {
	if c.MaxConns() <= MaxConnections {
		return nil
	}
	return &ConfigError{
		Reason:   fmt.Sprintf("poolSize %d and maxOverflow %d are too many connections", c.PoolSize, c.MaxOverflow),
		Accepted: fmt.Sprintf("at most %d together", MaxConnections),
	}
}
