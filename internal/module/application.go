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
	settings, err := i.monitorSettings(call.Argument(0))
	if err != nil {
		i.throw(err)
	}
	if settings.Pool.URL == "" {
		return sobek.Null()
	}
	watched, err := i.test.Watch(settings)
	if err != nil {
		i.throw(err)
	}
	object := i.rt.NewObject()
	i.must(object.Set("start", i.guarded("monitor.start()", func(sobek.FunctionCall) sobek.Value {
		state := i.vu.State()
		if state == nil {
			i.throw(inInit("monitor.start()"))
		}
		i.must(watched.Start(state))
		return sobek.Undefined()
	})))
	i.must(object.Set("applicationName", settings.Select.String()))
	i.must(object.Set("poolSize", settings.Pool.PoolSize))
	i.must(object.Set("maxOverflow", settings.Pool.MaxOverflow))
	i.must(object.Set("workers", max(1, settings.Workers)))
	return object
}

// monitorSettings resolves the options and the environment. Without a URL
// nothing is checked any further.
func (i *instance) monitorSettings(options sobek.Value) (settings monitor.Settings, err error) {
	if i.lookupErr != nil {
		return settings, i.lookupErr
	}
	for _, name := range monitor.Variables() {
		i.settingsRead[name] = true
	}
	given, err := i.optionsOf(options)
	if err != nil {
		return settings, err
	}
	settings, err = monitor.Resolve(given, i.lookup)
	if err == nil && settings.Pool.URL != "" && settings.Select.Empty() {
		err = &pool.ConfigError{
			Option: "applicationName", Source: config.SourceOption, Reason: "it is not set",
			Accepted: "the application_name of the application to watch (DB_APPLICATION_NAME), or its role, database or client " +
				"(APP_ROLE, APP_DATABASE, APP_CLIENT); ALTER ROLE app SET application_name = 'flowboard' gives it a name",
		}
	}
	return settings, err
}
