package embedded

import "context"

// StartLooking is Start where packages put PostgreSQL into these folders.
func StartLooking(ctx context.Context, cfg Config, dirs ...string) (*Server, error) {
	cfg.places = func(context.Context) []string { return dirs }
	return Start(ctx, cfg)
}

// DownloadedFrom is the configuration whose downloads come from the repository, have the digest and are kept in cache.
func DownloadedFrom(repository, digest, cache string) Config {
	return Config{repository: repository, digest: digest, cacheDir: cache}
}

// DownloadPlatform is what the archives of this machine's platform are called.
func DownloadPlatform(system, architecture string) (string, error) {
	wanted, err := archiveFor(system, architecture)
	return wanted.platform, err
}

// BinDir is the folder of the programs that the server runs.
func (s *Server) BinDir() string { return s.found.binDir }

// Dir is the server's private directory.
func (s *Server) Dir() string { return s.dir }

// Password is the superuser's.
func (s *Server) Password() string { return s.password }

// NewestFirst is newestFirst.
func NewestFirst(pattern string) []string { return newestFirst(pattern) }
