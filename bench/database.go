package main

import (
	"context"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
)

// startDatabase starts a temporary PostgreSQL with the table of the comparison.
func startDatabase(ctx context.Context, connections int) (*embedded.Server, error) {
	server, err := embedded.Start(ctx, embedded.Config{
		MaxConnections: connections + 20,
		Notify:         func(line string) { fmt.Fprintln(os.Stderr, line) },
	})
	if err != nil {
		return nil, err
	}
	if err := seed(ctx, server.URL()); err != nil {
		_ = server.Stop()
		return nil, err
	}
	return server, nil
}

func seed(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connecting to fill the table: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // the rows are in
	for _, sql := range []string{
		`CREATE TABLE bench (id int PRIMARY KEY, title text NOT NULL, total bigint NOT NULL)`,
		`INSERT INTO bench SELECT i, 'title ' || i, i * 3 FROM generate_series(1, 10200) i`,
		`VACUUM (ANALYZE) bench`,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("filling the table: %w", err)
		}
	}
	return nil
}
