package experiment

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// notable is how far a ratio has to be from 1 to be spoken of where a single
// round gives no interval.
const notable = 1.05

// tolerable is how much slower responses may be after: the limit of criterion
// p95_ratio in thresholds/criteria.js.
const tolerable = 1.1

// rose tells whether a ratio is above 1 beyond noise.
func (i interval) rose() bool {
	if i.hasInterval() {
		return i.low > 1
	}
	return i.value > notable
}

// fell tells whether a ratio is below 1 beyond noise.
func (i interval) fell() bool {
	if i.hasInterval() {
		return i.high < 1
	}
	return i.value < 1/notable
}

func (c comparison) onResponses() string {
	ratio := c.p95Ratio()
	switch {
	case !ratio.known():
		return "One side has no responses in any round: the p95 cannot be compared."
	case !c.answered():
		return fmt.Sprintf("In a round with 5 %% or more of the requests unanswered, the p95 of the answers is not comparable: requests that fail early make it look better. "+
			"If those requests count as slow as the slowest response of their round, the p95 after is %s of that before.", ratio)
	case ratio.fell():
		return fmt.Sprintf("Responses are faster after%s: the p95 is %s of what it was.", ratio.doubt(), text.Share.Format(ratio.value))
	case ratio.rose():
		return fmt.Sprintf("Responses are slower after%s: the p95 is %s of what it was.", ratio.doubt(), text.Share.Format(ratio.value))
	default:
		return fmt.Sprintf("The difference in the p95 is within the noise (%s). ", ratio) + ratio.undecided() + c.whyNot()
	}
}

// doubt says why a difference is not sure.
func (i interval) doubt() string {
	switch {
	case i.hasInterval():
		return ""
	case i.n == 1:
		return ", in the only round"
	default:
		return ", in steps of too few responses to be sure"
	}
}

// undecided says whether noise hides a change for the worse.
func (i interval) undecided() string {
	switch {
	case !i.hasInterval():
		return ""
	case i.high > tolerable:
		return "Whether responses are more than 10 % slower is undecided. "
	default:
		return "Not more than 10 % slower. "
	}
}

// whyNot says why there may be no difference, or none to be seen.
func (c comparison) whyNot() string {
	const hardly = 0.1                                            // of the p95
	if meanOf(c.before, waitP95) < hardly*meanOf(c.before, p95) { // false for NaN
		return "Hardly any request waits for a connection before, so a larger pool cannot help."
	}
	return "More rounds, or longer ones, make the interval narrower."
}

func (c comparison) onFailures() string {
	before, after := sum(c.before), sum(c.after)
	if before.Failed+after.Failed == 0 {
		return ""
	}
	text := fmt.Sprintf("Of %d requests before %d failed, %d of them by a timeout; of %d after %d failed, %d by a timeout.",
		before.Requests, before.Failed, before.Timeouts, after.Requests, after.Failed, after.Timeouts)
	if c.plan.retries > 0 {
		text = fmt.Sprintf("Of %d requests before %d failed, and %d timed out at least once; of %d after %d failed, and %d timed out at least once.",
			before.Requests, before.Failed, before.Timeouts, after.Requests, after.Failed, after.Timeouts)
	}
	if before.success() < after.success() {
		text += " Response times include requests that timed out, which limits what the p95 says."
	}
	return text
}

// onCPU tells a database that does more work from one that works harder.
func (c comparison) onCPU() string {
	ratio, perRequest, served := c.ratioOf(cpu), c.ratioOf(cpuPerRequest), c.ratioOf(throughput)
	switch {
	case !ratio.known() || !perRequest.known():
		return ""
	case ratio.rose() && served.rose() && !perRequest.rose():
		return fmt.Sprintf("The database's CPU rose (%s) because more work gets through: %s as many requests are served, and one request costs %s of the CPU it cost before.",
			ratio, text.Ratio.Format(served.value), text.Ratio.Format(perRequest.value))
	case ratio.rose() && served.rose():
		return fmt.Sprintf("The database's CPU rose (%s), more than the requests served (%s): one request costs %s of the CPU it cost before, as when sessions compete with each other.",
			ratio, text.Ratio.Format(served.value), text.Ratio.Format(perRequest.value))
	case ratio.rose() && served.value > notable:
		return fmt.Sprintf("The database's CPU rose (%s); the change in requests served (%s) is within the noise.", ratio, served)
	case ratio.rose():
		return fmt.Sprintf("The database's CPU rose (%s) although no more requests are served (%s).", ratio, served)
	case ratio.fell():
		return fmt.Sprintf("The database's CPU fell (%s); requests served: %s, CPU per request: %s.", ratio, text.Ratio.Format(served.value), text.Ratio.Format(perRequest.value))
	default:
		return fmt.Sprintf("The difference in the database's CPU is within the noise (%s).", ratio)
	}
}
