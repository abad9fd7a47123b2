package monitor

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Named is an application name and how many sessions have it.
type Named struct {
	Name     string
	Sessions int
}

// The most common first, at most so many as fit a line.
const readNames = `
SELECT application_name, count(*)::int
FROM pg_stat_activity
WHERE application_name NOT IN ('', '` + ApplicationName + `')
	AND (backend_type = 'client backend' OR backend_type IS NULL AND usesysid IS NOT NULL AND datid IS NOT NULL)
GROUP BY application_name ORDER BY count(*) DESC, application_name LIMIT 20`

// Names lists the application names that sessions on the server have, the most
// common first, at most 20, the monitor's own left out.
func Names(ctx context.Context, conn *pgx.Conn) ([]Named, error) {
	rows, err := conn.Query(ctx, readNames)
	if err != nil {
		return nil, fmt.Errorf("listing the application names: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Named])
	if err != nil {
		return nil, fmt.Errorf("listing the application names: %w", err)
	}
	return names, nil
}
