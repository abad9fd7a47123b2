package conductor

import (
	"fmt"
	"maps"

	"github.com/flowboard/xk6-pgxpool/internal/application"
	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// plans reads the options. Nothing is connected.
func (c *Conductor) plans(options map[string]any) error {
	own, err := take[map[string]any](options, "pool", "an object of the pool's options")
	if err != nil {
		return err
	}
	workload, err := take[map[string]any](options, "workload", "an object that describes the requests")
	if err != nil {
		return err
	}
	started, err := take[map[string]any](options, "application", "an object with command, url, ready and workers")
	if err != nil {
		return err
	}
	resume, err := take[string](options, "resume", "the path of an experiment's results")
	if err != nil {
		return err
	}
	c.pool = own
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
		of := map[string]any{"command": c.runner.Command().String()}
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
	workers, err := take[int64](given, "workers", "an integer")
	if err != nil {
		return err
	}
	c.workers = max(1, int(workers))
	texts := map[string]string{}
	for _, name := range []string{"command", "url", "ready"} {
		value, err := take[string](given, name, "a string")
		if err != nil {
			return err
		}
		texts[name] = value
	}
	command, err := application.NewCommand(texts["command"], texts["url"], texts["ready"], func(name string) string {
		value, _ := c.lookup(name)
		return value
	})
	if err != nil {
		return err
	}
	c.runner = application.NewRunner(command)
	return nil
}

// resolve puts a step's options over those of the script.
func (c *Conductor) resolve(options map[string]any) (pool.Config, error) {
	all := maps.Clone(c.pool)
	if all == nil {
		all = make(map[string]any)
	}
	maps.Copy(all, options)
	if all[config.DefaultsOption] == nil {
		all[config.DefaultsOption] = map[string]any{"driver": string(pool.DriverAsyncpg)} // as every scenario
	}
	return config.Resolve(all, c.lookup)
}

// take takes an option that is the conductor's own out of the plan's.
func take[T any](options map[string]any, name, accepted string) (value T, err error) {
	given := options[name]
	delete(options, name)
	if given == nil {
		return value, nil
	}
	value, ok := given.(T)
	if !ok {
		return value, &pool.ConfigError{
			Option: name, Source: config.SourceOption, Reason: fmt.Sprintf("is %T", given), Accepted: accepted,
		}
	}
	return value, nil
}

// identityOf is what two runs must have in common for one to go on where the
// other ended: the plan's options, the workload, the server and the pool.
func identityOf(options, workload map[string]any, of pool.Config) (map[string]any, error) {
	identity := maps.Clone(options)
	if len(workload) > 0 {
		identity["workload"] = workload
	}
	identity["pool"] = experiment.DescribePool(of).ByName()
	server, err := config.Server(of)
	if err != nil {
		return nil, err
	}
	identity["server"] = server
	return identity, nil
}
