package monitor

import "time"

// Pool is the configured size of the watched application's pool, all worker
// processes together.
type Pool struct {
	Size        int `json:"size"`         // base size (pool_size), at least 1
	MaxOverflow int `json:"max_overflow"` // connections beyond it, at least 0
}

// Capacity is how many connections the pool may have open.
func (p Pool) Capacity() int { return p.Size + p.MaxOverflow }

// Sample is one moment, seen from both sides. It is immutable.
type Sample struct {
	Time time.Time
	Pool Pool
	// Database is the server's side, nil where it could not be read: then Err
	// says why.
	Database *Database
	// Application is the application's own side, nil where it is not asked or
	// does not answer.
	Application *Application
	// Layer is what holds the application up, "" where Database is nil (unless
	// the server has no connection left: LayerConnectionLimit).
	Layer Layer
	Err   error
	// Notices say what changed about the monitoring itself, one line each: a
	// server that went away or came back, something the role may not see. Each
	// is given once, until it changes.
	Notices []Notice
}

// Available is max(0, size - active). Without Database it is Size.
func (s Sample) Available() int { return max(0, s.Pool.Size-s.active()) }

// InOverflow tells whether more connections than Size are in use.
func (s Sample) InOverflow() bool { return s.active() > s.Pool.Size }

// Overflow is how many sessions are open beyond Size, at least 0.
func (s Sample) Overflow() int {
	if s.Database == nil {
		return 0
	}
	return max(0, s.Database.Open-s.Pool.Size)
}

func (s Sample) active() int {
	if s.Database == nil {
		return 0
	}
	return s.Database.Active
}

// StatusLine is the runbook's line, see the function of this name.
func (s Sample) StatusLine() string { return StatusLine(s.active(), s.Pool.Size) }
