package module

import (
	"maps"
	"slices"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/common"

	"github.com/flowboard/xk6-pgxpool/internal/config"
)

// setting is setting(name, options): a variable as the pool's own are read, from
// -e, the process's environment and .env, and checked by the same rules.
func (i *instance) setting(call sobek.FunctionCall) sobek.Value {
	name, isString := primitiveString(call.Argument(0))
	if !isString || name == "" {
		i.throw(argumentsError("setting(name, options)", "takes the name of a variable and one object of options"))
	}
	i.environment() // that it can be read
	given, err := i.optionsOf(call.Argument(1))
	i.must(err)
	s, err := config.NewSetting(name, given)
	i.must(err)
	value := i.readSetting(s)
	switch {
	case value != nil:
		return i.rt.ToValue(value)
	case given["default"] == nil:
		return sobek.Undefined()
	}
	return call.Argument(1).ToObject(i.rt).Get("default")
}

// readSetting gives the value, nil where it is not given.
func (i *instance) readSetting(s config.Setting) any {
	lookup := i.environment()
	i.settingsRead[s.Name] = true
	value, err := s.Read(lookup)
	i.must(err)
	return value
}

// initEnv is what k6 gives in the init context and nowhere else.
func (i *instance) initEnv(call string) *common.InitEnvironment {
	env := i.vu.InitEnv()
	if env == nil {
		i.throw(misuse("%s outside the init context: call it at the top of the script, outside of functions", call))
	}
	return env
}

// checkSettings is checkSettings(): it refuses what was given with -e to a
// scenario that does not read it, or to which it makes no difference. To be called
// when all settings are read.
func (i *instance) checkSettings(sobek.FunctionCall) sobek.Value {
	env := i.initEnv("checkSettings()")
	i.refusePools()
	i.must(config.Unread(i.test.Given(env), slices.Collect(maps.Keys(i.settingsRead)), i.environment()))
	return sobek.Undefined()
}
