package module

import (
	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/internal/testrun"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// monitorOptions are pool's options that monitor() takes; appURL is its own.
var monitorOptions = map[string]bool{
	"url": true, "applicationName": true, "poolSize": true, "maxOverflow": true, "statusInterval": true,
}

// monitorVariables are all that monitor() takes from the environment. What else
// an application has there, such as DB_POOL_USE_LIFO=sometimes, is its own affair.
var monitorVariables = map[string]bool{
	"DATABASE_URL": true, "DB_APPLICATION_NAME": true, "DB_POOL_SIZE": true, "DB_MAX_OVERFLOW": true,
	"DB_CONNECT_TIMEOUT": true, "DB_QUERY_EXEC_MODE": true, "DB_POOL_STATUS_INTERVAL": true,
}

// monitor is monitor(options). Nothing is connected before start(). Where no
// database is named anywhere it gives null: there is nothing to watch then.
func (i *instance) monitor(call sobek.FunctionCall) sobek.Value {
	config, appURL, err := i.monitorConfig(call.Argument(0))
	if err != nil {
		i.throw(err)
	}
	if config.URL == "" {
		return sobek.Null()
	}
	watched, err := i.test.Watch(config, appURL)
	if err != nil {
		i.throw(err)
	}
	object := i.rt.NewObject()
	i.must(object.Set("start", func(sobek.FunctionCall) sobek.Value {
		state := i.vu.State()
		if state == nil {
			i.throw(inInit("monitor.start()"))
		}
		if err := watched.Start(state); err != nil {
			i.throw(err)
		}
		return sobek.Undefined()
	}))
	i.must(object.Set("applicationName", config.ApplicationName))
	i.must(object.Set("poolSize", config.PoolSize))
	i.must(object.Set("maxOverflow", config.MaxOverflow))
	return object
}

// monitorConfig resolves the options and the environment. A config without URL
// is not checked any further.
func (i *instance) monitorConfig(options sobek.Value) (watched pool.Config, appURL string, err error) {
	if i.lookupErr != nil {
		return watched, "", i.lookupErr
	}
	given, err := i.optionsOf(options)
	if err != nil {
		return watched, "", err
	}
	if appURL, err = i.takeAppURL(given); err != nil {
		return watched, "", err
	}
	for name := range given {
		if !monitorOptions[name] {
			return watched, "", &pool.ConfigError{
				Option: name, Source: config.SourceOption, Reason: "monitor() does not take it",
				Accepted: "url, applicationName, poolSize, maxOverflow, statusInterval and appURL",
			}
		}
	}
	watched, err = config.Resolve(given, func(name string) (string, bool) {
		if !monitorVariables[name] {
			return "", false
		}
		return i.lookup(name)
	})
	if err != nil || watched.URL == "" {
		return watched, "", err
	}
	return watched, appURL, checkWatched(watched.ApplicationName)
}

// takeAppURL takes the one option out that pool does not know.
func (i *instance) takeAppURL(given map[string]any) (string, error) {
	value := given["appURL"]
	delete(given, "appURL")
	if value == nil { // as for every option
		return "", nil
	}
	text, isText := value.(string)
	if !isText {
		return "", testrun.AppURLError("it is of type " + sqlvalue.TypeName(i.rt.ToValue(value)))
	}
	return text, nil
}

// checkWatched refuses the names of our own connections.
func checkWatched(application string) error {
	refused := &pool.ConfigError{
		Option: "applicationName", Source: config.SourceOption,
		Accepted: "the application_name of the application to watch (DB_APPLICATION_NAME)",
	}
	switch application {
	case pool.DefaultConfig().ApplicationName:
		refused.Reason = "it is not set"
	case monitor.ApplicationName:
		refused.Reason = "it is the monitor's own"
	default:
		return nil
	}
	return refused
}
