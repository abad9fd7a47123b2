package pool_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// A result that cannot be read as what it is fails its statement and names what to
// change; the connection lives on, and is as new to who gets it next.
func TestValuesThatCannotBeReadAreErrors(t *testing.T) {
	h := newPool(t, 1, 0, func(c *pool.Config) { c.QueryExecMode, c.Int8 = pgx.QueryExecModeExec, pool.Int8Number })
	for _, test := range []struct{ before, sql, want string }{
		{"SELECT 1", "COPY (SELECT 1) TO STDOUT", "COPY … TO STDOUT is not supported"},
		{"SET client_encoding = 'LATIN1'", "SELECT 1", "client_encoding is LATIN1"},
		{"SET DateStyle = 'German'", "SELECT ARRAY[date '2024-02-01']", `DateStyle is "German, DMY"`},
		{"SET DateStyle = 'German'", "SELECT date '2024-02-01' WHERE false", ""},
		{"SET EXTRA_FLOAT_DIGITS = -3", "SELECT 0.1::float8", "session's extra_float_digits is -3"},
		{"SET extra_float_digits = 0", "SELECT 0.1::float8 WHERE false", ""},
		{"SET extra_float_digits = 1", "SELECT 0.1::float8", ""},
		{"SELECT 1", "SELECT 9007199254740991, '{-9007199254740991,NULL}'::int8[], 9007199254740993::text", ""},
		{"SELECT 1", "SELECT 1 AS a, 9007199254740992 AS b", `column "b" has 9007199254740992, which a JavaScript number cannot hold`},
		{"SELECT 1", "SELECT '{1,2,NULL,-9007199254740992}'::int8[] AS b", `column "b" has -9007199254740992`},
	} {
		c := h.acquire()
		_, err := c.Exec(h.scope(), "RESET ALL", nil)
		require.NoError(t, err)
		_, err = c.Exec(h.scope(), test.before, nil)
		require.NoError(t, err)
		_, err = c.Query(h.scope(), test.sql, nil)
		if test.want == "" {
			require.NoError(t, err, test.sql)
		} else {
			var failed *pool.QueryError
			require.ErrorAs(t, err, &failed, test.sql)
			require.ErrorContains(t, err, test.want)
		}
		c.Release()
		_, err = h.Query(h.scope(), "SELECT 'é'", nil)
		require.NoError(t, err, "after %s", test.sql)
	}
	require.EqualValues(t, 1, h.Stat().Connects)
}

// The digits of floats may be those of the role, where no statement has named them.
func TestFloatDigitsOfTheRole(t *testing.T) {
	for _, digits := range []string{"0", "2"} {
		h := newPool(t, 1, 0, func(c *pool.Config) {
			c.URL += "&options=-c%20extra_float_digits%3D" + digits
			c.QueryExecMode = pgx.QueryExecModeExec
		})
		_, err := h.Query(h.scope(), "SELECT 0.1::float8", nil)
		if digits == "2" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "extra_float_digits of the role or the database is 0")
		require.ErrorContains(t, err, "ALTER ROLE … RESET extra_float_digits")
	}
}

// Binary values are held to the same, and a column whose type has changed under a
// description is described again for the next call.
func TestBinaryValues(t *testing.T) {
	config := pool.DefaultConfig()
	config.URL, config.Int8, config.QueryExecMode = serverURL(t), pool.Int8Number, pgx.QueryExecModeCacheDescribe
	config.PoolSize, config.MaxOverflow = 1, 0
	p, err := pool.New(config, pool.Options{ResultFormats: pgx.QueryResultFormatsByOID{pgtype.Int4OID: 1, pgtype.Int8OID: 1}})
	require.NoError(t, err)
	defer p.Shutdown(t.Context())
	s := pool.NewScope(t.Context(), pool.NopObserver{})
	query := func(sql string) (*pool.Result, error) { return p.Query(s, sql, nil) }

	_, err = query("SELECT -9007199254740991, NULL::int8")
	require.NoError(t, err)
	_, err = query("SELECT -9007199254740992 AS n")
	require.ErrorContains(t, err, `column "n" has -9007199254740992`)

	_, err = p.Exec(s, "CREATE TEMPORARY TABLE changing (a int4); INSERT INTO changing VALUES (258)", nil)
	require.NoError(t, err)
	res, err := query("SELECT a FROM changing")
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0, 1, 2}, res.Value(0, 0))
	_, err = p.Exec(s, "ALTER TABLE changing ALTER a TYPE text", nil)
	require.NoError(t, err)
	_, err = query("SELECT a FROM changing")
	var failed *pool.QueryError
	require.ErrorAs(t, err, &failed)
	require.ErrorContains(t, err, `the type of column "a" has changed`)
	require.ErrorContains(t, err, "(queryExecMode cache_describe)")
	res, err = query("SELECT a FROM changing")
	require.NoError(t, err)
	require.Equal(t, "258", string(res.Value(0, 0)))
	require.Equal(t, []pool.Column{{Name: "a", OID: pgtype.TextOID}}, res.Shape().Columns)
}

// A type that was made after the pool has looked at the server's is read like what it
// is made of.
func TestTypesMadeLaterAreLearned(t *testing.T) {
	h := newPool(t, 1, 0, nil)
	_, err := h.Exec(h.scope(), "CREATE TYPE pg_temp.mood AS ENUM ('fine'); CREATE DOMAIN pg_temp.size AS int", nil)
	require.NoError(t, err)
	for _, sql := range []string{"SELECT 'fine'::pg_temp.mood, '{fine}'::pg_temp.mood[], '{1}'::pg_temp.size[]", "SELECT '{1}'::pg_temp.size[]"} {
		res, err := h.Query(h.scope(), sql, nil)
		require.NoError(t, err)
		var oids []uint32
		for _, column := range res.Shape().Columns {
			oids = append(oids, column.OID)
		}
		require.Equal(t, []uint32{pgtype.TextOID, pgtype.TextArrayOID, pgtype.Int4ArrayOID}[3-len(oids):], oids)
	}
}

// A Result that was put together by hand is as one from a server.
func TestNewResult(t *testing.T) {
	shape := &pool.Shape{Columns: []pool.Column{{Name: "a"}, {Name: "b"}}}
	value := []byte("one")
	res := pool.NewResult(shape, pgconn.NewCommandTag("SELECT 2"), value, nil, []byte{}, []byte("two"))
	copy(value, "xxx")
	require.Equal(t, 2, res.Len())
	require.Equal(t, "SELECT 2", res.CommandTag().String())
	require.Equal(t, "one", string(res.Value(0, 0)), "it is a copy")
	require.Nil(t, res.Value(0, 1))
	require.Equal(t, []byte{}, res.Value(1, 0), "empty is not NULL")
	require.Equal(t, "two", string(res.Value(1, 1)))
	require.Zero(t, pool.NewResult(&pool.Shape{}, pgconn.CommandTag{}).Len())
}
