package experiment

import "fmt"

// Server is what the database server says of itself, 0 where it is unknown.
type Server struct {
	Cores          int // of its host
	MaxConnections int // max_connections
	Reserved       int // superuser_reserved_connections and reserved_connections
	InUse          int // client connections that are not ours
	RoleLimit      int // rolconnlimit of our role; 0 where there is none
	DatabaseLimit  int // datconnlimit of our database; 0 where there is none
}

// available is how many connections the server leaves for a pool; known is
// false where it does not say.
func (s Server) available() (connections int, known bool) {
	room := s.room()
	return max(0, room.left-s.ours()), s.MaxConnections > 0
}

// ours is the connection that stays open beside a pool to read the host's CPU.
// Who was let count its cores is let read that too.
func (s Server) ours() int {
	if s.Cores > 0 {
		return 1
	}
	return 0
}

// room is what one of the server's settings leaves.
type room struct {
	left       int
	setting    string
	arithmetic string
}

// room is that of the tightest setting. How many others of the role or in the
// database are connected is not known: these two leave that or less.
func (s Server) room() room {
	tightest := room{
		s.MaxConnections - s.Reserved - s.InUse, "max_connections",
		fmt.Sprintf("max_connections %d - %d reserved - %d in use by others", s.MaxConnections, s.Reserved, s.InUse),
	}
	for _, limit := range []room{
		{s.RoleLimit, "the role's CONNECTION LIMIT", fmt.Sprintf("the role's CONNECTION LIMIT %d", s.RoleLimit)},
		{s.DatabaseLimit, "the database's CONNECTION LIMIT", fmt.Sprintf("the database's CONNECTION LIMIT %d", s.DatabaseLimit)},
	} {
		if limit.left > 0 && limit.left < tightest.left {
			tightest = limit
		}
	}
	return tightest
}

// arithmetic says how available came about.
func (s Server) arithmetic() string {
	text := s.room().arithmetic
	if s.ours() > 0 {
		text += fmt.Sprintf(" - %d to read the CPU", s.ours())
	}
	return text
}

// check finds out whether a step's pool fits. Users hold one connection each at
// most.
func (s Server) check(label string, needed int) error {
	if available, known := s.available(); known && needed > available {
		return &ServerError{Needed: needed, Available: available, Server: s, Step: label}
	}
	return nil
}
