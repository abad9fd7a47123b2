package fastapi_test

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/flowboard/xk6-pgxpool/internal/flowboardtest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func seed(ctx context.Context, t *testing.T, conn *pgx.Conn) error {
	t.Helper()
	script, err := os.ReadFile("../../scripts/lib/seed.sql")
	require.NoError(t, err)
	_, err = conn.Exec(ctx, string(script)) // without arguments: several statements at once
	return err
}

// contents is a digest of every row of every table.
func contents(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	var digest string
	err := conn.QueryRow(t.Context(), `SELECT md5(string_agg(line, ';' ORDER BY line)) FROM (
		SELECT 'p' || p::text FROM projects p UNION ALL SELECT 'u' || u::text FROM users u UNION ALL
		SELECT 'i' || i::text FROM issues i UNION ALL SELECT 'c' || c::text FROM comments c) AS rows (line)`).Scan(&digest)
	require.NoError(t, err)
	return digest
}

func TestSeedIsDeterministicAndChangesNothingLater(t *testing.T) {
	first, second := pgtest.Conn(t, pgtest.Database(t)), pgtest.Conn(t, pgtest.Database(t))
	require.NoError(t, seed(t.Context(), t, first))
	require.NoError(t, seed(t.Context(), t, second))
	require.Equal(t, contents(t, first), contents(t, second))

	_, err := first.Exec(t.Context(), "UPDATE issues SET title = 'mine' WHERE id = 1; DELETE FROM comments WHERE id = 1")
	require.NoError(t, err)
	mine := contents(t, first)
	require.NoError(t, seed(t.Context(), t, first))
	require.Equal(t, mine, contents(t, first))

	var id int
	require.NoError(t, first.QueryRow(t.Context(),
		"INSERT INTO issues (project_id, title, status, priority) VALUES (1, 'new', 'open', 1) RETURNING id").Scan(&id))
	require.Equal(t, 20_001, id, "an inserted issue gets the next id")
}

func TestSeedsAtOnceDoNotCollide(t *testing.T) {
	url := pgtest.Database(t)
	var group errgroup.Group
	for range 4 {
		conn := pgtest.Conn(t, url)
		group.Go(func() error { return seed(t.Context(), t, conn) })
	}
	require.NoError(t, group.Wait())

	var issues, comments int
	require.NoError(t, pgtest.Conn(t, url).QueryRow(t.Context(),
		"SELECT (SELECT count(*) FROM issues), (SELECT count(*) FROM comments)").Scan(&issues, &comments))
	require.Equal(t, []int{20_000, 40_000}, []int{issues, comments})
}

// TestTotalReadsTheIndexAlone holds the application to vacuuming after the seeding, and the seeding to its index.
func TestTotalReadsTheIndexAlone(t *testing.T) {
	url := pgtest.Database(t)
	flowboardtest.Start(t, flowboardtest.Config{DatabaseURL: url})

	var plans []struct {
		Plan planNode `json:"Plan"`
	}
	require.NoError(t, pgtest.Conn(t, url).QueryRow(t.Context(), `EXPLAIN (ANALYZE, FORMAT JSON)
		SELECT count(*) FROM issues WHERE project_id = 3 AND status = 'open'`).Scan(&plans))
	require.Len(t, plans, 1)
	require.Len(t, plans[0].Plan.Plans, 1)
	scan := plans[0].Plan.Plans[0]
	require.Equal(t, "Index Only Scan", scan.NodeType)
	require.Zero(t, scan.HeapFetches)
	require.InDelta(t, 300, scan.ActualRows, 0)
}

type planNode struct {
	NodeType    string     `json:"Node Type"`
	ActualRows  float64    `json:"Actual Rows"`
	HeapFetches int        `json:"Heap Fetches"`
	Plans       []planNode `json:"Plans"`
}
