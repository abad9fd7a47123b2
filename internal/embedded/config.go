package embedded

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultMaxConnections = 100
	// PostgreSQL accepts max_connections up to 262143 (MAX_BACKENDS shared with its workers);
	// a temporary server has no use for more than this.
	largestMaxConnections = 10_000

	superuserReserved = 3 // PostgreSQL's default
	// spare connections beyond the pool's: monitors, a person with psql, and backends that are
	// ending while their successors already connect.
	spare = 17
)

// Config configures the temporary server. The zero value is usable.
type Config struct {
	// MaxConnections is the number of connections that a pool may open at the same time, 1 to 10000;
	// 0 means 100. The server accepts some more, so that monitors and superusers can connect
	// while the pool is full.
	MaxConnections int
	// Settings are further server settings (postgresql.conf names and plain values). They win over the package's own.
	Settings map[string]string
	// Notify receives single lines for a user to read: that a server is being started, and every two seconds
	// what still takes time. Start calls it on its own goroutine. Nil means silence.
	Notify func(line string)

	// For tests; the zero values mean the real ones.
	places     func(context.Context) []string // folders to look for installed programs in
	cacheDir   string                         // keeps downloaded binaries
	repository string                         // Maven repository to download from
	digest     string                         // SHA-256 of the download
}

// prepare sets the defaults and refuses invalid values.
func (c Config) prepare() (Config, error) {
	if c.MaxConnections == 0 {
		c.MaxConnections = defaultMaxConnections
	}
	if c.MaxConnections < 1 || c.MaxConnections > largestMaxConnections {
		return c, fmt.Errorf("embedded: MaxConnections is %d; accepted: 1 to %d", c.MaxConnections, largestMaxConnections)
	}
	if c.Notify == nil {
		c.Notify = func(string) {}
	}
	if c.places == nil {
		c.places = installedPlaces
	}
	return c, nil
}

// settings gives up safety against a crash of the machine, which a temporary server does not need,
// and changes nothing about how statements or connections behave.
func (c Config) settings(port int) map[string]string {
	values := map[string]string{
		"listen_addresses":               loopback,
		"port":                           strconv.Itoa(port),
		"unix_socket_directories":        "",
		"max_connections":                strconv.Itoa(c.MaxConnections + superuserReserved + spare),
		"superuser_reserved_connections": strconv.Itoa(superuserReserved),
		"password_encryption":            "scram-sha-256",
		"shared_buffers":                 "128MB",
		"fsync":                          "off",
		"synchronous_commit":             "off",
		"full_page_writes":               "off",
		"logging_collector":              "off",
		"log_destination":                "stderr",
		"log_min_messages":               "warning",
	}
	maps.Copy(values, c.Settings)
	return values
}

// configure appends to the file that initdb wrote: the last mention of a setting is in force,
// and ALTER SYSTEM wins over it.
func configure(dataDir string, values map[string]string) error {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(values[name], "'", "''"))
	}
	file, err := os.OpenFile(filepath.Join(dataDir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0) // #nosec G304 -- our own folder
	if err != nil {
		return err
	}
	_, err = file.WriteString(text.String())
	return join(err, file.Close())
}
