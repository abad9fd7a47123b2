package testrun

import (
	"cmp"
	"slices"
	"sync"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// Response is how a user's request ended.
type Response struct {
	Failed, TimedOut bool
	HTTP             bool   // it went over HTTP
	Status           int    // 0 without an answer
	Code             int    // k6's error_code
	Error            string // k6's
	SQLState         string // of which the answer tells
}

// responses counts users' requests over HTTP by how they ended. The zero value
// is ready.
type responses struct {
	mu        sync.Mutex
	all       timeline.Distribution
	succeeded timeline.Distribution
	cut       timeline.Distribution // ages of those that never ended
	failures  map[failureKind]*failures
}

type failureKind struct {
	status, code int
	state        string
}

type failures struct {
	text  string // of the first
	after timeline.Distribution
}

func (r *responses) add(ms float64, o Response) {
	if !o.HTTP {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all.Add(ms)
	if !o.Failed {
		r.succeeded.Add(ms)
		return
	}
	kind := failureKind{o.Status, o.Code, o.SQLState}
	if o.Status > 0 {
		kind.code = 0 // k6 derives it from the status
	}
	if r.failures == nil {
		r.failures = map[failureKind]*failures{}
	}
	if r.failures[kind] == nil {
		r.failures[kind] = &failures{text: o.Error}
	}
	r.failures[kind].after.Add(ms)
}

// cutOff counts a request that had not ended when the test did.
func (r *responses) cutOff(ms float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all.Add(ms)
	r.cut.Add(ms)
}

// Responses are what the diagnosis knows of the users' requests over HTTP.
func (t *Run) Responses() diagnosis.Requests {
	r := &t.responses
	r.mu.Lock()
	defer r.mu.Unlock()
	known := diagnosis.Requests{Duration: diagnosis.SpreadOf(r.all), Succeeded: diagnosis.SpreadOf(r.succeeded), CutOff: diagnosis.SpreadOf(r.cut)}
	for kind, f := range r.failures {
		known.Failures = append(known.Failures, diagnosis.Failure{
			Status: kind.status, Code: kind.code, SQLState: kind.state, Text: f.text,
			Count: f.after.Count(), After: diagnosis.SpreadOf(f.after),
		})
	}
	slices.SortFunc(known.Failures, func(a, b diagnosis.Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Code, b.Code))
	})
	return known
}
