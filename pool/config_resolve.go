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
	if err := r.run(); err != nil {
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
	origins map[string]origin // of the options that are not at their default

	fromURL        map[string]given // values of the URL's parameters, by option
	urlHasPassword bool
}

// run begins with the URL, which has a say in the options after it.
func (r *resolver) run() *ConfigError {
	if err := r.set(urlOption); err != nil {
		return err
	}
	if err := r.readURL(); err != nil {
		return err
	}
	for _, o := range options[1:] {
		if err := r.set(o); err != nil {
			return err
		}
	}
	return r.checkSum()
}

// set finds an option's value, stores and checks it.
func (r *resolver) set(o option) *ConfigError {
	stored := false
	inURL, isInURL := r.fromURL[o.name]
	if value := r.script[o.name]; value != nil {
		r.origins[o.name] = origin{SourceOption, o.written(value)}
		stored = o.script(&r.config, value)
	} else if text, ok := r.environment(o.env); ok {
		r.origins[o.name] = origin{o.env, o.written(text)}
		stored = o.text(&r.config, text)
	} else if isInURL {
		r.origins[o.name] = origin{inURL.parameter + " in the URL", r.shownInURL(o, inURL)}
		stored = o.text(&r.config, inURL.text)
	} else {
		return nil
	}
	if !stored {
		return r.blame(&ConfigError{Accepted: o.accepted}, o.name)
	}
	if err := o.check(r.config); err != nil {
		return r.blame(err, o.name)
	}
	return r.blame(contradiction(o, r.config, inURL), o.name)
}

// shownInURL hides a parameter's value where the URL's password was not found:
// it may be part of the value.
func (r *resolver) shownInURL(o option, in given) string {
	if !r.urlHasPassword {
		return mask
	}
	return o.written(in.text)
}

// contradiction is the error for a URL that insists on another value than the
// one chosen.
func contradiction(o option, chosen Config, inURL given) *ConfigError {
	other := chosen
	if !inURL.binding || (o.text(&other, inURL.text) && o.same(chosen, other)) {
		return nil
	}
	return &ConfigError{Reason: "the URL says otherwise in " + inURL.parameter, Accepted: "one of the two"}
}

// readURL brings the URL into its canonical form and keeps what it says for
// the options after it.
func (r *resolver) readURL() *ConfigError {
	if r.config.URL == "" {
		return nil
	}
	c, err := parseConnection(r.config.URL)
	if err != nil {
		return r.blame(badConnection(err), urlOption.name)
	}
	r.config.URL, r.fromURL, r.urlHasPassword = c.url(), c.options, c.settings["password"] != ""
	return nil
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
