package module

import (
	"errors"

	"github.com/grafana/sobek"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/results"
	"github.com/flowboard/xk6-pgxpool/internal/testrun"
)

func errorName(err error) (name, code string) {
	var (
		option *experiment.OptionError
		file   *experiment.FileError
		folder *results.FolderError
		script *workloadError
	)
	if errors.As(err, &option) || errors.As(err, &file) || errors.As(err, &folder) || errors.As(err, &script) {
		return "ConfigError", ""
	}
	return testrun.ErrorName(err)
}

// errorValue makes a JavaScript Error. Go errors left to sobek would arrive as
// GoError, whose name no script can test for.
func (i *instance) errorValue(err error) *sobek.Object {
	name, code := errorName(err)
	class := i.rt.GlobalObject().Get("Error")
	object, newErr := i.rt.New(class, i.rt.ToValue(err.Error()))
	if newErr != nil { // the script has replaced Error
		return i.rt.NewGoError(err)
	}
	const hidden, shown = sobek.FLAG_FALSE, sobek.FLAG_TRUE
	_ = object.DefineDataProperty("name", i.rt.ToValue(name), shown, shown, hidden)
	if code != "" {
		_ = object.DefineDataProperty("code", i.rt.ToValue(code), shown, shown, shown)
	}
	if fromServer, ok := errors.AsType[*pgconn.PgError](err); ok {
		i.describe(object, fromServer)
	}
	return object
}

// describe gives an error what else the server said of it.
func (i *instance) describe(object *sobek.Object, fromServer *pgconn.PgError) {
	for name, text := range map[string]string{
		"detail": fromServer.Detail, "hint": fromServer.Hint, "table": fromServer.TableName,
		"column": fromServer.ColumnName, "constraint": fromServer.ConstraintName,
	} {
		if text != "" {
			i.must(object.Set(name, text))
		}
	}
	if fromServer.Position > 0 { // in characters, from 1
		i.must(object.Set("position", fromServer.Position))
	}
}

func (i *instance) rejection(err error) sobek.Value {
	if thrown := thrownBy(err); thrown != nil {
		return thrown
	}
	return i.errorValue(err)
}

func (i *instance) throw(err error) {
	// What the script itself threw, or k6's interrupt, goes on as it is.
	if exception, ok := errors.AsType[*sobek.Exception](err); ok {
		panic(exception)
	}
	if interrupted, ok := errors.AsType[*sobek.InterruptedError](err); ok {
		panic(interrupted)
	}
	thrown := i.errorValue(err)
	i.noteSetup(err, thrown)
	panic(thrown)
}
