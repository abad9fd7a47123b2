package experiment

import (
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// Server is what the database server says of itself.
type Server struct {
	sizing.Server
	Cores int `json:"cores"` // of its host, 0 where they are not known
}

// available is how many connections the server leaves for a pool; known is
// false where it does not say.
func (s Server) available() (connections int, known bool) {
	left, known := s.Available()
	return max(0, left-s.ours()), known
}

// ours is the connection that stays open beside a pool to read the host's CPU.
// Who was let count its cores is let read that too.
func (s Server) ours() int {
	if s.Cores > 0 {
		return 1
	}
	return 0
}

// check finds out whether a step's pool fits. Users hold one connection each at
// most.
func (s Server) check(label string, needed int) error {
	if available, known := s.available(); known && needed > available {
		return &ServerError{Needed: needed, Available: available, Server: s, Step: label}
	}
	return nil
}

// ServerError is an experiment that the database server cannot carry.
type ServerError struct {
	Needed, Available int // connections
	Server            Server
	Step              string // the label of the step that needs the most
}

func (e *ServerError) Error() string {
	arithmetic := e.Server.Arithmetic()
	if e.Server.ours() > 0 {
		arithmetic += fmt.Sprintf(" - %d to read the CPU", e.Server.ours())
	}
	limit, _ := sizing.Tightest(e.Server.Limits())
	return fmt.Sprintf("step %q needs %d connections and the server leaves %d (%s): use a smaller pool or raise %s",
		e.Step, e.Needed, e.Available, arithmetic, limit.Setting())
}
