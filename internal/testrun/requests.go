package testrun

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/upstream"
)

// requests are the users', as scripts observe them. Before the thresholds are
// judged they give k6 what is known only at the end: requests that never ended,
// and the gauges of the whole run.
type requests struct {
	state    atomic.Pointer[lib.State] // of the first VU that observed something
	byScript atomic.Bool               // the script observes its requests itself

	mu   sync.Mutex
	open map[*request]struct{}
	// When the first request and the last one began, and when the last one ended.
	first, last, ended time.Time
	said               []string // what a report has to say of them
}

// request is one that has begun and not ended.
type request struct {
	began time.Time
	cut   time.Time // when its iteration was over; zero until then
	stop  func() bool
}

// leastAge is how old a request that never ended is at least to count as failed.
const leastAge = time.Second

// BeginRequest notes that a user's request begins; intended is when it should
// have, zero in a closed loop. It gives how late that is. It runs on the VU's
// goroutine.
func (u *VU) BeginRequest(intended time.Time) (late time.Duration) {
	ctx, now := u.Context(), time.Now()
	if !isUsers(ctx) {
		return 0
	}
	u.run.usersBegin(ctx)
	began := now
	if !intended.IsZero() {
		began = intended
		late = max(0, now.Sub(intended))
	} else if !u.lastRequest.IsZero() {
		u.run.recording.cycle(now, now.Sub(u.lastRequest))
	}
	u.lastRequest = now
	u.requests = append(u.requests, u.run.requests.begin(ctx, began))
	u.run.requests.state.CompareAndSwap(nil, u.State())
	return late
}

// EndRequest notes how long a request took, in milliseconds, and how it ended:
// one that was begun, or one of which nothing has been heard before. It fails for
// anything but a finite number of at least 0.
func (u *VU) EndRequest(ms float64, ended Response) error {
	if !(ms >= 0) || math.IsInf(ms, 0) {
		return fmt.Errorf("response time is %v; use milliseconds of at least 0", ms)
	}
	if isUsers(u.Context()) && isOver(u.Context()) {
		return nil // k6 has cut it off and takes no samples of it any more: it has not ended
	}
	now := time.Now()
	u.endOpen(now.Add(-time.Duration(ms * float64(time.Millisecond))))
	if !isUsers(u.Context()) {
		return nil
	}
	u.run.requests.byScript.Store(true)
	u.observe(now, ms, ended)
	return nil
}

func (u *VU) observe(now time.Time, ms float64, ended Response) {
	u.run.usersBegin(u.Context())
	u.run.requests.seen(now.Add(-time.Duration(ms*float64(time.Millisecond))), now)
	u.run.requests.state.CompareAndSwap(nil, u.State())
	u.run.compact.request(ms)
	u.run.recording.response(now, ms, ended.Failed, ended.TimedOut)
	u.run.responses.add(ms, ended)
}

func isOver(ctx context.Context) bool { return ctx.Err() != nil }

// endOpen ends the request that began nearest to a time: a user has several only
// with Promises.
func (u *VU) endOpen(began time.Time) {
	nearest := -1
	for i, r := range u.requests {
		if nearest < 0 || r.began.Sub(began).Abs() < u.requests[nearest].began.Sub(began).Abs() {
			nearest = i
		}
	}
	if nearest >= 0 {
		u.run.requests.end(u.requests[nearest])
		u.requests = append(u.requests[:nearest], u.requests[nearest+1:]...)
	}
}

func (r *requests) begin(ctx context.Context, began time.Time) *request {
	q := &request{began: began}
	// Its age is that at the end of the iteration, whatever teardown() takes.
	q.stop = context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		q.cut = time.Now()
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = make(map[*request]struct{})
	}
	r.open[q] = struct{}{}
	r.note(began)
	return q
}

// seen notes when a request began and ended.
func (r *requests) seen(began, ended time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(began)
	if ended.After(r.ended) {
		r.ended = ended
	}
}

// note is called with r.mu held.
func (r *requests) note(began time.Time) {
	if r.first.IsZero() || began.Before(r.first) {
		r.first = began
	}
	if began.After(r.last) {
		r.last = began
	}
}

func (r *requests) end(q *request) {
	q.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, q)
}

// push gives k6 what is known at the end of the run.
func (r *requests) push(t *Run) {
	state := r.state.Load()
	if state == nil {
		return // no script has observed anything
	}
	// Of a load whose requests all take as long, responses come from then on.
	soonest := t.recording.timeline.Snapshot().Whole().Requests.Duration.Quantile(0.25)
	cut, open := r.pushOpen(t, state)
	r.mu.Lock()
	begin, end, lastBegan := r.first.Add(time.Duration(soonest*float64(time.Millisecond))), r.ended, r.last
	r.mu.Unlock()
	if stopped(open, t.users()) {
		end = cut // the load's end is no excuse for what never ended
	} else if over := t.loadEnd(state.Options, lastBegan); !over.IsZero() && over.Before(end) {
		end = over
	}
	t.recording.timeline.BoundLoad(begin, end)
	recorded := t.recording.timeline.Snapshot()
	if drift, err := timeline.DriftOf(recorded.Responses()); err != nil {
		t.facts.setMissing("response_drift", err.Error())
	} else {
		t.pushValue(state, t.metrics.responseDrift, drift)
	}
	if stall, ok := timeline.LongestStall(recorded.Ended); ok {
		t.pushValue(state, t.metrics.longestStall, stall.Ratio())
		r.say(stall.String())
	}
}

// stopped tells whether so many requests never ended that nobody was answered any
// more, and not only these: those of half of the users, or 20.
func stopped(open, users int) bool {
	const many = 20
	return open > 0 && (open >= many || 2*open >= users)
}

// users are k6's; 0 where that is not known.
func (t *Run) users() int {
	if execution := t.execution.Load(); execution != nil {
		return int(execution.GetInitializedVUsCount())
	}
	return 0
}

// loadEnd is when the last scenario is over but for its gracefulStop, in which
// users only end what they have begun; zero where that is not known. One of so many
// iterations is over when its last one has begun.
func (t *Run) loadEnd(options lib.Options, lastBegan time.Time) time.Time {
	if !t.measuring.Load() {
		return time.Time{}
	}
	return endOfLoad(options, t.firstScenario, lastBegan)
}

func endOfLoad(options lib.Options, first *lib.ScenarioState, lastBegan time.Time) time.Time {
	if first == nil || options.Scenarios[first.Name] == nil {
		return time.Time{}
	}
	tuple, err := lib.NewExecutionTuple(options.ExecutionSegment, options.ExecutionSegmentSequence)
	if err != nil {
		return time.Time{}
	}
	began := first.StartTime.Add(-options.Scenarios[first.Name].GetStartTime())
	var end time.Time
	for _, scenario := range options.Scenarios {
		steps := scenario.GetExecutionRequirements(tuple)
		if len(steps) == 0 {
			continue
		}
		over := began.Add(scenario.GetStartTime() + steps[len(steps)-1].TimeOffset - scenario.GetGracefulStop())
		if strings.HasSuffix(scenario.GetType(), "-iterations") && lastBegan.Before(over) {
			over = lastBegan
		}
		if over.After(end) {
			end = over
		}
	}
	return end
}

// pushOpen counts the requests that never ended: each took at least as long as it
// is old (it is right-censored), and one that is older than nearly all others
// were when they ended has failed. It gives when the last one was cut off, and how
// many there are.
func (r *requests) pushOpen(t *Run, state *lib.State) (last time.Time, open int) {
	whole := t.recording.timeline.Snapshot().Whole().Requests.Duration
	limit := max(leastAge, time.Duration(whole.Quantile(0.99)*float64(time.Millisecond)))
	r.mu.Lock()
	defer r.mu.Unlock()
	failed := 0
	for q := range r.open {
		cut := q.cut
		if cut.IsZero() {
			cut = time.Now()
		}
		if cut.After(last) {
			last = cut
		}
		age := cut.Sub(q.began)
		if age > limit {
			failed++
		}
		if !t.compact.request(metrics.D(age)) {
			t.pushValue(state, t.metrics.requestDuration, metrics.D(age))
		}
		t.pushValue(state, t.metrics.requestSuccess, oneIf(age <= limit))
		t.pushValue(state, t.metrics.requestTimedOut, 0)
		t.recording.interrupted(cut, age, age > limit)
		if age > limit {
			t.responses.cutOff(metrics.D(age))
		}
	}
	// k6 counts iterations, and so those cut off between two requests as well.
	iterations := 0
	if execution := t.execution.Load(); execution != nil {
		iterations = int(execution.GetPartialIterationCount()) // #nosec G115 -- users are fewer
	}
	if n := max(len(r.open), iterations); n > 0 {
		t.pushValue(state, t.metrics.requestInterrupted, float64(n))
		r.said = append(r.said, fmt.Sprintf("%s still open when the test ended (k6 interrupted %s): each counts with its age, and "+
			"as failed if that is more than %s (%d of them).",
			text.Counted(len(r.open), "request"), text.Counted(iterations, "iteration"), text.Length(limit), failed))
	}
	return last, len(r.open)
}

func (r *requests) say(note string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, note)
}

func (r *requests) notes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.said)
}

// pushValue gives k6 a value of the whole run.
func (t *Run) pushValue(state *lib.State, metric *metrics.Metric, value float64) {
	state.Samples <- metrics.Samples{sampleOf(metric, t.runTags(state), time.Now(), value)}
}

// The reasons of retries that are no SQLSTATE: a pool timeout by its error's name,
// and the status of an application that has no connection left.
const (
	RetriedTimeout     = "PoolTimeoutError"
	RetriedUnavailable = "503"
)

// Retried counts a request that is made again, for a reason. It runs on the VU's
// goroutine.
func (u *VU) Retried(reason string) {
	ctx := u.Context()
	if !isUsers(ctx) || isOver(ctx) {
		return
	}
	u.run.usersBegin(ctx)
	if reason == RetriedTimeout || reason == RetriedUnavailable {
		u.hidTimeout.Store(true)
	}
	state := u.State()
	tags := state.Tags.GetCurrentValues().Tags.With("reason", reason)
	u.buffer.add(state.Samples, sampleOf(u.run.metrics.requestRetries, tags, time.Now(), 1))
}

// CountIterations makes a request of each of the VU's iterations: it succeeds
// unless it throws. A script that observes its requests itself counts them
// itself. It is called in the init context.
func (u *VU) CountIterations() {
	var began time.Time
	stop := upstream.OnIterations(u.Events(), func() { began = time.Now(); u.hidTimeout.Store(false) }, func(err error, cutOff bool) {
		if !cutOff && !u.run.requests.byScript.Load() && u.State() != nil {
			u.countIteration(time.Now(), began, err)
		}
	})
	if stop != nil {
		u.run.OnEnd(stop, nil)
	}
}

func (u *VU) countIteration(now, began time.Time, err error) {
	took := now.Sub(began)
	timedOut := u.hidTimeout.Load() || err != nil && strings.Contains(err.Error(), RetriedTimeout)
	u.observe(now, metrics.D(took), Response{Failed: err != nil, TimedOut: timedOut})
	state, m := u.State(), u.run.metrics
	tags := state.Tags.GetCurrentValues().Tags
	sample := func(metric *metrics.Metric, value float64) metrics.Sample {
		return sampleOf(metric, tags, now, value)
	}
	u.buffer.add(state.Samples, sample(m.requestSuccess, oneIf(err == nil)),
		sample(m.requestTimeouts, oneIf(timedOut)), sample(m.requestTimedOut, oneIf(timedOut)))
	if !u.run.Compact() {
		u.buffer.add(state.Samples, sample(m.requestDuration, metrics.D(took)))
	}
}
