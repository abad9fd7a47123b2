package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// population is very many users on one small pool.
type population struct {
	users   int
	pool    int // its size; 0: the same script without a pool
	seconds int
	ramp    int           // seconds in which they begin one after the other; 0: all at once
	think   time.Duration // on the average, between two statements
}

// manyRate is how many statements a second the users of a ramp make together, so that
// two processors carry them.
const manyRate = 2000

// many runs very many users on one small pool: what a user costs in memory
// against the same script without the pool, how many connections the server
// saw, and whether the wait is what the pool's size explains. With a ramp it looks
// at the connections alone.
func many(ctx context.Context, s settings, users, ramp int) error {
	p := population{users: users, pool: 60, seconds: max(s.seconds, 20), ramp: ramp, think: time.Second}
	if ramp > 0 {
		p.think = max(p.think, time.Duration(users)*time.Second/manyRate)
	}
	var without crowd
	if ramp == 0 {
		alone, err := p, error(nil)
		alone.pool = 0
		if without, err = alone.run(ctx, s, func() {}); err != nil {
			return err
		}
	}
	server, err := watchSessions(ctx, s.url)
	if err != nil {
		return err
	}
	defer server.conn.Close(ctx) //nolint:errcheck // only read from
	with, err := p.run(ctx, s, func() { server.look(ctx) })
	if err != nil {
		return err
	}
	fmt.Printf("%d users on a pool of %d: %.0f MiB resident, %.0f queries, mean wait %.0f ms where the pool's size explains %.0f ms\n",
		users, p.pool, with.resident, with.Iterations, with.WaitMS, p.explained(with.UseMS))
	fmt.Printf("%d connections on the server at most, %d opened in all, %.0f of them by the pool's own count, at most %d in a second\n",
		server.most, len(server.opened), with.Opened, server.mostPerSecond())
	if ramp == 0 {
		fmt.Printf("on top of k6, a user: %.1f KiB live (%.1f of them stack), %.1f KiB resident (%.0f MiB without the pool); stacks %.0f MiB, %.0f without\n",
			p.kib(with.Heap-without.Heap+with.Stacks-without.Stacks), p.kib(with.Stacks-without.Stacks),
			1024*(with.resident-without.resident)/float64(users), without.resident,
			with.Stacks/(1<<20), without.Stacks/(1<<20))
	}
	if server.most > p.pool {
		return fmt.Errorf("the server had %d connections, the pool's size is %d", server.most, p.pool)
	}
	return nil
}

// kib is a user's part of bytes.
func (p population) kib(bytes float64) float64 { return bytes / 1024 / float64(p.users) }

// explained is the wait in milliseconds by Little's law: connections that are never
// idle, each in use for a while, serve as many statements a second; of the time that
// this leaves each user for one, the user thinks and uses a connection. The rest is
// the wait. Where connections are idle, there is none.
func (p population) explained(useMS float64) float64 {
	return max(0, float64(p.users)*useMS/float64(p.pool)-float64(p.think.Milliseconds())-useMS)
}

// crowd is what a run says of itself: times, connections, and bytes that were live
// while all users were there.
type crowd struct {
	Iterations, Opened, Heap, Stacks float64
	WaitMS                           float64 `json:"wait_ms"`
	UseMS                            float64 `json:"use_ms"`

	resident float64 // MiB at the peak
}

func (p population) run(ctx context.Context, s settings, also func()) (c crowd, err error) {
	fmt.Fprintf(os.Stderr, "%d users, pool of %d\n", p.users, p.pool)
	api, err := freeAddress()
	if err != nil {
		return c, err
	}
	size := strconv.Itoa(p.pool)
	if p.pool == 0 {
		size = ""
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.dir, "k6"), "run", "--quiet", "--profiling-enabled", "--address", api, // #nosec G204 -- our own binary
		filepath.Join("bench", "k6", "many.js"))
	cmd.Env = append(os.Environ(), "DATABASE_URL="+s.url, "POOL="+size, "API="+api, "USERS="+strconv.Itoa(p.users),
		"SECONDS="+strconv.Itoa(p.seconds), "RAMP="+strconv.Itoa(p.ramp), fmt.Sprintf("THINK=%g", p.think.Seconds()))
	w, err := watch(ctx, cmd, 200*time.Millisecond, also)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(w.output, &c); err != nil {
		return c, fmt.Errorf("reading the result %q: %w", w.output, err)
	}
	c.resident = slices.Max(w.sizes)
	return c, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a port for k6: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// sessions are the connections of the users' pool, as the server sees them.
type sessions struct {
	conn   *pgx.Conn
	most   int
	opened map[session]bool
}

type session struct {
	pid   int32
	began time.Time
}

func watchSessions(ctx context.Context, url string) (*sessions, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connecting to count connections: %w", err)
	}
	return &sessions{conn: conn, opened: make(map[session]bool)}, nil
}

// look notes who is there. A look that fails is missing.
func (s *sessions) look(ctx context.Context) {
	var (
		pids  []int32
		began []time.Time
	)
	row := s.conn.QueryRow(ctx, "SELECT coalesce(array_agg(pid), '{}'), coalesce(array_agg(backend_start), '{}') "+
		"FROM pg_stat_activity WHERE application_name = 'bench-many'")
	if row.Scan(&pids, &began) != nil {
		return
	}
	for i := range pids {
		s.opened[session{pids[i], began[i]}] = true
	}
	s.most = max(s.most, len(pids))
}

// mostPerSecond is how many were opened in any second of the clock.
func (s *sessions) mostPerSecond() (most int) {
	opened := make(map[int64]int)
	for one := range s.opened {
		second := one.began.Unix()
		opened[second]++
		most = max(most, opened[second])
	}
	return most
}
