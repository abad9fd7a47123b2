package module

import (
	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// monitor is monitor(options). Nothing is connected before start(). Where no
// database is named anywhere it gives null: there is nothing to watch then.
func (i *instance) monitor(call sobek.FunctionCall) sobek.Value {
	settings := i.monitorSettings(call.Argument(0))
	if settings.Pool.URL == "" {
		return sobek.Null()
	}
	watched, err := i.test.Watch(settings)
	i.must(err)
	start := func(sobek.FunctionCall) sobek.Value {
		i.must(watched.Start(i.notInInit("monitor.start()")))
		return sobek.Undefined()
	}
	return i.object(
		field{"start", i.guarded("monitor.start", start)},
		field{"applicationName", settings.Select.String()},
		field{"poolSize", settings.Pool.PoolSize},
		field{"maxOverflow", settings.Pool.MaxOverflow},
		field{"workers", max(1, settings.Workers)},
	)
}

// monitorSettings resolves the options and the environment. Without a URL
// nothing is checked any further.
func (i *instance) monitorSettings(options sobek.Value) monitor.Settings {
	lookup := i.environment()
	given, err := i.optionsOf(options)
	i.must(err)
	settings, err := monitor.Resolve(given, lookup)
	i.must(err)
	if settings.Pool.URL == "" { // nothing is watched
		return settings
	}
	for _, name := range monitor.Variables() {
		i.settingsRead[name] = true
	}
	if settings.Select.Empty() {
		i.throw(&pool.ConfigError{
			Option: "applicationName", Source: config.SourceOption, Reason: "it is not set",
			Accepted: "the application_name of the application to watch (DB_APPLICATION_NAME), or its role, database or client " +
				"(APP_ROLE, APP_DATABASE, APP_CLIENT); ALTER ROLE app SET application_name = 'flowboard' gives it a name",
		})
	}
	return settings
}
