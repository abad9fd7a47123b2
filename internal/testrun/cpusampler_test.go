package testrun_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/jstest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// limited is the URL of a role with a CONNECTION LIMIT that may read the CPU.
func limited(t *testing.T, limit string) string {
	t.Helper()
	database := pgtest.Database(t)
	u, err := url.Parse(database)
	require.NoError(t, err)
	role := "watched_" + strings.TrimPrefix(u.Path, "/pgtest_")
	admin := pgtest.Conn(t, database)
	_, err = admin.Exec(t.Context(), "CREATE ROLE "+role+" LOGIN PASSWORD 'secret' CONNECTION LIMIT "+limit+
		"; GRANT pg_read_server_files TO "+role+"; GRANT EXECUTE ON FUNCTION pg_read_file(text, bigint, bigint) TO "+role)
	require.NoError(t, err)
	t.Cleanup(func() { // before the connection's own
		_, err := admin.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role)
		require.NoError(t, err)
	})
	u.User = url.UserPassword(role, "secret")
	return u.String()
}

// One connection of each server and role looks at it, however many pools there
// are, and none where dbCpu is off. It counts under the role's limit.
func TestOneConnectionReadsTheCPU(t *testing.T) {
	t.Parallel()
	u := jstest.On(t, limited(t, "5"))
	u.JS(`const pools = ['a', 'b', 'c'].map((name) => open(URL, { name, poolSize: 2, maxOverflow: 0 }));
		const alone = open(URL, { name: 'alone', poolSize: 5, maxOverflow: 0, dbCpu: false });
		const readers = () => alone.queryValue("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'xk6-pgxpool-monitor' AND usename = current_user");
		const all = (pool, most) => { const held = []; try { while (held.length < most) held.push(pool.acquire()) } finally { held.forEach((c) => c.release()) } return held.length }`)
	u.Start()
	require.EqualValues(t, 5, u.JS(`all(alone, 5)`).ToInteger(), "the fifth is to be had")
	require.Zero(t, u.JS(`readers()`).ToInteger())
	u.JS(`const fewer = open(URL, { name: 'fewer', poolSize: 1, maxOverflow: 0, dbCpu: false }); alone.close(); fewer.query('SELECT 1')`)
	u.JS(`const count = () => fewer.queryValue("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'xk6-pgxpool-monitor' AND usename = current_user"); pools[0].query('SELECT 1')`)
	require.Eventually(t, func() bool { return u.JS(`count()`).ToInteger() == 1 }, time.Minute, 10*time.Millisecond)
	u.JS(`pools.forEach((pool) => pool.query('SELECT 1'))`)
	require.EqualValues(t, 1, u.JS(`count()`).ToInteger(), "three pools have one")
	require.Regexp(t, `ConnectError: .*the role's CONNECTION LIMIT is reached.*; one more connection reads the database's CPU: set dbCpu \(DB_CPU\) to false`,
		u.Failure(`all(pools[0], 2)`))

	u.JS(`pools[0].close(); pools[1].close()`)
	require.EqualValues(t, 1, u.JS(`count()`).ToInteger(), "the last pool still has it")
	u.JS(`pools[2].close()`)
	require.Eventually(t, func() bool { return u.JS(`count()`).ToInteger() == 0 }, time.Minute, 10*time.Millisecond)
}

func TestEachPoolReportsTheCPU(t *testing.T) {
	t.Parallel()
	u := jstest.New(t)
	u.JS(`const pools = ['a', 'b'].map((name) => open(URL, { name, poolSize: 1 }))`)
	u.Start()
	u.JS(`pools.forEach((pool) => pool.query('SELECT 1'))`)
	require.Eventually(t, func() bool {
		whole := u.Run.Timeline().Snapshot().Whole()
		return whole.DatabaseCPU.Count() >= 2
	}, time.Minute, 20*time.Millisecond)
	read := map[string][]float64{}
	for _, s := range u.Ended().Of("pgxpool_db_cpu") {
		name, _ := s.Tags.Get("pool")
		read[name] = append(read[name], s.Value)
	}
	require.NotEmpty(t, read["a"])
	require.Equal(t, read["a"], read["b"])
}

// How long a statement may take is the server's to say. The pool gives one up on
// which the server does not work any more, and where nobody looks each that is
// silent for longer than the limits.
func TestTheServerSaysHowLongAStatementTakes(t *testing.T) {
	t.Parallel()
	const statement = `pool.transaction((conn) => {
		conn.exec('SET LOCAL statement_timeout = 0');
		return conn.queryRow("SELECT pg_sleep(2.5)::text, 'done' AS word").word;
	})`
	u := jstest.Running(t, `{ poolSize: 1, statementTimeout: 100, connectTimeout: 1000 }`)
	require.Equal(t, `done`, u.JS(statement).String())
	require.Contains(t, u.Failure(`pool.query('SELECT pg_sleep(5)')`), "57014", "the limit that is in force holds")

	alone := jstest.Running(t, `{ poolSize: 1, statementTimeout: 100, connectTimeout: 1000, dbCpu: false }`)
	require.Contains(t, alone.Failure(statement), "the pool canceled it after 1.1s without an answer")
}
