package testrun

import (
	"sync"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
)

// Response is how a user's request ended.
type Response struct {
	Failed, TimedOut bool
	HTTP             bool   // it went over HTTP
	Status           int    // 0 without an answer
	Code             int    // k6's error_code
	Error            string // k6's
	SQLState         string // of which the answer tells, see [diagnosis.SQLState]
}

// responses counts users' requests over HTTP by how they ended. The zero value
// is ready.
type responses struct {
	mu   sync.Mutex
	seen diagnosis.Responses
}

func (r *responses) add(ms float64, o Response) {
	if !o.HTTP {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.All.Add(ms)
	if !o.Failed {
		r.seen.Succeeded.Add(ms)
		return
	}
	kind := diagnosis.FailedResponses{Status: o.Status, Code: o.Code, SQLState: o.SQLState, Text: o.Error}
	r.seen.Fail(kind).After.Add(ms)
}

// cutOff counts a request that had not ended when the test did.
func (r *responses) cutOff(ms float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.All.Add(ms)
	r.seen.CutOff.Add(ms)
}

// Application is what was seen of the application under load, where there is one.
func (t *Run) Application() diagnosis.Application {
	r := &t.responses
	r.mu.Lock()
	defer r.mu.Unlock()
	return diagnosis.Application{Responses: r.seen.Clone(), Watched: t.facts.watched.Load()}
}
