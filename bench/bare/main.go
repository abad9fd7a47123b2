// Command bare is the yardstick of the comparison: users in a loop over a plain
// pgxpool, nothing measured on the way. It prints how many queries it ran.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run() error {
	url := flag.String("url", os.Getenv("DATABASE_URL"), "the database")
	users := flag.Int("users", 100, "concurrent users")
	size := flag.Int("pool", 20, "connections")
	rows := flag.Int("rows", 1, "rows of each result")
	duration := flag.Duration("duration", 5*time.Second, "how long")
	flag.Parse()

	config, err := pgxpool.ParseConfig(*url)
	if err != nil {
		return err
	}
	config.MaxConns = int32(*size) // #nosec G115 -- a flag of ours
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return err
	}
	defer pool.Close()

	var queries atomic.Int64
	ctx, cancel := context.WithTimeout(context.Background(), *duration)
	defer cancel()
	var wg sync.WaitGroup
	errs := make(chan error, *users)
	for user := range *users {
		wg.Go(func() {
			n, err := loop(ctx, pool, user, *rows)
			queries.Add(n)
			errs <- err
		})
	}
	wg.Wait()
	for range *users {
		if err := <-errs; err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"queries": queries.Load()})
}

// loop reads rows by primary key until ctx is done. The statement itself gets a
// context that is never canceled, as in a program that knows what is fast.
func loop(ctx context.Context, pool *pgxpool.Pool, user, rows int) (n int64, err error) {
	sql, args := "SELECT id, title, total FROM bench WHERE id = $1", []any{0}
	if rows > 1 {
		sql, args = "SELECT id, title, total FROM bench WHERE id >= $1 ORDER BY id LIMIT $2", []any{0, rows}
	}
	for i := 0; ctx.Err() == nil; i++ {
		args[0] = 1 + (user*7919+i)%10000
		r, err := pool.Query(context.Background(), sql, args...)
		if err != nil {
			return n, err
		}
		for r.Next() {
			var (
				id    int32
				title string
				total int64
			)
			if err := r.Scan(&id, &title, &total); err != nil {
				return n, err
			}
		}
		if err := r.Err(); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
