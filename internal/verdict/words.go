package verdict

import (
	"fmt"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// What every report says in the same words.

// title says which run this was: "100users, 100 users, 5 min".
func (r Run) title() string {
	var parts []string
	if r.Script != "" {
		parts = append(parts, r.Script)
	}
	if r.Users > 0 {
		parts = append(parts, text.Counted(r.Users, "user"))
	}
	if r.Duration > 0 {
		parts = append(parts, text.Seconds(r.Duration))
	}
	if pool := r.pool(); pool != "" {
		parts = append(parts, "pool "+pool)
	}
	if r.Target != "" {
		parts = append(parts, r.Target)
	}
	return strings.Join(parts, ", ")
}

// MeasuredText is the measured value with its unit, and with as many decimals
// as it takes to tell it from the bound it is compared with.
func (r Row) MeasuredText() string {
	if r.Measured == nil {
		return "no value"
	}
	bound, _ := r.Limit()
	return r.Unit.Beside(*r.Measured, bound)
}

// VerdictText is the verdict, and whether it counts.
func (r Row) VerdictText() string {
	if r.Waived {
		return string(r.Verdict) + ", waived"
	}
	return string(r.Verdict)
}

// Limit is the number that PASS compares with.
func (c Criterion) Limit() (limit float64, ok bool) {
	e, err := parseExpression(c.Pass)
	return e.bound, err == nil
}

// LimitText is what PASS asks: "≥ 95.0 %", "none".
func (c Criterion) LimitText() string {
	e, err := parseExpression(c.Pass)
	if err != nil {
		return c.Pass
	}
	return e.limit(e.sign, c.Unit)
}

// explanation is a row's reason and advice in one text; empty for PASS.
func (r Row) explanation() string {
	if r.Reason == "" {
		return ""
	}
	return strings.TrimSpace(strings.TrimSuffix(r.Reason, ".") + ". " + r.Advice)
}

// explained are the rows that have something to explain. Those that would say the
// same in a row, such as that no session was seen, say it once.
func explained(rows []Row) []Row {
	var said []Row
	for _, row := range rows {
		if row.Reason == "" {
			continue
		}
		if last := len(said) - 1; last >= 0 && said[last].VerdictText() == row.VerdictText() &&
			said[last].Reason == row.Reason && said[last].Advice == row.Advice {
			said[last].Title += ", " + row.Title
			continue
		}
		said = append(said, row)
	}
	return said
}

// exitCodes are k6's for a run that was stopped before its end.
const exitCodes = "k6's exit code says by what: 99 a threshold, 105 a signal, 108 test.abort()"

// GateText says whether the gate holds and what that means for a pipeline.
func (r Report) GateText() string {
	switch {
	case r.Setup != nil:
		return r.Setup.gate(r.Gate)
	case r.Run.CutShort && r.GateHolds:
		return fmt.Sprintf("GATE=%s holds as far as the run went. It was cut short; %s.", r.Gate, exitCodes)
	case r.Run.CutShort:
		return fmt.Sprintf("GATE=%s does not hold, and the run was cut short; %s.", r.Gate, exitCodes)
	case r.GateHolds:
		return fmt.Sprintf("GATE=%s holds.", r.Gate)
	case r.noThresholds:
		return fmt.Sprintf("GATE=%s does not hold, but k6 judged no thresholds, so that it exits with 0: put pgxpool.thresholds() into the script's options, and run without --no-thresholds.", r.Gate)
	default:
		return fmt.Sprintf("GATE=%s does not hold: k6 exits with 99.", r.Gate)
	}
}
