package conductor

import (
	"cmp"
	"fmt"
	"maps"

	"github.com/flowboard/xk6-pgxpool/internal/application"
	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// plans reads the options. Nothing is connected.
func (c *Conductor) plans(options map[string]any) error {
	var workload, started map[string]any
	var resume string
	if err := cmp.Or(
		take(options, "pool", "an object of the pool's options", &c.pool),
		take(options, "workload", "an object that describes the requests", &workload),
		take(options, "application", "an object with command, url, ready and workers", &started),
		take(options, "resume", "the path of an experiment's results", &resume),
	); err != nil {
		return err
	}
	config, err := c.resolve(nil)
	if err != nil {
		return err
	}
	if started != nil {
		if err := c.starts(started); err != nil {
			return err
		}
		options["http"], options["application"] = true, true
		options["workers"] = int64(c.workers)
	}
	options = experiment.ForPool(options, config)
	if c.plan, err = experiment.New(options); err != nil {
		return err
	}
	if started != nil {
		of := map[string]any{"command": c.launcher.Command()}
		maps.Copy(of, workload)
		workload = of
	}
	if c.identity, err = identityOf(options, workload, config); err != nil {
		return err
	}
	return c.resume(resume)
}

// starts reads what to start for every step.
func (c *Conductor) starts(given map[string]any) error {
	given = maps.Clone(given) // the script's, to know it again
	var workers int64
	var command, url, ready string
	if err := cmp.Or(
		take(given, "workers", "an integer", &workers),
		take(given, "command", "a string", &command),
		take(given, "url", "a string", &url),
		take(given, "ready", "a string", &ready),
	); err != nil {
		return err
	}
	c.workers = max(1, int(workers))
	var err error
	c.launcher, err = application.NewLauncher(command, url, ready, func(name string) string {
		value, _ := c.lookup(name)
		return value
	})
	return err
}

// resolve puts a step's options over those of the script.
func (c *Conductor) resolve(options map[string]any) (pool.Config, error) {
	all := map[string]any{}
	maps.Copy(all, c.pool)
	maps.Copy(all, options)
	if all[config.DefaultsOption] == nil {
		all[config.DefaultsOption] = map[string]any{"driver": string(pool.DriverAsyncpg)} // as every scenario
	}
	return config.Resolve(all, c.lookup)
}

// take takes an option that is the conductor's own out of the plan's.
func take[T any](options map[string]any, name, accepted string, value *T) error {
	given := options[name]
	delete(options, name)
	if given == nil {
		return nil
	}
	var ok bool
	if *value, ok = given.(T); !ok {
		return &pool.ConfigError{Option: name, Source: config.SourceOption, Reason: fmt.Sprintf("is %T", given), Accepted: accepted}
	}
	return nil
}

// identityOf is what two runs must have in common for one to resume the other: the plan's options, the workload, the server and the pool.
func identityOf(options, workload map[string]any, of pool.Config) (map[string]any, error) {
	identity := maps.Clone(options)
	if len(workload) > 0 {
		identity["workload"] = workload
	}
	identity["pool"] = experiment.DescribePool(of)
	server, err := config.Server(of)
	if err != nil {
		return nil, err
	}
	identity["server"] = server
	return identity, nil
}
