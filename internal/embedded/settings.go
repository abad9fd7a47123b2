package embedded

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	superuserReserved = 3 // PostgreSQL's default, kept
	// spare places beyond the pool's: monitors, a person with psql, and backends that are on their way out
	// while their successors already come in.
	spare = 17
)

// settings gives up safety against a crash of the machine, which a temporary server has no use for,
// and nothing that changes how statements or connections behave.
func settings(cfg Config, port int) map[string]string {
	values := map[string]string{
		"listen_addresses":               "127.0.0.1",
		"port":                           strconv.Itoa(port),
		"unix_socket_directories":        "",
		"max_connections":                strconv.Itoa(cfg.MaxConnections + superuserReserved + spare),
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
	maps.Copy(values, cfg.Settings)
	return values
}

// configure appends to the file that initdb wrote: the last mention of a setting is the one in force,
// and ALTER SYSTEM still wins over it.
func configure(dataDir string, values map[string]string) error {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&text, "%s = %s\n", name, quote(values[name]))
	}
	file, err := os.OpenFile(filepath.Join(dataDir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0) // #nosec G304 -- our own folder
	if err != nil {
		return err
	}
	_, err = file.WriteString(text.String())
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

func quote(value string) string {
	return "'" + strings.ReplaceAll(value, "'", "''") + "'"
}
