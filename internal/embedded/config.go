package embedded

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	defaultMaxConnections = 100
	// PostgreSQL accepts max_connections up to 262143 (MAX_BACKENDS shared with its workers);
	// a temporary server has no use for more than this.
	largestMaxConnections = 10_000
	largestPort           = 65_535
)

// Config says how the temporary server shall be. The zero value is usable.
type Config struct {
	// MaxConnections is the number of connections that a pool may open at the same time, 1 to 10000;
	// 0 means 100. The server accepts some more, so that monitors and superusers still get in
	// while the pool is full.
	MaxConnections int
	// BinDir is the folder that holds initdb and postgres. Empty means the environment's PG_BIN, else
	// the places where packages put them, else a download.
	BinDir string
	// Port is the TCP port on 127.0.0.1, 1 to 65535; 0 picks a free one.
	Port int
	// Settings are further server settings (postgresql.conf names and plain values). They win over the package's own.
	Settings map[string]string
	// Notify receives single lines for a user to read: that a server is being started, and what still takes time
	// after every two seconds. It is called by Start only, on Start's own goroutine. Nil means silence.
	Notify func(line string)
	// CacheDir keeps downloaded binaries between runs. Empty means the user's cache folder.
	CacheDir string
	// RepositoryURL is the Maven repository that binaries are downloaded from. Empty means Maven Central.
	RepositoryURL string
}

// prepare fills in the defaults and refuses what cannot work.
func (c Config) prepare() (Config, error) {
	if c.MaxConnections == 0 {
		c.MaxConnections = defaultMaxConnections
	}
	if c.MaxConnections < 1 || c.MaxConnections > largestMaxConnections {
		return c, fmt.Errorf("embedded: MaxConnections is %d: accepted are 1 to %d", c.MaxConnections, largestMaxConnections)
	}
	if c.Port < 0 || c.Port > largestPort {
		return c, fmt.Errorf("embedded: Port is %d: accepted are 1 to %d, or 0 for a free one", c.Port, largestPort)
	}
	if c.Notify == nil {
		c.Notify = func(string) {}
	}
	return c, nil
}

// binDir is the folder asked for, and what asked for it; empty when nothing did.
func (c Config) binDir() (dir, source string) {
	dir, source = c.BinDir, "BinDir"
	if dir == "" {
		dir, source = os.Getenv("PG_BIN"), "PG_BIN"
	}
	// The programs run in other directories than this process.
	if absolute, err := filepath.Abs(dir); dir != "" && err == nil {
		dir = absolute
	}
	return dir, source
}
