package diagnosis

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// Application is what was seen of an application under load from outside, in a
// form in which several runners' merge.
type Application struct {
	Responses Responses `json:"responses"`
	// Watched is its pool, nil where none was watched.
	Watched *monitor.Report `json:"watched,omitempty"`
}

// Merge adds what another runner of the same test saw. All of them watch the same
// pool: what counts is the longest watch.
func (a *Application) Merge(other Application) {
	a.Responses.merge(other.Responses)
	if w := other.Watched; w != nil && (a.Watched == nil || w.Seen > a.Watched.Seen) {
		a.Watched = w
	}
}

// Nothing tells that there was no application.
func (a *Application) Nothing() bool { return a.Watched == nil && a.Responses.All.Count() == 0 }

// Check says what no run of ours has.
func (a *Application) Check() error {
	if a.Watched != nil {
		if err := a.Watched.Check(); err != nil {
			return fmt.Errorf("its watched pool is broken: %w", err)
		}
	}
	return a.Responses.check()
}

// Responses are users' requests over HTTP by how they ended, in distributions of
// milliseconds that merge. The zero value is ready; it is not safe for
// concurrent use.
type Responses struct {
	All       timeline.Distribution `json:"all_ms"`
	Succeeded timeline.Distribution `json:"succeeded_ms"`
	CutOff    timeline.Distribution `json:"cut_off_ms"` // ages of those that never ended
	Failed    []FailedResponses     `json:"failed,omitempty"`
}

// FailedResponses failed in the same way.
type FailedResponses struct {
	Status   int                   `json:"status"`         // 0 where no answer came
	Code     int                   `json:"code,omitempty"` // k6's error_code, of those without an answer
	SQLState string                `json:"sqlstate,omitempty"`
	Text     string                `json:"text,omitempty"` // k6's error, of the first
	After    timeline.Distribution `json:"after_ms"`
}

// Fail is where requests of one kind are counted.
func (r *Responses) Fail(kind FailedResponses) *FailedResponses {
	if kind.Status > 0 {
		kind.Code = 0 // k6 derives it from the status
	}
	i := slices.IndexFunc(r.Failed, func(f FailedResponses) bool {
		return f.Status == kind.Status && f.Code == kind.Code && f.SQLState == kind.SQLState
	})
	if i < 0 {
		i = len(r.Failed)
		kind.After = timeline.Distribution{}
		r.Failed = append(r.Failed, kind)
	}
	return &r.Failed[i]
}

// merge adds those of another runner.
func (r *Responses) merge(other Responses) {
	r.All.Merge(other.All)
	r.Succeeded.Merge(other.Succeeded)
	r.CutOff.Merge(other.CutOff)
	for _, f := range other.Failed {
		r.Fail(f).After.Merge(f.After)
	}
}

// Clone is a copy that further requests do not change.
func (r *Responses) Clone() Responses {
	var clone Responses
	clone.merge(*r)
	return clone
}

// Requests are what the diagnosis wants to know of them, the most frequent
// failure first.
func (r *Responses) Requests() Requests {
	known := Requests{duration: statsOf(r.All), succeeded: statsOf(r.Succeeded), cutOff: statsOf(r.CutOff)}
	for _, f := range r.Failed {
		known.failures = append(known.failures, failure{
			status: f.Status, code: f.Code, sqlState: f.SQLState, text: f.Text,
			count: f.After.Count(), after: statsOf(f.After),
		})
	}
	slices.SortFunc(known.failures, func(a, b failure) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.status, b.status), cmp.Compare(a.code, b.code))
	})
	return known
}

// mostKinds is how many ways to fail there are at most, beyond which a file is no
// run's.
const mostKinds = 10_000

// check says what no run of ours has.
func (r *Responses) check() error {
	if len(r.Failed) > mostKinds {
		return fmt.Errorf("responses fail in %d ways; use at most %d", len(r.Failed), mostKinds)
	}
	for _, f := range r.Failed {
		if f.Status < 0 || f.Status > 999 || f.Code < 0 || f.Code > 9999 {
			return fmt.Errorf("a response has status %d and error code %d; use 0 to 999 and 0 to 9999", f.Status, f.Code)
		}
	}
	return nil
}
