package upstream

import (
	"context"
	"errors"
)

// WasCutOff reports whether k6 cut off the iteration that ctx belonged to. The
// iteration's own context is done after any end; one that was cut off ended
// with the VU's, which it was derived from. IterData.Error alone does not tell:
// a sleep() that was cut short lets the script come to its end.
func WasCutOff(ctx context.Context) bool {
	parent := parentOf(ctx)
	return parent != nil && parent.Err() != nil
}

// SetupWasCutOff is WasCutOff for setup() and teardown(): what their context is
// derived from carries their time limit and ends with them too, after whatever
// end. Only the limit reached, or the end of what that one is derived from,
// tells that k6 cut them off.
func SetupWasCutOff(ctx context.Context) bool {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return true
	}
	limited := parentOf(ctx)
	return limited != nil && WasCutOff(limited)
}

// parentOf is the context that ctx was derived from, which a derived one embeds; nil
// where that cannot be seen.
func parentOf(ctx context.Context) context.Context { return field[context.Context](ctx, "Context") }
