package module

import (
	"context"
	"errors"
	"reflect"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/common"
)

// k6 keeps the names of its events internal: these are the values of
// go.k6.io/k6/v2/internal/event.Type.
const (
	eventTestEnd = 3 // the test is over, teardown() too; thresholds not yet judged
	eventIterEnd = 5 // a VU has ended an iteration
	eventExit    = 6 // the process is about to end, after whatever failure
)

// onTestEnd calls end once, when the test is over (running is true) or the
// process ends without one. k6 waits until end has returned.
func onTestEnd(events common.Events, end func(running bool)) {
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

// onIterationEnd calls end after each iteration of one VU, before its next one
// starts. interrupted says that k6 cut the iteration off. The returned function
// ends it; without events it is nil.
func onIterationEnd(events common.Events, end func(interrupted bool)) (stop func()) {
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

// wasCutOff reports whether k6 cut off the iteration that ctx belonged to. The
// iteration's own context is done after any end; one that was cut off ended
// with the VU's, which it was derived from. IterData.Error alone does not tell:
// a sleep() that was cut short lets the script come to its end.
func wasCutOff(ctx context.Context) bool {
	parent := parentOf(ctx)
	return parent != nil && parent.Err() != nil
}

// setupWasCutOff is wasCutOff for setup() and teardown(): what their context is
// derived from carries their time limit and ends with them too, after whatever
// end. Only the limit reached, or the end of what that one is derived from,
// tells that k6 cut them off.
func setupWasCutOff(ctx context.Context) bool {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return true
	}
	limited := parentOf(ctx)
	return limited != nil && wasCutOff(limited)
}

// parentOf is the context that ctx was derived from, where that can be seen.
func parentOf(ctx context.Context) context.Context {
	v := reflect.Indirect(reflect.ValueOf(ctx))
	if v.Kind() != reflect.Struct {
		return nil
	}
	field := v.FieldByName("Context") // what a derived context embeds
	if !field.IsValid() || !field.CanInterface() {
		return nil
	}
	parent, _ := field.Interface().(context.Context)
	return parent
}

// wasInterrupted looks into event.IterData, a type that only k6 can name.
func wasInterrupted(data any) bool {
	v := reflect.Indirect(reflect.ValueOf(data))
	if v.Kind() != reflect.Struct {
		return false
	}
	field := v.FieldByName("Error")
	if !field.IsValid() || !field.CanInterface() {
		return false
	}
	err, _ := field.Interface().(error)
	var interrupted *sobek.InterruptedError
	return errors.As(err, &interrupted)
}
