// Package sqlvalue converts values between JavaScript and SQL: arguments to what
// pgx sends, results to rows of JavaScript values. It knows sobek, pgx and the
// pool's Result, and nothing of k6.
package sqlvalue

import (
	"github.com/grafana/sobek"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// Converter converts values for one JavaScript runtime. It belongs to the
// goroutine that runs the runtime; the Go values that it returns may be used on
// any. There is one per user, so it looks up what it needs on first use.
type Converter struct {
	rt         *sobek.Runtime
	objectBase *sobek.Object // Object.prototype
	dateClass  sobek.Value
	shape      *pool.Shape // of the last result
	layout     *layout     // of shape
}

// New makes a Converter for a runtime.
func New(rt *sobek.Runtime) *Converter { return &Converter{rt: rt} }
