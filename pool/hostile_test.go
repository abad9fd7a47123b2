package pool_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// The tests of this file answer a pool from a recording of a real session, in
// which something is wrong. Record anew after a change of what the pool sends:
//
//	go test ./pool -run Recorded -args -record
var recordSessions = flag.Bool("record", false, "record testdata/sessions anew")

var everyMode = []pgx.QueryExecMode{
	pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
	pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
}

// session is what a server sends: turns[0] once it knows who is there, and then
// one turn for each time that the client has sent something.
type session [][]byte

// replay is a server that answers each connection with the session.
func (s session) replay(t testing.TB) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return "postgres://u:p@" + listener.Addr().String() + "/d?sslmode=disable"
}

func (s session) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(8 * time.Second))
	heard := make([]byte, 64<<10)
	n, err := conn.Read(heard)
	if err != nil || n < 8 || binary.BigEndian.Uint32(heard[4:]) == 80877102 { // a cancel request
		return
	}
	for turn := 0; ; turn++ {
		if turn < len(s) {
			if _, err := conn.Write(s[turn]); err != nil {
				return
			}
		}
		if n, err = conn.Read(heard); err != nil || bytes.HasSuffix(heard[:n], terminate) {
			return
		}
	}
}

// terminate is the goodbye of a client. A server that kept the connection open after it
// would be waited for at each close.
var terminate = []byte{'X', 0, 0, 0, 4}

// mutated is the session with another value for one of its bytes.
func (s session) mutated(at int, value byte) session {
	changed := slices.Clone(s)
	for i, turn := range changed {
		if at < len(turn) {
			changed[i] = slices.Clone(turn)
			changed[i][at] = value
			return changed
		}
		at -= len(turn)
	}
	return changed
}

func (s session) size() (n int) {
	for _, turn := range s {
		n += len(turn)
	}
	return n
}

// hostilePool is impatient: what is wrong may be that nothing comes.
func hostilePool(t testing.TB, address string, mode pgx.QueryExecMode) *pool.Pool {
	t.Helper()
	config := pool.DefaultConfig()
	config.URL, config.QueryExecMode, config.PoolSize, config.MaxOverflow = address, mode, 1, 0
	config.ConnectTimeout, config.StatementTimeout, config.PoolTimeout = 150*time.Millisecond, 150*time.Millisecond, 5*time.Second
	if *recordSessions {
		config.ConnectTimeout = 10 * time.Second
	}
	p, err := pool.New(config, pool.Options{ResultFormats: pgx.QueryResultFormatsByOID{23: 1, 20: 1}})
	require.NoError(t, err)
	return p
}

// use does a little of everything until the connection is lost, and gives the
// errors.
func use(p *pool.Pool) (errs []error) {
	s := pool.NewScope(context.Background(), pool.NopObserver{})
	query := func(sql string, args ...any) error {
		res, err := p.Query(s, sql, args)
		if err == nil {
			touch(res)
		}
		return err
	}
	exec := func(sql string) error {
		_, err := p.Exec(s, sql, nil)
		return err
	}
	for _, do := range []func() error{
		func() error { return query("SELECT n, n::text AS t, NULL AS nothing FROM generate_series(1, 3) AS n") },
		func() error { return query("SELECT $1::int4 + 1 AS v", int64(5)) },
		func() error { return exec("SELECT 1; SELECT 2") },
		func() error { return failInTransaction(p, s) },
		func() error { return exec("DO $$ BEGIN RAISE NOTICE 'to be read'; END $$") },
		func() error { return query("SELECT n, n::text AS t, NULL AS nothing FROM generate_series(1, 3) AS n") },
	} {
		err := do()
		errs = append(errs, err)
		var query *pool.QueryError
		if err != nil && !errors.As(err, &query) {
			break
		}
	}
	return errs
}

func touch(res *pool.Result) {
	for row := range res.Len() {
		for column := range res.Shape().Columns {
			_ = res.Value(row, column)
		}
	}
}

func failInTransaction(p *pool.Pool, s *pool.Scope) error {
	c, err := p.Acquire(s, nil)
	if err != nil {
		return err
	}
	defer c.Release()
	if err := c.Begin(s); err != nil {
		return err
	}
	res, err := c.Query(s, "SELECT 1/0 AS v", nil)
	if err == nil {
		touch(res)
	}
	return err
}

// requireOrderly: every error is of a known kind, in one short line, and nothing
// of the pool is left.
func requireOrderly(t *testing.T, p *pool.Pool, errs []error) {
	t.Helper()
	for _, err := range errs {
		var (
			query   *pool.QueryError
			lost    *pool.ConnectionLostError
			connect *pool.ConnectError
			timeout *pool.TimeoutError
		)
		if err == nil {
			continue
		}
		require.True(t, errors.As(err, &query) || errors.As(err, &lost) || errors.As(err, &connect) || errors.As(err, &timeout), "%T %v", err, err)
		require.NotContains(t, err.Error(), "\n")
		require.Less(t, len(err.Error()), 8<<10)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	p.Shutdown(ctx)
	require.NoError(t, ctx.Err(), "the pool is drained")
	require.Zero(t, p.Stat().Total)
}

func sessionFile(mode pgx.QueryExecMode) string {
	return filepath.Join("testdata", "sessions", strings.ReplaceAll(mode.String(), " ", "_")+".hex")
}

func recorded(t testing.TB, mode pgx.QueryExecMode) session {
	t.Helper()
	text, err := os.ReadFile(sessionFile(mode))
	require.NoError(t, err)
	var s session
	for line := range strings.FieldsSeq(string(text)) {
		turn, err := hex.DecodeString(line)
		require.NoError(t, err)
		s = append(s, turn)
	}
	return s
}

// recordFrom is a way to the server of url that keeps what it sends from its
// word that the client may come in.
func recordFrom(t *testing.T, target string) (address string, end func() session) {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	host := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	turns, asked := session{nil}, false
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", host)
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(server, readFunc(func(p []byte) (int, error) {
				n, err := client.Read(p)
				mu.Lock()
				asked = true
				mu.Unlock()
				return n, err
			}))
			_ = server.Close()
		}()
		_, _ = io.Copy(client, readFunc(func(p []byte) (int, error) {
			n, err := server.Read(p)
			mu.Lock()
			if asked {
				turns, asked = append(turns, nil), false
			}
			turns[len(turns)-1] = append(turns[len(turns)-1], p[:n]...)
			mu.Unlock()
			return n, err
		}))
		_ = client.Close()
	}()
	u.Host = listener.Addr().String()
	return u.String(), func() session {
		_ = listener.Close()
		<-finished
		accepted := []byte{'R', 0, 0, 0, 8, 0, 0, 0, 0}
		for i, turn := range turns {
			if at := bytes.Index(turn, accepted); at >= 0 {
				turns[i] = turn[at:]
				return turns[i:]
			}
		}
		return nil
	}
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// A recorded session gives what the real one gave.
func TestRecordedSessions(t *testing.T) {
	for _, mode := range everyMode {
		if *recordSessions {
			address, end := recordFrom(t, pgtest.URL(t))
			p := hostilePool(t, address, mode)
			for _, err := range use(p) {
				t.Log(err)
			}
			p.Shutdown(context.Background())
			var text strings.Builder
			for _, turn := range end() {
				fmt.Fprintln(&text, hex.EncodeToString(turn))
			}
			require.NoError(t, os.MkdirAll(filepath.Dir(sessionFile(mode)), 0o750))
			require.NoError(t, os.WriteFile(sessionFile(mode), []byte(text.String()), 0o600))
		}
		s := recorded(t, mode)
		p := hostilePool(t, s.replay(t), mode)
		errs := use(p)
		requireOrderly(t, p, errs)
		for i, err := range errs {
			if i == 3 {
				require.ErrorContains(t, err, "division by zero")
			} else {
				require.NoError(t, err, "%s %d", mode, i)
			}
		}
	}
}

// One wrong byte anywhere ends in an error or in another value, never in a panic
// or a call that does not return. FuzzSession goes on where this stops.
func TestMutatedSessions(t *testing.T) {
	for _, mode := range everyMode {
		s := recorded(t, mode)
		for i := range 20 {
			at := (i*s.size()/20 + i*7) % s.size()
			t.Run(fmt.Sprintf("%v/%d", mode, at), func(t *testing.T) {
				t.Parallel()
				p := hostilePool(t, s.mutated(at, byte(i*37)).replay(t), mode)
				requireOrderly(t, p, use(p))
			})
		}
	}
}

func FuzzSession(f *testing.F) {
	sessions := make([]session, len(everyMode))
	for i, mode := range everyMode {
		sessions[i] = recorded(f, mode)
		f.Add(byte(i), uint16(0), byte(0))
		f.Add(byte(i), uint16(sessions[i].size()/2), byte('Z'))    // #nosec G115 -- a short recording
		f.Add(byte(i), uint16(sessions[i].size()*3/4), byte(0xff)) // #nosec G115 -- a short recording
	}
	f.Fuzz(func(t *testing.T, mode byte, at uint16, value byte) {
		i := int(mode) % len(everyMode)
		p := hostilePool(t, sessions[i].mutated(int(at)%sessions[i].size(), value).replay(t), everyMode[i])
		requireOrderly(t, p, use(p))
	})
}

// answering is a session whose statements are all answered by these messages.
func answering(t *testing.T, mode pgx.QueryExecMode, messages ...pgproto3.BackendMessage) session {
	t.Helper()
	s := recorded(t, mode)[:2] // the way in, and the types
	var answer []byte
	for _, m := range messages {
		var err error
		answer, err = m.Encode(answer)
		require.NoError(t, err)
	}
	for range 20 {
		s = append(s, answer)
	}
	return s
}

var (
	ready    = &pgproto3.ReadyForQuery{TxStatus: 'I'}
	oneInt   = &pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("a"), DataTypeOID: 25}, {Name: []byte("b"), DataTypeOID: 25}}}
	shortRow = &pgproto3.DataRow{Values: [][]byte{[]byte("1")}}
)

// A row with fewer values than columns ends the connection, and its place is
// free.
func TestRowsOfTheWrongLength(t *testing.T) {
	for _, mode := range everyMode {
		s := answering(t, mode,
			&pgproto3.ParseComplete{}, &pgproto3.ParameterDescription{}, &pgproto3.BindComplete{}, oneInt, shortRow,
			&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, ready)
		if mode == pgx.QueryExecModeSimpleProtocol {
			s = answering(t, mode, oneInt, shortRow, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, ready)
		}
		p := hostilePool(t, s.replay(t), mode)
		scope := pool.NewScope(context.Background(), pool.NopObserver{})
		_, err := p.Query(scope, "SELECT a, b", nil)
		require.Error(t, err, mode)
		if mode == pgx.QueryExecModeSimpleProtocol {
			var lost *pool.ConnectionLostError
			require.ErrorAs(t, err, &lost)
			require.ErrorContains(t, err, "a row of 1 values for 2 columns")
		}
		require.Zero(t, p.Stat().Active, "the place is free")
		requireOrderly(t, p, nil)
	}
}

// A result without end takes no memory without end: the connection is closed, and
// other users' connections are not.
func TestRowsWithoutEnd(t *testing.T) {
	const limit = 64 << 10
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeSimpleProtocol} {
		config := pool.DefaultConfig()
		config.URL, config.QueryExecMode, config.PoolSize, config.MaxOverflow = pgtest.URL(t), mode, 2, 0
		p, err := pool.New(config, pool.Options{MaxResult: limit})
		require.NoError(t, err)
		scope := pool.NewScope(context.Background(), pool.NopObserver{})
		other, err := p.Acquire(scope, nil)
		require.NoError(t, err)
		for _, sql := range []string{
			"SELECT repeat('x', 1000), generate_series(1, 10000000)", "SELECT NULL, generate_series(1, 100000000)",
		} {
			_, err = p.Query(scope, sql, nil)
			var query *pool.QueryError
			require.ErrorAs(t, err, &query, "%s", mode)
			require.ErrorContains(t, err, "connection was closed")
		}
		require.Equal(t, 1, p.Stat().Total)
		_, err = other.Query(scope, "SELECT repeat('x', 1000) FROM generate_series(1, 50)", nil)
		require.NoError(t, err, "less is given")
		other.Release()
		requireOrderly(t, p, nil)
	}
}

// A row that no description announced, and an error that says nothing, end in an
// orderly way too.
func TestAnswersOutOfPlace(t *testing.T) {
	empty := &pgproto3.ErrorResponse{}
	for name, messages := range map[string][]pgproto3.BackendMessage{
		"a row without columns": {shortRow, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, ready},
		"an empty error":        {empty, ready},
	} {
		for _, mode := range everyMode {
			p := hostilePool(t, answering(t, mode, messages...).replay(t), mode)
			_, err := p.Query(pool.NewScope(context.Background(), pool.NopObserver{}), "SELECT a, b", nil)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "(SQLSTATE )", "%s %s", name, mode)
			if messages[0] != empty {
				require.Zero(t, p.Stat().Total, "%s %s: %v: the connection is dropped", name, mode, err)
			}
			requireOrderly(t, p, []error{err})
		}
	}
}

// ReadyForQuery is not the answer to a statement.
func TestReadyWithoutAResult(t *testing.T) {
	for _, mode := range everyMode {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			p := hostilePool(t, answering(t, mode, ready).replay(t), mode)
			requireOrderly(t, p, use(p))

			p = hostilePool(t, answering(t, mode, ready).replay(t), mode)
			_, err := p.Exec(pool.NewScope(context.Background(), pool.NopObserver{}), "SELECT 1", nil)
			var lost *pool.ConnectionLostError
			require.ErrorAs(t, err, &lost, "no statement was answered")
			requireOrderly(t, p, nil)
		})
	}
}

// Notices without end are no sign of life.
func TestNoticesWithoutEnd(t *testing.T) {
	notices := make([]pgproto3.BackendMessage, 1000)
	for i := range notices {
		notices[i] = &pgproto3.NoticeResponse{Severity: "NOTICE", Message: "still here"}
	}
	s := answering(t, pgx.QueryExecModeSimpleProtocol, notices...)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() { _ = conn.Close() }()
				heard := make([]byte, 4096)
				for _, turn := range s[:2] {
					if _, err := conn.Read(heard); err != nil {
						return
					}
					if _, err := conn.Write(turn); err != nil {
						return
					}
				}
				for {
					if _, err := conn.Write(s[2]); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	p := hostilePool(t, "postgres://u:p@"+listener.Addr().String()+"/d?sslmode=disable", pgx.QueryExecModeSimpleProtocol)
	_, err = p.Exec(pool.NewScope(context.Background(), pool.NopObserver{}), "SELECT 1", nil)
	var lost *pool.ConnectionLostError
	require.ErrorAs(t, err, &lost)
	require.ErrorContains(t, err, "statementTimeout")
	requireOrderly(t, p, nil)
}

// A server's text is kept up to 8 KiB, however much of it there is.
func TestLongErrorTexts(t *testing.T) {
	long := strings.Repeat("é", 5<<20)
	for _, mode := range everyMode {
		s := answering(t, mode,
			&pgproto3.NoticeResponse{Severity: "NOTICE", Message: long},
			&pgproto3.ErrorResponse{Severity: "ERROR", Code: "XX000", Message: long, Detail: "kept", Hint: long}, ready)
		p := hostilePool(t, s.replay(t), mode)
		_, err := p.Exec(pool.NewScope(context.Background(), pool.NopObserver{}), "SELECT 1", nil)
		var query *pool.QueryError
		require.ErrorAs(t, err, &query, mode)
		require.Equal(t, "XX000", query.Code)
		require.ErrorContains(t, err, "; kept; ")
		var inner interface{ SQLState() string }
		require.ErrorAs(t, err, &inner)
		requireOrderly(t, p, []error{err})
	}
}
