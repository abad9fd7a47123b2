package pool_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// preparedNow are the statements that the server keeps for a connection, but for the one
// that asks.
func preparedNow(t *testing.T, h *harness, c *pool.Conn) (texts []string) {
	t.Helper()
	const sql = "SELECT statement FROM pg_prepared_statements ORDER BY statement"
	res, err := c.Query(h.scope(), sql, nil)
	require.NoError(t, err)
	for row := range res.Len() {
		if text := string(res.Value(row, 0)); text != sql {
			texts = append(texts, text)
		}
	}
	return texts
}

// The server keeps as many statements of a connection as the URL says: those that were
// used last.
func TestPreparedStatementsAreBounded(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) {
		u, err := url.Parse(c.URL)
		require.NoError(t, err)
		q := u.Query()
		q.Set("statement_cache_capacity", "3")
		u.RawQuery = q.Encode()
		c.URL = u.String()
	})
	c := h.acquire()
	defer c.Release()
	run := func(sql string) {
		t.Helper()
		res, err := c.Query(h.scope(), sql, []any{7})
		require.NoError(t, err)
		require.Equal(t, "7", string(res.Value(0, 0)))
	}
	for _, sql := range []string{"SELECT $1::int4::text AS a", "SELECT $1::int4::text AS b", "SELECT $1::int4::text AS a", "SELECT $1::int4::text AS c"} {
		run(sql)
	}
	require.Equal(t, []string{"SELECT $1::int4::text AS a", "SELECT $1::int4::text AS c"}, preparedNow(t, h, c), "b was used least lately")
	for n := range 20 {
		run(fmt.Sprintf("SELECT $1::int4::text AS n%d", n))
	}
	require.Len(t, preparedNow(t, h, c), 2)
}

// A statement that has failed is prepared anew, once: whether it fails by its arguments,
// by the server, or in a transaction in which nothing can be taken back.
func TestAFailedStatementIsPreparedAnew(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	c := h.acquire()
	defer c.Release()
	const sql = "SELECT (100 / $1::int4)::text"
	for _, inTransaction := range []bool{false, true} {
		if inTransaction {
			require.NoError(t, c.Begin(h.scope()))
		}
		for _, arg := range []any{0, "word"} {
			_, err := c.Query(h.scope(), sql, []any{arg})
			require.Error(t, err)
			_, err = c.Exec(h.scope(), sql, []any{arg})
			require.Error(t, err)
		}
		if inTransaction {
			require.Error(t, c.Commit(h.scope()))
		}
		res, err := c.Query(h.scope(), sql, []any{25})
		require.NoError(t, err)
		require.Equal(t, "4", string(res.Value(0, 0)))
		require.Equal(t, []string{sql}, preparedNow(t, h, c))
	}
}

// What a call gives does not depend on what the same statement was given before.
func TestArgumentsOfOtherTypesThanBefore(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	c := h.acquire()
	defer c.Release()
	for parameter, args := range map[string][]any{
		"int4":   {1, int64(2), nil, "3", int32(-4), nil, 5.0, 1 << 40, "x", 6},
		"int8":   {1, "2", int64(3), nil, 2.5, uint64(1) << 63, 4},
		"text":   {"a", nil, "", 1, []byte("b"), []byte(nil), []byte{}, true, "ä", "a"},
		"float8": {1.5, 1, "2.5", nil, true, 3.5},
		"bool":   {true, nil, "false", 1, false},
		"bytea":  {[]byte{0, 1}, nil, []byte{}, "x", []byte(nil)},
		"int4[]": {[]int32{1, 2}, "{3}", nil, []string{"4"}, []int64{}, []any{"x"}},
		"jsonb":  {map[string]any{"a": 1}, map[string]any(nil), "1", nil, []int{1}, "{"},
		"date":   {"2026-01-02", pgtype.Date{}, nil, "no date", "2026-01-03"},
	} {
		sql := "SELECT $1::" + parameter + "::text, $2::text"
		for n, arg := range args {
			fresh := strings.Replace(sql, "SELECT", fmt.Sprintf("SELECT /* %d */", n), 1)
			want, failed := c.Query(h.scope(), fresh, []any{arg, "second"})
			got, err := c.Query(h.scope(), sql, []any{arg, "second"})
			require.Equal(t, fmt.Sprint(failed), fmt.Sprint(err), "%s %v", parameter, arg)
			if failed == nil {
				require.Equal(t, want.Value(0, 0), got.Value(0, 0), "%s %v", parameter, arg)
				require.Equal(t, "second", string(got.Value(0, 1)))
			}
		}
	}
}

// A statement that the server could not be told to forget, because its transaction had
// failed, is the same one when it is used again.
func TestAStatementThatFailedTransactionsKeep(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	c := h.acquire()
	defer c.Release()
	const back = "ROLLBACK TO SAVEPOINT here"
	require.NoError(t, c.Begin(h.scope()))
	_, err := c.Exec(h.scope(), "SAVEPOINT here", nil)
	require.NoError(t, err)
	_, err = c.Query(h.scope(), "SELECT 1 / 0", nil)
	require.Error(t, err)
	_, err = c.Query(h.scope(), back, []any{"too many"})
	require.Error(t, err)
	for range 3 {
		_, err = c.Query(h.scope(), back, nil)
		require.NoError(t, err)
	}
	require.NoError(t, c.Commit(h.scope()))
	require.Equal(t, []string{back}, preparedNow(t, h, c))
}

// An idle connection holds no arguments: they may be large.
func TestLargeArgumentsAreLetGo(t *testing.T) {
	const size, connections = 8 << 20, 4
	h := newPool(t, connections, 0, nil)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	arg := make([]byte, size)
	before := heap()
	var held []*pool.Conn
	for range connections {
		c := h.acquire()
		held = append(held, c)
		for range 2 { // the second time its encoding is known
			res, err := c.Query(h.scope(), "SELECT length($1::bytea)::text", []any{arg})
			require.NoError(t, err)
			require.Equal(t, strconv.Itoa(size), string(res.Value(0, 0)))
		}
	}
	require.Less(t, heap(), before+2*size)
	runtime.KeepAlive(arg)
	for _, c := range held {
		c.Release()
	}
}

// A server that has much to say before it reads a large argument is heard meanwhile: else
// both would wait for each other.
func TestNotificationsWhileALargeArgumentIsSent(t *testing.T) {
	const size = 16 << 20
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	target, err := url.Parse(serverURL(t))
	require.NoError(t, err)
	address := target.Host
	var pumps sync.WaitGroup
	pumps.Go(func() {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", address)
		if err != nil {
			_ = client.Close()
			return
		}
		pumps.Go(func() {
			_, _ = io.Copy(client, server)
			_ = client.Close()
		})
		defer func() { _ = server.Close() }()
		said, _ := (&pgproto3.NotificationResponse{Channel: "c", Payload: strings.Repeat("x", 1000)}).Encode(nil)
		for buffer := make([]byte, 8<<10); ; {
			n, err := client.Read(buffer)
			if err != nil {
				return
			}
			if n == len(buffer) && said != nil {
				_, _ = client.Write(bytes.Repeat(said, size/len(said)))
				said = nil
			}
			_, _ = server.Write(buffer[:n])
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		pumps.Wait()
	})
	target.Host = listener.Addr().String()
	h := newPool(t, 1, 0, func(c *pool.Config) { c.URL = target.String() })
	ctx, cancel := context.WithTimeout(t.Context(), machine)
	defer cancel()
	res, err := h.Query(pool.NewScope(ctx, pool.NopObserver{}), "SELECT length($1::bytea)::text", []any{make([]byte, size)})
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(size), string(res.Value(0, 0)))
}
