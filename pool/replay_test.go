package pool_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/faultstest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// The tests of this file do the same with SQLAlchemy (Debian's 1.4) and with the
// pool, against one server, and compare what both show.

// step is one thing to do with the connection of a name: checkout, query (which
// only reads), write (a statement that is committed), return, or kill, which
// ends its backend. wait is a checkout that does not return yet, await its end.
// dispose puts a new pool in the place of the old one, to which go back the
// connections that are out.
type step struct {
	Op   string `json:"op"`
	Name string `json:"name,omitempty"`
	SQL  string `json:"sql,omitempty"`
}

// answer is what one side says of a step.
type answer struct {
	PID        uint32 `json:"pid"`
	Err        string `json:"error"` // timeout, lost or failed
	CheckedOut int    `json:"checkedout"`
}

// seen is what a step showed, in terms that both sides share.
type seen struct {
	Backend    int // of a checkout: its number in the order of appearance
	Err        string
	CheckedOut int  // where nobody waits: in between it is in SQLAlchemy's queue
	Trips      int  // round trips, where nothing was connected or prepared and nobody waits
	TimedOut   bool // it took poolTimeout
}

// side does steps on one of the two.
type side struct {
	t           *testing.T
	url         string
	application string
	wire        *faultstest.Wire
	timeout     time.Duration
	do          func(step) answer

	order    []uint32 // backends in the order of appearance
	pids     map[string]uint32
	prepared map[string]bool
	waiting  int
}

func (s *side) step(what step) seen {
	s.t.Helper()
	switch what.Op {
	case "kill":
		(&harness{t: s.t, url: s.url}).terminate(s.pids[what.Name])
		return seen{}
	case "sleep":
		time.Sleep(1100 * time.Millisecond) // SQLAlchemy's pool_recycle is in seconds
		return seen{}
	case "wait":
		s.waiting++
	}
	trips, start := s.wire.RoundTrips(), time.Now()
	got := s.do(what)
	o := seen{Err: got.Err, CheckedOut: got.CheckedOut, TimedOut: got.Err == "timeout" && time.Since(start) >= s.timeout}
	connected := got.PID != 0 && !slices.Contains(s.order, got.PID)
	if s.waiting > 0 {
		o.CheckedOut = 0
	} else if !connected && !s.prepares(what) {
		o.Trips = s.wire.RoundTrips() - trips
	}
	if what.Op == "await" {
		s.waiting--
	}
	if connected {
		s.order = append(s.order, got.PID)
	}
	if got.PID != 0 {
		s.pids[what.Name] = got.PID
		o.Backend = 1 + slices.Index(s.order, got.PID)
	}
	return o
}

// prepares reports whether a statement is the first of its text on its
// connection. How many round trips it takes to prepare it is the driver's affair.
func (s *side) prepares(what step) bool {
	use := fmt.Sprint(s.pids[what.Name], what.SQL)
	first := what.SQL != "" && !s.prepared[use]
	s.prepared[use] = true
	return first
}

// backends is how many connections the server has of this side.
func (s *side) backends() int { return pgtest.Backends(s.t, s.url, s.application) }

// profile is a configuration of both pools.
type profile struct {
	driver         string // of SQLAlchemy: psycopg2 or asyncpg
	size, overflow int
	ping, lifo     bool
	recycle        int // seconds, -1 never
	timeout        time.Duration
}

// ours is the pool's side.
func ours(t *testing.T, p profile) *side {
	t.Helper()
	w := newWired(t, p.size, p.overflow, 0, func(c *pool.Config) {
		c.PoolTimeout, c.PoolPrePing, c.PoolUseLIFO = p.timeout, p.ping, p.lifo
		c.PoolRecycle = time.Duration(p.recycle) * time.Second
		c.Driver = pool.DriverAsyncpg
		if p.driver == "psycopg2" {
			c.Driver, c.QueryExecMode = pool.DriverPsycopg, pgx.QueryExecModeExec // psycopg2 prepares nothing
		}
	})
	conns, waiting := map[string]*pool.Conn{}, map[string]<-chan acquired{}
	release := func() {
		for _, c := range conns {
			c.Release()
		}
	}
	t.Cleanup(release)
	taken := func(name string, got acquired) (a answer) {
		var timeout *pool.TimeoutError
		switch {
		case errors.As(got.err, &timeout):
			a.Err = "timeout"
		case got.err != nil:
			a.Err = got.err.Error()
		default:
			conns[name], a.PID = got.conn, got.conn.PID()
		}
		return a
	}
	do := func(s step) (a answer) {
		switch held := conns[s.Name]; s.Op {
		case "checkout":
			c, err := w.Acquire(w.scope(), nil)
			a = taken(s.Name, acquired{c, err})
		case "wait":
			waiting[s.Name] = w.waitingConn(w.scope())
		case "await":
			a = taken(s.Name, <-waiting[s.Name])
		case "query", "write":
			if held == nil {
				break // it was lost
			}
			_, err := held.Query(w.scope(), s.SQL, nil)
			var lost *pool.ConnectionLostError
			switch {
			case errors.As(err, &lost):
				a.Err = "lost"
				held.Release() // SQLAlchemy frees its place at the error
				delete(conns, s.Name)
			case err != nil:
				a.Err = "failed"
			}
		case "return":
			if held != nil {
				held.Release()
				delete(conns, s.Name)
			}
		case "dispose":
			w.Close()
			w.Pool = newPool(t, p.size, p.overflow, func(c *pool.Config) { *c = w.Config() }).Pool
			t.Cleanup(release) // before the end of the new pool waits for them
		}
		a.CheckedOut = w.Stat().Active
		return a
	}
	return &side{t: t, url: w.url, application: w.app, wire: w.wire, timeout: p.timeout, do: do, pids: map[string]uint32{}, prepared: map[string]bool{}}
}

// theirs is SQLAlchemy's side.
func theirs(t *testing.T, p profile) *side {
	t.Helper()
	const python = "/usr/bin/python3" // Debian's, whose packages it needs
	requirePackages(t, python, "sqlalchemy", "asyncpg", "psycopg2")
	direct := serverURL(t)
	wire := faultstest.NewWire(t, direct, 0)
	s := &side{
		t: t, url: direct, wire: wire, timeout: p.timeout, pids: map[string]uint32{}, prepared: map[string]bool{},
		application: fmt.Sprintf("sqlalchemy-%d", appNumber.Add(1)),
	}
	options := map[string]any{
		"pool_size": p.size, "max_overflow": p.overflow, "pool_timeout": p.timeout.Seconds(), "pool_pre_ping": p.ping,
		"pool_use_lifo": p.lifo, "pool_recycle": p.recycle, "connect_args": map[string]any{"application_name": s.application},
	}
	if p.driver == "asyncpg" {
		options["connect_args"] = map[string]any{"server_settings": map[string]string{"application_name": s.application}}
	}
	text, err := json.Marshal(options)
	require.NoError(t, err)
	u, err := url.Parse(wire.URL())
	require.NoError(t, err)
	u.Scheme, u.RawQuery = "postgresql+"+p.driver, ""
	command := exec.CommandContext(t.Context(), python, "testdata/queuepool.py", p.driver, u.String(), string(text)) // #nosec G204 -- the test's own
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	require.NoError(t, err)
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = input.Close()
		_, _ = io.Copy(io.Discard, output)
		_ = command.Wait()
	})
	lines := bufio.NewScanner(output)
	s.do = func(what step) (a answer) {
		require.NoError(t, json.NewEncoder(input).Encode(what))
		require.True(t, lines.Scan(), "SQLAlchemy has ended")
		require.NoError(t, json.Unmarshal(lines.Bytes(), &a))
		return a
	}
	s.do(step{Op: "start"})
	return s
}

// requirePackages skips the test where Python's packages are missing, and fails
// it in CI, where they are installed.
func requirePackages(t *testing.T, python string, packages ...string) {
	t.Helper()
	for _, name := range packages {
		out, err := exec.CommandContext(t.Context(), python, "-c", "import "+name).CombinedOutput() // #nosec G204 -- the test's own
		if err == nil {
			continue
		}
		message := fmt.Sprintf("%s cannot import %s; install Debian's python3-%s: %s", python, name, name, out)
		if os.Getenv("CI") == "true" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
}

// compare does steps on both sides.
func compare(t *testing.T, p profile, steps []step) {
	t.Helper()
	us, them := ours(t, p), theirs(t, p)
	for i, s := range steps {
		want := them.step(s)
		require.Equal(t, want, us.step(s), "step %d, %+v, of %+v; SQLAlchemy's is expected", i, s, steps[:i+1])
		// SQLAlchemy does not wait for the server to end a connection.
		require.Eventually(t, func() bool { return them.backends() == us.backends() }, machine, 5*time.Millisecond,
			"step %d, %+v: connections on the server", i, s)
	}
}

const (
	reads  = "SELECT 1"
	writes = "INSERT INTO replayed VALUES (1) RETURNING n"
	fails  = "SELECT 1/0"
)

// script makes steps of "op name" and, for statements, "reads name" and so on.
func script(words ...[2]string) (steps []step) {
	for _, w := range words {
		s := step{Op: w[0], Name: w[1]}
		switch w[0] {
		case "reads":
			s.Op, s.SQL = "query", reads
		case "writes":
			s.Op, s.SQL = "write", writes
		case "fails":
			s.Op, s.SQL = "query", fails
		}
		steps = append(steps, s)
	}
	return steps
}

// on makes steps of the same kind for several names.
func on(op string, names ...string) (words [][2]string) {
	for _, name := range names {
		words = append(words, [2]string{op, name})
	}
	return words
}

func createReplayed(t *testing.T) {
	t.Helper()
	_, err := pgtest.Conn(t, serverURL(t)).Exec(t.Context(), "CREATE TABLE IF NOT EXISTS replayed (n int)")
	require.NoError(t, err)
}

// What can happen to a pool, one thing at a time.
func TestReplayWithSQLAlchemy(t *testing.T) {
	createReplayed(t)
	all := []string{"a", "b", "c", "d"}
	for name, test := range map[string]struct {
		profile
		steps [][2]string
	}{
		"in order, then disposed": {profile{size: 3, overflow: 1}, slices.Concat(
			on("checkout", all...), on("return", "b", "d", "a", "c"), on("checkout", all...),
			on("reads", "c"), on("return", "a", "b"), on("dispose", ""), on("checkout", "e", "f"), on("reads", "c"), on("writes", "d"),
			on("return", "e", "c"), on("dispose", ""), on("return", "f", "d"), on("checkout", all...))},
		"last in first out": {profile{size: 3, overflow: 1, lifo: true}, slices.Concat(
			on("checkout", all...), on("return", "b", "d", "a", "c"), on("checkout", all...))},
		"timeout": {profile{size: 1, overflow: 1}, slices.Concat(
			on("checkout", "a", "b", "c"), on("return", "a"), on("checkout", "c"))},
		"waiters in order": {profile{size: 1, overflow: 1, timeout: 20 * time.Second}, slices.Concat(
			on("checkout", "a", "b"), on("wait", "c", "d", "e"), on("return", "b"), on("await", "c"), on("return", "a"), on("await", "d"),
			on("return", "c"), on("await", "e"), on("return", "d", "e"), on("checkout", "a", "b"))},
		"a dead idle one": {profile{size: 3, ping: true}, slices.Concat(
			on("checkout", "a", "b", "c"), on("return", "a", "b", "c"), on("kill", "a"), on("checkout", "d", "e", "f"), on("return", "d", "e", "f"),
			on("checkout", "a", "b", "c"))},
		"a dead one without ping": {profile{size: 2}, slices.Concat(
			on("checkout", "a", "b"), on("return", "a", "b"), on("kill", "a"), on("checkout", "c", "d"), on("reads", "c", "d"),
			on("return", "c", "d"), on("checkout", "a", "b"))},
		"the slot of a lost one": {profile{size: 1, overflow: 1}, slices.Concat(
			on("checkout", "a", "b"), on("reads", "a", "b"), on("kill", "a"), on("reads", "a"), on("return", "b"), on("checkout", "c"), on("reads", "c"))},
		"lost while it was out": {profile{size: 2, ping: true}, slices.Concat(
			on("checkout", "a", "b"), on("reads", "a"), on("kill", "a", "b"), on("return", "a", "b"), on("checkout", "c", "d"))},
		"recycled": {profile{size: 2, recycle: 1}, slices.Concat(
			on("checkout", "a", "b"), on("return", "a"), on("sleep", ""), on("return", "b"), on("checkout", "c", "d"))},
		"round trips": {profile{size: 1, ping: true}, slices.Concat(
			on("checkout", "a"), on("reads", "a", "a"), on("return", "a"), on("checkout", "a"), on("reads", "a", "a"), on("return", "a"),
			on("checkout", "a"), on("reads", "a"), on("writes", "a"), on("return", "a"), on("checkout", "a"), on("return", "a"),
			on("checkout", "a"), on("reads", "a"), on("fails", "a"), on("return", "a"))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := test.profile
			if p.recycle == 0 {
				p.recycle = -1
			}
			if p.timeout == 0 {
				p.timeout = 300 * time.Millisecond
			}
			for _, driver := range []string{"psycopg2", "asyncpg"} {
				p := p
				p.driver = driver
				// SQLAlchemy 1.4 pings differently with asyncpg: 2.0's round trips are in TestRoundTripsOfEachDriver.
				if p.driver == "asyncpg" && p.ping {
					continue
				}
				t.Run(p.driver, func(t *testing.T) {
					t.Parallel()
					compare(t, p, script(test.steps...))
				})
			}
		})
	}
}

// Many things after one another, in an order that nobody thought of.
func TestReplayAtRandomWithSQLAlchemy(t *testing.T) {
	createReplayed(t)
	for seed, p := range []profile{
		{driver: "psycopg2", size: 2, overflow: 2, ping: true},
		{driver: "psycopg2", size: 3, overflow: 1, lifo: true},
		{driver: "asyncpg", size: 2, overflow: 2},
	} {
		p.recycle, p.timeout = -1, 300*time.Millisecond
		t.Run(fmt.Sprintf("%+v", p), func(t *testing.T) {
			t.Parallel()
			compare(t, p, walk(rand.New(rand.NewPCG(uint64(seed), 16)), p, 120))
		})
	}
}

// walk is a random sequence of steps that can be done with a pool.
func walk(random *rand.Rand, p profile, length int) (steps []step) {
	var out []string // names of connections that are checked out
	var dead, returned, disposed []string
	for n := 0; len(steps) < length; n++ {
		pick := func(names []string) string { return names[random.IntN(len(names))] }
		switch op := []string{"checkout", "checkout", "return", "reads", "writes", "fails", "kill", "dispose"}[random.IntN(8)]; {
		case op == "checkout" && len(out) < p.size+p.overflow:
			name := fmt.Sprint("c", n)
			out = append(out, name)
			steps = append(steps, script([2]string{op, name})...)
		case op == "dispose" && random.IntN(4) == 0:
			disposed, returned = slices.Concat(disposed, out), nil
			steps = append(steps, step{Op: op})
		case len(out) == 0, op == "checkout", op == "dispose":
		case op == "return":
			name := pick(out)
			out = slices.DeleteFunc(out, func(s string) bool { return s == name })
			returned = append(returned, name)
			steps = append(steps, script([2]string{op, name})...)
		case op == "kill":
			name := pick(slices.Concat(out, returned))
			// SQLAlchemy takes the loss of a disposed pool's connection for one of the new pool's.
			if random.IntN(3) == 0 && !slices.Contains(dead, name) && !slices.Contains(disposed, name) {
				dead = append(dead, name)
				steps = append(steps, script([2]string{op, name})...)
			}
		case op == "fails" && p.driver == "asyncpg": // pgx prepares anew what has failed
		default:
			steps = append(steps, script([2]string{op, pick(out)})...)
		}
	}
	return steps
}
