package verdict

import (
	"cmp"
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// reasonMissing says which data a criterion lacks, and why where that is known.
func reasonMissing(c Criterion, in Input, what Condition) string {
	switch {
	case in.Missing[c.Metric] != "":
		return in.Missing[c.Metric]
	case in.Unmeasured[c.Metric] != "":
		return in.Unmeasured[c.Metric]
	case ask(in.Metrics, what) == unknown:
		return reasonLeftOut(what)
	default:
		return what.Metric + " has no samples"
	}
}

// reasonLeftOut says that a value exists but was not handed over.
func reasonLeftOut(c Condition) string {
	return fmt.Sprintf("%s of %s is not in the data: add it to --summary-trend-stats", c.parsed().method, c.Metric)
}

// reasonFail compares the value with what WARNING asks. Where that is another
// metric, it is named.
func reasonFail(c Criterion, metrics map[string]Metric) string {
	warning := c.warning()
	if warning.Metric == c.Metric {
		return compare(warning, c.Unit, metrics, Warning)
	}
	return cmp.Or(c.WarningTitle, c.WarningMetric) + ": " + compare(warning, unitOf(metrics[warning.Metric]), metrics, Warning)
}

// compare says "p(95) is 92.3 %, WARNING needs at least 95.0 %".
func compare(c Condition, unit text.Unit, metrics map[string]Metric, wanted Verdict) string {
	e := c.parsed()
	needs := fmt.Sprintf("%s needs %s", wanted, e.limit(e.words, unit))
	if value := valueOf(metrics, c); value != nil {
		return fmt.Sprintf("%s%s, %s", statistic(e.method), unit.Beside(*value, e.bound), needs)
	}
	return needs
}

// statistic names what a value is where the criterion's title does not.
func statistic(method string) string {
	switch method {
	case "count", "rate", "value":
		return ""
	case "avg":
		return "on average "
	default:
		return method + " is "
	}
}

// unitOf guesses the unit of a metric that no criterion gives a unit to.
func unitOf(m Metric) text.Unit {
	if m.Type == "rate" {
		return text.Share
	}
	return text.Count
}
