package pgxtext

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// refused is what pgx says of a call.
func refused(t *testing.T, conn *pgx.Conn, sql string, args ...any) error {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql, args...)
	require.Error(t, err)
	return err
}

func TestUnfitArguments(t *testing.T) {
	conn := pgtest.Conn(t, pgtest.URL(t))
	unfit, ok := Unfit(refused(t, conn, "SELECT $1::text, $2::int4", "a", []string{"b"}))
	require.True(t, ok)
	require.Equal(t, UnfitArgument{Position: 2, Value: `[]string{"b"}`, Type: "int4", OID: "23"}, unfit)
	unfit, ok = Unfit(refused(t, conn, "SELECT $1::int4", int64(1)<<40))
	require.True(t, ok)
	require.Equal(t, "1099511627776", unfit.Beyond)
	unfit, ok = Unfit(refused(t, conn, "SELECT $1::int2", -40000))
	require.True(t, ok)
	require.Equal(t, "-40000", unfit.Beyond)
	_, ok = Unfit(refused(t, conn, "SELECT nothing"))
	require.False(t, ok)
}

func TestMiscountedArguments(t *testing.T) {
	conn := pgtest.Conn(t, pgtest.URL(t))
	rows, _ := conn.Query(t.Context(), "SELECT $1::int4, $2::int4", 1)
	rows.Close()
	queried := rows.Err()
	require.Error(t, queried)
	simple := pgx.QueryExecModeSimpleProtocol
	for name, tt := range map[string]struct {
		err  error
		want Miscounted
	}{
		"query":                     {queried, Miscounted{Parameters: 2, Arguments: 1, TooFew: true}},
		"exec":                      {refused(t, conn, "SELECT $1::int4", 1, 2), Miscounted{}},
		"simple protocol, too few":  {refused(t, conn, "SELECT $1::int4, $2::int4", simple, 1), Miscounted{TooFew: true}},
		"simple protocol, too many": {refused(t, conn, "SELECT $1::int4", simple, 1, 2), Miscounted{Unused: 2}},
	} {
		count, ok := Count(tt.err)
		require.True(t, ok, "%s: %v", name, tt.err)
		require.Equal(t, tt.want, count, name)
	}
	_, ok := Count(refused(t, conn, "SELECT nothing"))
	require.False(t, ok)
}
