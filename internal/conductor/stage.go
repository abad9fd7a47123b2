package conductor

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Stage is one step of an experiment as its users meet it: whose turn it is,
// and how many turns are under way.
type Stage struct {
	Pools []string      // names of the step's pools, none over HTTP
	users int           // how many take part
	think time.Duration // mean pause before a turn, in a closed loop

	// arrivals has one for every arrival of an open loop; nil in a closed one.
	arrivals chan time.Time
	over     chan struct{} // closed when no turn is given any more

	mu      sync.Mutex
	stopped bool
	turns   int           // under way
	drained chan struct{} // closed when it is over and the last turn has ended
}

func newStage(users int, think time.Duration, open bool) *Stage {
	s := &Stage{
		users: users, think: think,
		over: make(chan struct{}), drained: make(chan struct{}),
	}
	if open {
		s.arrivals = make(chan time.Time)
	}
	return s
}

// admit waits until it is a user's turn, and gives when the turn's request
// arrived, the zero time in a closed loop. ok is false when the stage is over
// first, or ctx.
func (s *Stage) admit(ctx context.Context, first bool) (arrived time.Time, ok bool) {
	select {
	case arrived = <-s.due(first):
		return arrived, s.enter()
	case <-s.over:
	case <-ctx.Done():
	}
	return time.Time{}, false
}

// due is when a user's next turn comes: with the next arrival, or in a closed
// loop after thinking. The pause is spread evenly between half and one and a
// half times the mean, and a user's first one from 0 to it: users who start at
// once and think equally long would come in waves.
func (s *Stage) due(first bool) <-chan time.Time {
	if s.arrivals != nil {
		return s.arrivals
	}
	share := 0.5 + rand.Float64() // #nosec G404 -- no secret
	if first {
		share = rand.Float64() // #nosec G404 -- no secret
	}
	thought := make(chan time.Time)
	time.AfterFunc(time.Duration(share*float64(s.think)), func() { close(thought) })
	return thought
}

func (s *Stage) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.turns++
	return true
}

// leave ends a turn.
func (s *Stage) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns--
	if s.stopped && s.turns == 0 {
		close(s.drained)
	}
}

// stop gives no more turns. Those under way continue.
func (s *Stage) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	s.stopped = true
	close(s.over)
	if s.turns == 0 {
		close(s.drained)
	}
}

// arrive lets arrivals come at random, rate per second on average (a Poisson
// process), until the stage is over. One that finds no free user is dropped.
func (s *Stage) arrive(rate float64, dropped func(at time.Time)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for at := time.Now(); ; {
		at = at.Add(time.Duration(rand.ExpFloat64() / rate * float64(time.Second)))
		timer.Reset(time.Until(at))
		select {
		case <-timer.C:
		case <-s.over:
			return
		}
		select {
		case s.arrivals <- at:
		default:
			dropped(at)
		}
	}
}
