package conductor

import (
	"context"
	"sync"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/upstream"
)

// User is one user of the experiment, in one iteration after the other. It
// belongs to the goroutine of its VU.
type User struct {
	conductor *Conductor
	number    int // -1 until it has asked for a turn
	last      *Stage
	end       func() // ends the turn under way; nil where there is none
	// Arrived is when the request of the turn under way arrived, the zero time in a
	// closed loop.
	Arrived time.Time
}

// NewUser adds a user, who takes part from the first turn it asks for.
func (c *Conductor) NewUser() *User { return &User{conductor: c, number: -1} }

// Next ends the user's turn and waits for the next one. It gives nil when there
// are no more turns, or when ctx, the iteration's, is over. test is the one that
// the experiment runs in; the first user's counts.
func (u *User) Next(ctx context.Context, test func() Test) *Stage {
	c := u.conductor
	c.begin(test)
	if u.number < 0 {
		u.number = int(c.users.Add(1)) - 1
	}
	if u.end != nil {
		u.end()
		u.end = nil
	}
	var s *Stage
	if s, u.Arrived = c.turn(ctx, u.number, u.last); s != nil {
		u.end, u.last = c.endOf(ctx, s), s
	}
	return s
}

// turn waits for a user's next turn. last is the stage of the user's turn
// before. It gives nil when the experiment, or ctx, is over.
func (c *Conductor) turn(ctx context.Context, user int, last *Stage) (*Stage, time.Time) {
	for {
		c.mu.Lock()
		s, changed, finished := c.stage, c.changed, c.finished
		c.mu.Unlock()
		if finished {
			return nil, time.Time{}
		}
		if s != nil && user < s.users {
			if arrived, ok := s.admit(ctx, s != last); ok {
				return s, arrived
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if upstream.WasCutOff(ctx) {
				c.interrupt()
			}
			return nil, time.Time{}
		}
	}
}

// endOf ends a turn, once: when its user asks for the next one, or with the
// iteration, which an exception or k6 may end before. Requests that k6 cuts off
// are not counted: their step would look better than it is, and is not one.
func (c *Conductor) endOf(ctx context.Context, s *Stage) func() {
	leave := sync.OnceFunc(func() {
		if upstream.WasCutOff(ctx) {
			c.interrupt()
		}
		s.leave()
	})
	stop := context.AfterFunc(ctx, func() {
		if !upstream.WasCutOff(ctx) {
			c.gone.Add(1)
		}
		leave()
	})
	return func() {
		stop()
		leave()
	}
}
