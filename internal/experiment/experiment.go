// Package experiment plans runs of many steps and reads results out of them:
// the same load before and after a change of settings, the load that a
// configuration carries, the smallest pool that is as good as the largest.
//
// A [Plan] says which [Step] comes next, given what the steps so far measured,
// and nothing else: whoever runs the steps (k6's users) hands back a
// [Measurement] of each. A plan draws the same conclusions from the same
// measurements, so that an interrupted run can be resumed.
//
// The package knows neither k6 nor PostgreSQL. Times are in
// milliseconds, as everywhere in the metrics.
package experiment

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// Load is who asks, and how often.
type Load struct {
	// Users take turns as fast as their think time lets them; with a Rate they
	// are the most that may be busy at once.
	Users int `json:"users"`
	// Rate is arrivals per second, 0 for a closed loop.
	Rate float64 `json:"rate,omitempty"`
}

// Step is one stretch of the experiment under one load and one configuration.
type Step struct {
	Label string
	Round int // from 1
	// Options are the pool's by their JavaScript names, over those of the
	// script; nil where the target is an application over HTTP.
	Options map[string]any
	Load    Load
	// Settle comes before Duration and is not measured.
	Settle, Duration time.Duration
}

// Plan decides which steps an experiment consists of. It keeps no record of
// them: every answer follows from the measurements handed in.
type Plan interface {
	// Name is "before-after", "capacity" or "tune".
	Name() string
	// Users is the most users that any step needs.
	Users() int
	// Think is the mean time between two requests of a user; in an open loop it
	// has no meaning.
	Think() time.Duration
	// LongestRequest is how long a request may wait for its connection, which
	// poolTimeout bounds, and hold it before something is wrong with it, its
	// retries included. Where the script does not say how long connections are
	// held, that is the waiting alone.
	LongestRequest(poolTimeout time.Duration) time.Duration
	// MaxDuration is an upper bound of the whole experiment, opening the pools
	// and waiting for the last requests included.
	MaxDuration() time.Duration
	// Connections is the most connections that all pools of a step together may
	// open, 0 where the target is an application over HTTP.
	Connections() int
	// Pools is how many pools each step has, and Balance how requests are balanced
	// over them.
	Pools() int
	Balance() string
	// Prepare is called once before the first step. It fails where the server
	// cannot carry the steps.
	Prepare(Server) error
	// Next gives the step after those done; false where there is none.
	Next(done []Measurement) (Step, bool)
	// left is how many steps there are still to do, at most, and how long they
	// take.
	left(done []Measurement) (steps int, left time.Duration)
	// Result reads the measurements, of an unfinished experiment too: it says
	// that it is one.
	Result(done []Measurement) *Result
}

// New makes a plan of what a script gave (JavaScript values exported to Go). It
// fails with an [OptionError] for the first option that cannot be used.
func New(options map[string]any) (Plan, error) {
	s, err := readSettings(options)
	if err != nil {
		return nil, err
	}
	switch s.plan {
	case planBeforeAfter:
		return newBeforeAfter(s), nil
	case planCapacity:
		return newCapacity(s), nil
	default:
		return newTune(s), nil
	}
}

// stepJSON is how a step is written: times in seconds, for people.
type stepJSON struct {
	Label    string         `json:"label"`
	Round    int            `json:"round"`
	Options  map[string]any `json:"options,omitempty"`
	Load     Load           `json:"load"`
	Settle   float64        `json:"settle_s"`
	Duration float64        `json:"duration_s"`
}

// MarshalJSON implements json.Marshaler.
func (s Step) MarshalJSON() ([]byte, error) {
	return json.Marshal(stepJSON{s.Label, s.Round, s.Options, s.Load, s.Settle.Seconds(), s.Duration.Seconds()})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Step) UnmarshalJSON(text []byte) error {
	var read stepJSON
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*s = Step{read.Label, read.Round, read.Options, read.Load, toDuration(read.Settle), toDuration(read.Duration)}
	return nil
}

// toDuration rounds to the microsecond, so that 0.1 s is not 99.999999 ms.
func toDuration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(time.Microsecond)
}

// sequence is a plan whose steps are known before the first.
type sequence struct {
	settings
	steps []Step
}

func (q sequence) Next(done []Measurement) (Step, bool) {
	if len(done) >= len(q.steps) {
		return Step{}, false
	}
	return q.steps[len(done)], true
}

func (q sequence) left(done []Measurement) (steps int, left time.Duration) {
	return q.expected(q.steps[min(len(done), len(q.steps)):], done)
}

// Announce says in one line which step comes, and how much there is to do.
func Announce(p Plan, step Step, done []Measurement) string {
	what, most, about := step.Label+", "+step.Load.String(), "", "about "
	if p.Name() == planCapacity { // whose steps are called by their load, and follow from what they show
		what, most, about = step.Load.String(), "at most ", "at most "
	}
	left, remaining := p.left(done)
	return fmt.Sprintf("%s: step %d of %s%d, %s, %s; %s%s left", p.Name(), len(done)+1, most, len(done)+left, what,
		text.Length((step.Settle + step.Duration).Round(time.Second)), about, text.Length(remaining.Round(time.Second)))
}

func (l Load) String() string {
	if l.Rate > 0 {
		return fmt.Sprintf("%g arrivals per second", l.Rate)
	}
	return text.Counted(l.Users, "user")
}

// expected is how many steps there are and how long they take: settling and
// measuring, and besides that what the same steps took before, or else the estimate,
// corrected by how far it was off for the steps before.
func (s settings) expected(steps []Step, done []Measurement) (n int, left time.Duration) {
	var measured, estimated time.Duration
	same := map[string][]time.Duration{}
	for _, m := range done {
		if beside := m.beside(); beside > 0 {
			measured, estimated = measured+beside, estimated+s.besideOf(m.Step)
			same[m.Step.Label] = append(same[m.Step.Label], beside)
		}
	}
	wrong := 1.0
	if measured > 0 {
		wrong = float64(measured) / float64(estimated)
	}
	for _, step := range steps {
		left += step.Settle + step.Duration
		if before := same[step.Label]; len(before) > 0 {
			left += mean(before)
		} else {
			left += time.Duration(wrong * float64(s.besideOf(step)))
		}
	}
	return len(steps), left
}

// beside is what a step took besides settling and measuring: opening its pool,
// waiting for the last requests, closing it. 0 where it is not known.
func (m Measurement) beside() time.Duration {
	if m.Took == 0 {
		return 0
	}
	return max(time.Millisecond, toDuration(m.Took)-m.Step.Settle-m.Step.Duration)
}

// besideOf estimates it. When the last turn has been handed out, all users who do
// not think hold a connection or wait for one: served in turn, they are gone after
// as many holds as there are users for each connection.
func (s settings) besideOf(step Step) time.Duration {
	const (
		opening = 300 * time.Millisecond
		longest = 3 // holds: of many exponential ones the last ends about then
	)
	connections := s.pool.connections()
	if size, ok := step.Options["poolSize"].(int); ok {
		connections = size
		if overflow, ok := step.Options["maxOverflow"].(int); ok {
			connections += overflow
		}
	}
	places, users := float64(min(s.pools*connections, step.Load.Users)), float64(step.Load.Users)
	thinking := 0.0
	if s.hold > 0 {
		thinking = min(users-places, places*s.think.Seconds()/s.hold.Seconds()) // a full pool serves places/hold
	}
	rounds := max(longest, (users-thinking)/places)
	if step.Load.Rate > 0 {
		rounds = longest
	}
	return opening + time.Duration(rounds*float64(s.hold))
}

func mean(all []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	return sum / time.Duration(len(all))
}

// The gauges that results are made of, by metric name.
var (
	metricSteps = metric("experiment_steps") // done
	metricLeft  = metric("experiment_left")  // steps still to do, 0 where it is finished

	metricP95Ratio        = metric("before_after_p95_ratio") // after over before
	metricP95Low          = metric("before_after_p95_ratio_low")
	metricP95High         = metric("before_after_p95_ratio_high")
	metricThroughputRatio = metric("before_after_throughput_ratio")
	metricCPURatio        = metric("before_after_cpu_ratio")
	metricCPUPerRequest   = metric("before_after_cpu_per_request_ratio")
	metricSuccess         = metric("before_after_success") // of after, a share
	metricTimeouts        = metric("before_after_timeouts")
	metricTimedOut        = metric("before_after_timed_out") // a share
	metricBeforeSuccess   = metric("before_after_before_success")
	metricBeforeTimeouts  = metric("before_after_before_timeouts")
	metricDropped         = metric("before_after_dropped") // arrivals, of after; with a rate
	metricDroppedShare    = metric("before_after_dropped_share")

	metricUsers              = metric("capacity_users") // carried; with a rate capacity_rate
	metricRate               = metric("capacity_rate")  // per second
	metricCapacityLow        = metric("capacity_low")   // of the 95 % interval, in users or per second
	metricCapacityHigh       = metric("capacity_high")
	metricBroke              = metric("capacity_broke") // the smallest load that was not carried
	metricCapacityThroughput = metric("capacity_throughput")
	metricCapacityP95        = metric("capacity_p95")

	metricPoolSize         = metric("tune_pool_size")
	metricMaxOverflow      = metric("tune_max_overflow")
	metricConnections      = metric("tune_connections")
	metricConnectionsLow   = metric("tune_connections_low")
	metricConnectionsHigh  = metric("tune_connections_high")
	metricAgreement        = metric("tune_agreement") // share of resamples with the same recommendation
	metricNoise            = metric("tune_noise")     // share of p95 or throughput
	metricTuneP95          = metric("tune_p95")
	metricTuneThroughput   = metric("tune_throughput")
	metricTuneSuccess      = metric("tune_success") // a share
	metricTuneTimeouts     = metric("tune_timeouts")
	metricTuneTimedOut     = metric("tune_timed_out")
	metricTuneDropped      = metric("tune_dropped") // arrivals; with a rate
	metricTuneDroppedShare = metric("tune_dropped_share")
	metricModelConnections = metric("tune_model_connections")
)

// metricNames are all of them.
var metricNames []string

func metric(name string) string {
	metricNames = append(metricNames, name)
	return name
}

// MetricNames are the gauges that any plan's [Result] may have, in order.
func MetricNames() []string { return slices.Sorted(slices.Values(metricNames)) }
