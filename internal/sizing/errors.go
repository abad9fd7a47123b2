package sizing

import (
	"fmt"
	"math"
	"time"
)

// Limits on what the models take. They exclude values that can only be a
// mistake, such as a think time in nanoseconds read as seconds.
const (
	// MaxUsers is the largest number of users of a [ClosedLoop].
	MaxUsers = 100_000
	// maxPools is the largest number of pools, instances or workers.
	maxPools = 10_000
	// MaxConnections is the largest max_connections PostgreSQL accepts
	// (MAX_BACKENDS, 2^18 - 1).
	MaxConnections = 1<<18 - 1
	// MaxDuration is the longest hold or think time.
	MaxDuration = 24 * time.Hour
)

// InputError reports a value that a model cannot take.
type InputError struct {
	Name     string // what the value is; a command puts its flag here
	value    any
	accepted string // what to use instead
}

func (e *InputError) Error() string {
	return fmt.Sprintf("%s: %v is not accepted; use %s", e.Name, e.value, e.accepted)
}

// OverloadError reports that requests arrive faster than the connections can
// serve them, so that the queue grows for as long as it lasts and no steady
// state exists.
type OverloadError struct {
	load        float64 // connections that the arrivals keep busy (rate times hold)
	connections int
}

func (e *OverloadError) Error() string {
	return fmt.Sprintf("the arrivals keep %.4g connections busy and there are %d: "+
		"the queue grows without limit; use at least %.0f connections or fewer requests",
		e.load, e.connections, math.Floor(e.load)+1)
}

func checkCount(name string, value, lowest, highest int) error {
	if value < lowest || value > highest {
		return &InputError{name, value, fmt.Sprintf("%d to %d", lowest, highest)}
	}
	return nil
}

func checkPositive(name string, value float64) error {
	if !(value > 0) || math.IsInf(value, 1) { // !(x > 0) is true for NaN
		return &InputError{name, value, "a finite number above 0"}
	}
	return nil
}

func checkHold(hold time.Duration) error {
	if hold <= 0 || hold > MaxDuration {
		return &InputError{"hold time", hold, "more than 0 and at most 24h"}
	}
	return nil
}

func checkThink(think time.Duration) error {
	if think < 0 || think > MaxDuration {
		return &InputError{"think time", think, "0 to 24h"}
	}
	return nil
}
