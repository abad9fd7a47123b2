// Package fastapi_test runs the example application on a real PostgreSQL.
package fastapi_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/flowboardtest"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// TestApplication shares one database between its tests, none of which writes: seeding takes longer than most of them.
func TestApplication(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	for name, test := range map[string]func(*testing.T, string){
		"list is what the tables hold":                    testList,
		"impossible parameters are the client's fault":    testParameters,
		"pre-ping replaces a killed connection":           testPrePing,
		"recycle replaces a connection by age":            testRecycle,
		"environment wins over .env":                      testEnvironmentWins,
		"DATABASE_URL is accepted as others write it":     testDatabaseURL,
		"impossible settings end the start with one line": testImpossibleSettings,
	} {
		t.Run(name, func(t *testing.T) { test(t, url) })
	}
}

// TestApplicationWithHeldConnections waits for requests that hold connections for seconds. Each test counts the
// sessions of a database of its own.
func TestApplicationWithHeldConnections(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T, string){
		"exhausted pool is 503":                  testExhaustedPool,
		"pool levels are what the database sees": testPoolLevels,
		".env with the runbook's names":          testEnvFile,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, pgtest.Database(t))
		})
	}
}

type issue struct {
	ID        int       `json:"id"`
	ProjectID int       `json:"project_id"`
	Title     string    `json:"title"`
	Status    string    `json:"status"`
	Priority  int       `json:"priority"`
	Assignee  *string   `json:"assignee"`
	Comments  int       `json:"comments"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type page struct {
	Items []issue `json:"items"`
	Total int     `json:"total"`
}

func list(t *testing.T, app *flowboardtest.App, query string) page {
	t.Helper()
	status, body := app.Get(t, "/api/issues?"+query)
	require.Equal(t, http.StatusOK, status, "%s", body)
	var answer page
	require.NoError(t, json.Unmarshal(body, &answer))
	inUTC(answer.Items)
	return answer
}

// inUTC makes equal times equal values.
func inUTC(issues []issue) {
	for i := range issues {
		issues[i].CreatedAt, issues[i].UpdatedAt = issues[i].CreatedAt.UTC(), issues[i].UpdatedAt.UTC()
	}
}

// testList compares the pages with plain SQL, written another way than the application's.
func testList(t *testing.T, url string) {
	app := flowboardtest.Start(t, flowboardtest.Config{DatabaseURL: url})
	conn := pgtest.Conn(t, url)

	for _, test := range []struct {
		query, where  string
		total         int
		limit, offset int
	}{
		{query: "", where: "true", total: 20_000, limit: 20},
		{query: "project=3&status=open", where: "project_id = 3 AND status = 'open'", total: 300, limit: 20},
		{query: "project=3&status=open&limit=7&offset=14", where: "project_id = 3 AND status = 'open'", total: 300, limit: 7, offset: 14},
		{query: "project=20", where: "project_id = 20", total: 1000, limit: 20},
		{query: "status=review&limit=100", where: "status = 'review'", total: 2000, limit: 100},
		{query: "project=3&status=done&offset=395", where: "project_id = 3 AND status = 'done'", total: 400, limit: 20, offset: 395},
		{query: "project=21", where: "project_id = 21", total: 0, limit: 20},
	} {
		answer := list(t, app, test.query)
		require.Equal(t, test.total, answer.Total, test.query)
		require.Equal(t, expected(t, conn, test.where, test.limit, test.offset), answer.Items, test.query)
		require.Len(t, answer.Items, min(test.limit, test.total-test.offset), test.query)
	}
}

// expected is one page of issues, newest change first.
func expected(t *testing.T, conn *pgx.Conn, where string, limit, offset int) []issue {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		SELECT i.id, i.project_id, i.title, i.status, i.priority, u.name, count(c.id), i.created_at, i.updated_at
		FROM issues i LEFT JOIN users u ON u.id = i.assignee_id LEFT JOIN comments c ON c.issue_id = i.id
		WHERE `+where+`
		GROUP BY i.id, u.id ORDER BY i.updated_at DESC, i.id DESC LIMIT $1 OFFSET $2`, limit, offset)
	require.NoError(t, err)
	issues, err := pgx.CollectRows(rows, pgx.RowToStructByPos[issue])
	require.NoError(t, err)
	inUTC(issues)
	return issues
}

func testParameters(t *testing.T, url string) {
	app := flowboardtest.Start(t, flowboardtest.Config{DatabaseURL: url})
	for _, query := range []string{
		"status=closed", "project=0", "project=x", "project=2147483648",
		"limit=0", "limit=101", "offset=-1", "hold=-1", "hold=61", "hold=nan",
	} {
		status, body := app.Get(t, "/api/issues?"+query)
		require.Equal(t, http.StatusUnprocessableEntity, status, "%s: %s", query, body)
	}
}
