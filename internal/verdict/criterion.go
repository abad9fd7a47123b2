package verdict

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// Verdict is the judgment of one criterion or of a whole run.
type Verdict string

// The three verdicts, from best to worst.
const (
	Pass    Verdict = "PASS"
	Warning Verdict = "WARNING"
	Fail    Verdict = "FAIL"
)

// worse tells whether v is a worse verdict than other.
func (v Verdict) worse(other Verdict) bool { return v != other && (v == Fail || other == Pass) }

// Gate says which verdicts a pipeline lets through.
type Gate string

const (
	// GatePass lets only PASS through. It is the default.
	GatePass Gate = "pass"
	// GateFail lets everything through that is not FAIL.
	GateFail Gate = "fail"
)

// ParseGate reads a gate; the empty string is [GatePass].
func ParseGate(value string) (Gate, error) {
	switch Gate(value) {
	case "", GatePass:
		return GatePass, nil
	case GateFail:
		return GateFail, nil
	default:
		return "", fmt.Errorf("GATE: %q is not accepted; use pass (the default) or fail", value)
	}
}

// Holds tells whether the gate lets v through.
func (g Gate) Holds(v Verdict) bool {
	if g == GateFail {
		return v != Fail
	}
	return v == Pass
}

// Condition is an expression of k6's thresholds on one metric, such as
// {"pgxpool_samples", "count>0"}.
type Condition struct {
	Metric     string `json:"metric"`
	Expression string `json:"expression"`
}

func (c Condition) validate() error {
	if c.Metric == "" {
		return fmt.Errorf("expression %q has no metric", c.Expression)
	}
	_, err := parseExpression(c.Expression)
	return err
}

// parsed is the expression of a condition that has been validated.
func (c Condition) parsed() expression {
	e, _ := parseExpression(c.Expression)
	return e
}

func (c Condition) isZero() bool { return c == Condition{} }

func (c Condition) String() string { return c.Metric + " " + c.Expression }

// Advice is what to do when a criterion does not pass.
type Advice struct {
	Warning string `json:"warning"`
	Fail    string `json:"fail"`
}

// Criterion is one row of the success criteria. Rows are written in
// thresholds/criteria.js, where k6's thresholds are made from them too.
type Criterion struct {
	// Name is the key that WAIVE uses, such as db_cpu.
	Name  string `json:"name"`
	Title string `json:"title"`
	// Metric and Pass are what PASS asks, such as "rate>=0.95". Whatever WARNING
	// asks is asked of a PASS too: k6 knows no "or" between thresholds.
	Metric string `json:"metric"`
	Pass   string `json:"pass"`
	// WarningMetric and Warning are what must hold for anything better than
	// FAIL. An empty WarningMetric means Metric; any other has a WarningTitle,
	// which is what the report calls it.
	WarningMetric string `json:"warningMetric,omitempty"`
	WarningTitle  string `json:"warningTitle,omitempty"`
	Warning       string `json:"warning"`
	// Guard proves that there is data: k6 lets an upper bound on a metric
	// without samples pass.
	Guard Condition `json:"guard"`
	// Attempt, where set, proves that measuring was tried. With Attempt but
	// without Guard a criterion could not be measured, which is a WARNING;
	// without Attempt it has no data, which is a FAIL. k6 cannot see the reason
	// (Input.Unmeasured), so it is the attempt that decides.
	Attempt Condition `json:"attempt,omitzero"`
	// Unmeasured, where set, says why this run cannot measure the criterion,
	// known before it starts. Such a row is a WARNING.
	Unmeasured string `json:"unmeasured,omitempty"`
	// Note, where set, is shown in every report of this criterion.
	Note   string    `json:"note,omitempty"`
	Advice Advice    `json:"advice"`
	Unit   text.Unit `json:"unit"`
}

func (c Criterion) pass() Condition { return Condition{c.Metric, c.Pass} }

func (c Criterion) warning() Condition {
	return Condition{cmp.Or(c.WarningMetric, c.Metric), c.Warning}
}

// validate reports the first thing wrong with the row.
func (c Criterion) validate() error {
	if strings.TrimSpace(c.Name) == "" {
		return fmt.Errorf("criterion %q: name is empty: every criterion needs one", c.Name)
	}
	switch c.Unit {
	case text.Count, text.Percent, text.Share, text.Ratio, text.Milliseconds:
	default:
		return fmt.Errorf("criterion %q: unit is %q; use count, percent, share, ratio or ms", c.Name, c.Unit)
	}
	required := []Condition{c.pass(), c.warning(), c.Guard}
	if !c.Attempt.isZero() {
		required = append(required, c.Attempt)
	}
	for _, condition := range required {
		if err := condition.validate(); err != nil {
			return fmt.Errorf("criterion %q: %w", c.Name, err)
		}
	}
	return nil
}
