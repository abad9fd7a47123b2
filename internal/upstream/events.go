// Package upstream holds what depends on the insides of k6 that it does not
// promise to keep: the numbers of its events, fields of its values and the names
// of its functions. Each has a test that fails as soon as a version of k6 has
// others.
package upstream

import (
	"errors"
	"reflect"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/common"
)

// The numbers of k6's events, whose names are internal to it:
// go.k6.io/k6/v2/internal/event.Type.
const (
	eventTestEnd   = 3 // the test is over, teardown() too; thresholds not yet judged
	eventIterStart = 4 // a VU is about to begin an iteration
	eventIterEnd   = 5 // a VU has ended an iteration
	eventExit      = 6 // the process is about to end, after whatever failure
)

// OnTestEnd calls end once, when the test is over (running is true) or the
// process ends without one. k6 waits until end has returned.
func OnTestEnd(events common.Events, end func(running bool)) {
	if events.Global == nil {
		return
	}
	id, ch := events.Global.Subscribe(eventTestEnd, eventExit)
	go func() {
		for e := range ch {
			end(e.Type == eventTestEnd)
			e.Done()
			if e.Type == eventExit {
				events.Global.Unsubscribe(id)
			}
		}
	}()
}

// OnIterationEnd calls end after each iteration of one VU, before its next one
// starts. interrupted says that k6 cut the iteration off. The returned function
// ends it; without events it is nil.
func OnIterationEnd(events common.Events, end func(interrupted bool)) (stop func()) {
	if events.Local == nil {
		return nil
	}
	id, ch := events.Local.Subscribe(eventIterEnd)
	go func() {
		for e := range ch {
			end(wasInterrupted(e.Data))
			e.Done()
		}
	}()
	return func() { events.Local.Unsubscribe(id) }
}

// OnIterations calls begin before and end after each iteration of one VU; err is
// what ended it early, cutOff that it was k6. The returned function ends it; without events it is nil.
func OnIterations(events common.Events, begin func(), end func(err error, cutOff bool)) (stop func()) {
	if events.Local == nil {
		return nil
	}
	id, ch := events.Local.Subscribe(eventIterStart, eventIterEnd)
	go func() {
		for e := range ch {
			if e.Type == eventIterStart {
				begin()
			} else {
				end(errorOf(e.Data), wasInterrupted(e.Data))
			}
			e.Done()
		}
	}()
	return func() { events.Local.Unsubscribe(id) }
}

func wasInterrupted(data any) bool {
	_, interrupted := errors.AsType[*sobek.InterruptedError](errorOf(data))
	return interrupted
}

// errorOf looks into event.IterData, a type that only k6 can name.
func errorOf(data any) error { return field[error](data, "Error") }

// field is that of a struct whose type k6 keeps to itself; the zero value where there
// is no such field.
func field[T any](of any, name string) (value T) {
	v := reflect.Indirect(reflect.ValueOf(of))
	if v.Kind() != reflect.Struct {
		return value
	}
	if f := v.FieldByName(name); f.IsValid() && f.CanInterface() {
		value, _ = f.Interface().(T)
	}
	return value
}
