// Package config makes the typed configuration of a pool out of what a script,
// the environment, a .env file and a connection URL say.
package config

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// SourceOption is the ConfigError.Source of a value given by the script.
const SourceOption = "option"

// Resolve makes a Config of what a script gave (JavaScript values exported to
// Go: string, int64, float64, bool, nil for null and undefined) and of the
// environment. An option wins over its environment variable, that over what
// the URL says (application_name, connect_timeout, …), that over the script's
// DefaultsOption, that over the default.
// A variable that is empty is not set; a nil lookup finds nothing. The URL has
// one canonical form then, whatever form it was given in.
//
// The error is a *pool.ConfigError for a setting that cannot be used. Nothing
// is connected.
func Resolve(script map[string]any, lookup Lookup) (pool.Config, error) {
	script, defaults, err := cutDefaults(script)
	if err != nil {
		return pool.Config{}, err
	}
	r := resolver{
		config: pool.DefaultConfig(), script: script, defaults: defaults, lookup: lookup, origins: map[string]origin{},
	}
	if err := r.readURL(); err != nil {
		return pool.Config{}, err
	}
	for _, o := range options {
		if err := r.set(o); err != nil {
			return pool.Config{}, err
		}
	}
	if err := r.config.Validate(); err != nil {
		return pool.Config{}, r.blame(err)
	}
	return r.config, nil
}

// origin is where a value came from and how it was written, for errors.
type origin struct{ source, shown string }

// DefaultsOption holds options over which the environment and the URL win: what
// a scenario suggests.
const DefaultsOption = "defaults"

// cutDefaults parts the two, and refuses names that are no options.
func cutDefaults(script map[string]any) (rest, defaults map[string]any, err error) {
	rest = maps.Clone(script)
	delete(rest, DefaultsOption)
	if err := refuseUnknown(rest); err != nil {
		return nil, nil, err
	}
	given := script[DefaultsOption]
	if given == nil {
		return rest, nil, nil
	}
	defaults, ok := given.(map[string]any)
	if !ok {
		return nil, nil, &pool.ConfigError{
			Option: DefaultsOption, Source: SourceOption, Value: show(given), Accepted: "an object of options such as { poolSize: 5 }",
		}
	}
	for _, name := range []string{"url", "name"} {
		if defaults[name] != nil {
			return nil, nil, &pool.ConfigError{
				Option: DefaultsOption, Source: SourceOption, Reason: name + " has no place in it", Accepted: "the option " + name + " itself",
			}
		}
	}
	return rest, defaults, refuseUnknown(defaults)
}

// resolver fills one Config, option by option.
type resolver struct {
	config   pool.Config
	script   map[string]any
	defaults map[string]any
	lookup   Lookup
	url      connection
	origins  map[string]origin // of the options that are not at their default
}

// readURL comes first: a URL has a say in the options.
func (r *resolver) readURL() error {
	const name, variable = "url", "DATABASE_URL"
	refused := &pool.ConfigError{Option: name, Source: SourceOption, Accepted: acceptedURL}
	given, isText := r.script[name].(string)
	if value := r.script[name]; value == nil {
		given, _ = r.environment(variable)
		if given == "" {
			return nil
		}
		refused.Source = variable
	} else if !isText || strings.TrimSpace(given) == "" {
		refused.Value = show(value)
		return refused
	}
	refused.Value = showURL(given)
	r.origins[name] = origin{refused.Source, refused.Value}

	var err error
	if r.url, err = parseConnection(given); err != nil {
		refused.Reason = err.Error()
		if !errors.Is(err, errScheme) && !errors.Is(err, errKeyword) {
			refused.Accepted = ""
		}
		return refused
	}
	r.config.URL = r.url.url()
	return nil
}

// set finds an option's value and stores it.
func (r *resolver) set(o option) error {
	stored := false
	inURL, isInURL := r.url.options[o.name]
	if value := r.script[o.name]; value != nil {
		r.origins[o.name] = origin{SourceOption, show(value)}
		stored = o.script(&r.config, value)
	} else if variable, ok := r.environment(o.env); ok {
		r.origins[o.name] = origin{o.env, show(variable)}
		stored = o.text(&r.config, variable)
	} else if isInURL {
		r.origins[o.name] = origin{inURL.parameter + " in the URL", r.shownInURL(inURL)}
		stored = o.text(&r.config, inURL.text)
	} else if value := r.defaults[o.name]; value != nil {
		r.origins[o.name] = origin{DefaultsOption, show(value)}
		stored = o.script(&r.config, value)
	} else {
		return nil
	}
	if !stored {
		return r.blame(&pool.ConfigError{Option: o.name, Accepted: pool.Accepted(o.name)})
	}
	return r.contradiction(o, inURL)
}

// shownInURL hides a parameter's value that holds a password of the URL, and any
// where the URL's password was not found: it may be part of the value.
func (r *resolver) shownInURL(in given) string {
	password, ofKey := r.url.parameters["password"], r.url.parameters["sslpassword"]
	if password == "" || strings.Contains(in.text, password) || ofKey != "" && strings.Contains(in.text, ofKey) {
		return text.Mask
	}
	return show(in.text)
}

// contradiction is the error for another value in [execModeParameter] than the
// one chosen.
func (r *resolver) contradiction(o option, inURL given) error {
	other := r.config
	if inURL.parameter != execModeParameter || (o.text(&other, inURL.text) && o.same(r.config, other)) {
		return nil
	}
	return r.blame(&pool.ConfigError{
		Option: o.name, Reason: "the URL has another value in " + inURL.parameter, Accepted: "one of the two",
	})
}

// environment looks a variable up; one that is empty is not set.
func (r *resolver) environment(name string) (string, bool) {
	if name == "" || r.lookup == nil {
		return "", false
	}
	value, _ := r.lookup(name)
	value = strings.TrimSpace(value)
	return value, value != ""
}

// blame completes an error with where the option's value came from, and how a
// value of the option's type is written.
func (r *resolver) blame(err error) error {
	var refused *pool.ConfigError
	if !errors.As(err, &refused) {
		return err
	}
	from, set := r.origins[refused.Option]
	if !set && refused.Option == "maxOverflow" { // it is the sum that is too large
		refused.Option = "poolSize"
		from = r.origins[refused.Option]
	}
	refused.Source, refused.Value = from.source, from.shown
	for _, o := range options {
		if o.name == refused.Option && refused.Reason == "" {
			refused.Accepted = strings.TrimSpace(o.typed + refused.Accepted)
		}
	}
	return refused
}

// Difference names the first option in which two configurations differ, with
// the value in a and the value in b, such as "poolSize 20, not 30". It is ""
// when they are the same. Passwords are not shown.
func Difference(a, b pool.Config) string {
	if a.URL != b.URL {
		if here, there := shownURL(a), shownURL(b); here != there {
			return fmt.Sprintf("url %s, not %s", here, there)
		}
		return "url (it differs in what is not shown, such as the password or a parameter)"
	}
	a.PoolRecycle, b.PoolRecycle = max(a.PoolRecycle, pool.RecycleNever), max(b.PoolRecycle, pool.RecycleNever)
	for _, o := range options {
		if !o.same(a, b) {
			return fmt.Sprintf("%s %s, not %s", o.name, o.show(a), o.show(b))
		}
	}
	return ""
}

func shownURL(c pool.Config) string {
	if c.URL == "" {
		return "unset"
	}
	return redact(c.URL)
}
