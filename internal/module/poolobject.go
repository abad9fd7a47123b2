package module

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync/atomic"

	"github.com/grafana/sobek"
	"github.com/jackc/pgx/v5"
	"go.k6.io/k6/v2/lib"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/internal/testrun"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// method is a native function: sobek calls it without reflection.
type method = func(sobek.FunctionCall) sobek.Value

func (i *instance) class() *sobek.Object {
	if i.poolClass == nil {
		i.poolClass = i.rt.ToValue(func(call sobek.ConstructorCall) *sobek.Object {
			defer i.catch("new Pool", "()")
			if len(call.Arguments) > 1 {
				i.throw(argumentsError("new Pool(options)", "takes one object of options: new Pool({ url, poolSize, … })"))
			}
			if call.NewTarget == nil || call.NewTarget == i.poolClass {
				return i.poolOf(i.join(call.Argument(0)))
			}
			return i.newSubclassed(call.Argument(0), call.NewTarget)
		}).ToObject(i.rt)
		i.must(i.poolClass.Get("prototype").ToObject(i.rt).SetPrototype(
			i.rt.NewDynamicObject(&lazyObject{instance: i, of: inherited{i}})))
		i.must(i.poolClass.DefineDataProperty("name", i.rt.ToValue("Pool"), sobek.FLAG_FALSE, sobek.FLAG_TRUE, sobek.FLAG_FALSE))
	}
	return i.poolClass
}

// ownPool is the property by which an object of a subclass knows its pool.
var ownPool = sobek.NewSymbol("pool")

// newSubclassed is new Db(options) where a script has class Db extends Pool: an
// ordinary object that can have fields, whose methods the class can replace.
func (i *instance) newSubclassed(options sobek.Value, class *sobek.Object) *sobek.Object {
	p := i.poolObjectOf(i.join(options))
	object := i.rt.NewObject()
	i.must(object.DefineDataPropertySymbol(ownPool, i.rt.ToValue(p), sobek.FLAG_FALSE, sobek.FLAG_FALSE, sobek.FLAG_FALSE))
	i.must(object.SetPrototype(class.Get("prototype").ToObject(i.rt)))
	return object
}

// inherited has the methods of Pool.prototype, which ask `this` for the pool.
type inherited struct{ *instance }

func (i inherited) methods(name string) method {
	if new(poolObject).methods(name) == nil {
		return nil
	}
	return func(call sobek.FunctionCall) sobek.Value {
		if p := poolBehind(call.This); p != nil {
			return p.methods(name)(call)
		}
		i.throw(misuse("%s() is called on something that is not a Pool", name))
		return nil
	}
}

// poolBehind is the pool of a script's Pool, of a subclass or not; nil for
// anything else.
func poolBehind(v sobek.Value) *poolObject {
	object, ok := v.(*sobek.Object)
	if !ok {
		return nil
	}
	if object.ExportType() == reflect.TypeFor[*lazyObject]() {
		return object.Export().(*lazyObject).pool
	}
	own, ok := object.GetSymbol(ownPool).(*sobek.Object)
	if !ok || own.ExportType() != reflect.TypeFor[*poolObject]() {
		return nil
	}
	return own.Export().(*poolObject)
}

// join gives the pool that the options describe. It does no I/O: the init context runs
// for `k6 inspect` too.
func (i *instance) join(options sobek.Value) *testrun.SharedPool {
	shared, err := i.test.Join(i.resolve(options))
	i.must(err)
	return shared
}

func (i *instance) poolObjectOf(shared *testrun.SharedPool) *poolObject {
	p := &poolObject{instance: i, shared: shared, mode: shared.Config().QueryExecMode, session: i.vu.Session(shared.Config().Name)}
	p.session.Caller = func() string { return p.scriptLine()() }
	return p
}

func (i *instance) poolOf(shared *testrun.SharedPool) *sobek.Object {
	return i.poolObjectOf(shared).value()
}

func (p *poolObject) value() *sobek.Object {
	object := p.rt.NewDynamicObject(&lazyObject{instance: p.instance, of: p, pool: p})
	p.must(object.SetPrototype(p.class().Get("prototype").ToObject(p.rt)))
	return object
}

// with is the same pool, whose calls have tags, limits and a shape of rows of
// their own.
func (p *poolObject) with(call sobek.FunctionCall) sobek.Value {
	own, with := *p, testrun.With{}
	if len(call.Arguments) != 1 {
		p.throw(argumentsError("with(options)", "takes one object of options: { tags, timeout, rowMode, maxRows }"))
	}
	p.must(p.readOptions("with(options)", call.Argument(0), map[string]optionReader{
		"tags":    tagsOption(&with.Tags),
		"timeout": durationOption(&with.Limits.Timeout, 1, math.MaxInt64, `a duration above 0, such as 500 (milliseconds) or "2s"`),
		"maxRows": wholeOption(&with.Limits.MaxRows, 1, math.MaxInt32),
		"rowMode": rowModeOption(&own.shape),
	}))
	own.session = p.session.With(with)
	return own.value()
}

func (i *instance) resolve(options sobek.Value) pool.Config {
	lookup := i.environment()
	given, err := i.optionsOf(options)
	i.must(err)
	resolved, err := config.Resolve(given, lookup)
	i.must(err)
	return resolved
}

// optionsOf exports an options object. Undefined is none at all.
func (i *instance) optionsOf(v sobek.Value) (map[string]any, error) {
	if isNothing(v) {
		return nil, nil
	}
	object, ok := v.(*sobek.Object)
	if !ok || sqlvalue.ClassOf(object) != "Object" { // a Map has no keys that this would see
		return nil, optionsError(v)
	}
	given := make(map[string]any)
	for _, key := range object.Keys() {
		if value := object.Get(key); !sobek.IsUndefined(value) {
			exported, err := i.export(value)
			if err != nil {
				return nil, err
			}
			given[key] = exported
		}
	}
	return given, nil
}

// optionsError names the kind of what was given and not its value: a URL in
// the place of the options is an easy mistake, and may hold a password.
func optionsError(v sobek.Value) error {
	return &pool.ConfigError{
		Source: "the options", Reason: "they are of type " + sqlvalue.TypeName(v), Accepted: "an object such as { url, poolSize: 20 }",
	}
}

type poolObject struct {
	*instance
	shared  *testrun.SharedPool
	session *testrun.Session
	mode    pgx.QueryExecMode
	shape   rowShape
	handle  *atomic.Bool // whether this handle is closed; nil: no handle, close() is for all
}

// get gives the pool to a call of the VU that state is of.
func (p *poolObject) get(state *lib.State) (*pool.Pool, error) {
	if p.handle != nil && p.handle.Load() {
		return nil, misuse("this handle of pool %q is closed: open() another one", p.shared.Config().Name)
	}
	return p.shared.Get(state)
}

func (p *poolObject) methods(name string) method {
	if m := statementMethod(name, p); m != nil {
		return m
	}
	switch name {
	case "acquire":
		return p.acquire
	case "acquireAsync":
		return p.acquireAsync
	case "transaction":
		return p.transaction
	case "transactionAsync":
		return p.transactionAsync
	case "with":
		return p.with
	case "stat":
		return p.stat
	case "close":
		return p.close
	}
	return nil
}

// ready gives the pool to a call, which must come from VU code.
func (p *poolObject) ready(call string) *pool.Pool {
	state := p.notInInit(call)
	p.must(p.test.Ready(p.vu))
	ready, err := p.get(state)
	p.must(err)
	return ready
}

func (p *poolObject) stat(sobek.FunctionCall) sobek.Value {
	if p.vu.State() != nil {
		p.session.Current() // the first call of the users comes after setup() in all
	}
	s := p.shared.Stat(p.vu.State())
	return p.object([]field{
		{"size", s.Size}, {"maxOverflow", s.MaxOverflow}, {"active", s.Active}, {"idle", s.Idle},
		{"total", s.Total}, {"overflow", s.Overflow}, {"waiting", s.Waiting}, {"peakActive", s.PeakActive},
		{"available", s.Available}, {"utilization", s.Utilization}, {"acquires", s.Acquires},
		{"timeouts", s.Timeouts}, {"connects", s.Connects}, {"recycled", s.Recycled}, {"lost", s.Lost},
		{"discarded", s.Discarded}, {"leaks", s.Leaks},
	}...)
}

func (p *poolObject) close(sobek.FunctionCall) sobek.Value {
	p.notInInit("close()")
	p.test.Follow(p.vu)
	switch {
	case p.handle == nil:
		p.shared.Close()
	case !p.handle.Swap(true):
		p.shared.CloseHandle()
	}
	return sobek.Undefined()
}

// misuse is a QueryError for a call that cannot be made as it stands.
func misuse(format string, args ...any) error {
	return &pool.QueryError{Err: fmt.Errorf(format, args...)}
}

// notInInit gives the VU's state, and throws where a call is made in the init context.
func (i *instance) notInInit(call string) *lib.State {
	state := i.vu.State()
	if state == nil {
		i.throw(misuse("%s in the init context: call it in the default function, setup() or teardown()", call))
	}
	return state
}

func argumentsError(call, accepted string) error {
	return &pool.QueryError{Err: errors.New(call + ": " + accepted)}
}
