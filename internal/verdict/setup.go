package verdict

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// SetupFailure is why a script's setup() failed: nothing ran, nothing is judged.
type SetupFailure struct {
	Cause   string
	Advice  string // what to do about it; may be empty
	Stopped bool   // it did not fail, it was cut off
}

func (f *SetupFailure) shown() *SetupFailure {
	return &SetupFailure{text.Line(f.Cause), text.Line(f.Advice), f.Stopped}
}

// Reason is the failure in one sentence.
func (f *SetupFailure) Reason() string { return "setup failed: " + f.Cause }

// exitCode says what k6 exits with.
func (f *SetupFailure) exitCode() string {
	if f.Stopped {
		return "k6's exit code says by what: 100 its time limit (setupTimeout), 105 a signal, 107 anything else"
	}
	return "k6 exits with 107"
}

func (f *SetupFailure) gate(g Gate) string {
	return fmt.Sprintf("GATE=%s does not hold: nothing ran; %s.", g, f.exitCode())
}
