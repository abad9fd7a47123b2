package embedded

import "context"

// StartLooking is Start where packages put PostgreSQL into these folders.
func StartLooking(ctx context.Context, cfg Config, dirs ...string) (*Server, error) {
	return start(ctx, cfg, func(context.Context) []string { return dirs })
}

// BinDir is the folder of the programs that the server runs.
func (s *Server) BinDir() string { return s.found.binDir }

// Dir is the server's private directory.
func (s *Server) Dir() string { return s.dir }

// Password is the superuser's.
func (s *Server) Password() string { return s.password }

// NewestFirst is newestFirst.
func NewestFirst(pattern string) []string { return newestFirst(pattern) }

// Orphan does what the end of an owner does that had a child with this process id.
func Orphan(dir string, child int) error {
	dog, err := startWatchdog(dir, account{})
	if err != nil {
		return err
	}
	if err := dog.guard(child); err != nil {
		return err
	}
	return dog.dismiss()
}
