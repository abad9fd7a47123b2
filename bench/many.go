package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// many runs very many users on one small pool: what a user costs in memory
// against the same script without the pool, how many connections the server
// saw, and whether the wait is what the pool's size explains.
func many(ctx context.Context, s settings, users, size int) error {
	without, err := manyRun(ctx, s, users, "", func() {})
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return fmt.Errorf("connecting to count connections: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // only read from
	most := 0
	count := func() {
		var n int
		row := conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bench-many'")
		if row.Scan(&n) == nil {
			most = max(most, n)
		}
	}
	with, err := manyRun(ctx, s, users, strconv.Itoa(size), count)
	if err != nil {
		return err
	}
	var r struct {
		Iterations float64
		WaitMS     float64 `json:"wait_ms"`
		UseMS      float64 `json:"use_ms"`
	}
	if err := json.Unmarshal(with.output, &r); err != nil {
		return fmt.Errorf("reading the result %q: %w", with.output, err)
	}
	memory := (slices.Max(with.sizes) - slices.Max(without.sizes)) * 1024 / float64(users)
	// m connections that are never idle, each in use for U at a time, serve m/U a
	// second; of the N·U/m that this leaves each of N users, the user thinks for
	// Z and uses a connection for U (Little's law). The rest is the wait.
	const thinkMS = 1000
	explained := float64(users)*r.UseMS/float64(size) - thinkMS - r.UseMS
	fmt.Printf("%d users on a pool of %d: %.1f KiB a user for the pool (%.0f MiB with, %.0f MiB without), "+
		"at most %d connections on the server, mean wait %.0f ms where the pool's size explains %.0f ms, %.0f queries\n",
		users, size, memory, slices.Max(with.sizes), slices.Max(without.sizes), most, r.WaitMS, explained, r.Iterations)
	if most > size {
		return fmt.Errorf("the server had %d connections, the pool's size is %d", most, size)
	}
	return nil
}

func manyRun(ctx context.Context, s settings, users int, size string, also func()) (watched, error) {
	fmt.Fprintf(os.Stderr, "%d users, pool %q\n", users, size)
	cmd := exec.CommandContext(ctx, filepath.Join(s.dir, "k6"), "run", "--quiet", filepath.Join("bench", "k6", "many.js")) // #nosec G204 -- our own binary
	cmd.Env = append(os.Environ(), "DATABASE_URL="+s.url, "POOL="+size,
		"USERS="+strconv.Itoa(users), "SECONDS="+strconv.Itoa(max(s.seconds, 20)))
	return watch(ctx, cmd, 200*time.Millisecond, also)
}
