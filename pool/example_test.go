package pool_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// databaseURL is where the examples' PostgreSQL is, such as
// postgres://user:password@localhost/database.
func databaseURL() string { return pgtest.ExampleURL() }

func Example() {
	config := pool.DefaultConfig() // 20 + 40 connections
	config.URL = databaseURL()
	p, err := pool.New(config, pool.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Shutdown(context.Background())

	s := pool.NewScope(context.Background(), pool.NopObserver{})
	result, err := p.Query(s, "SELECT n::text, n * n FROM generate_series(1, $1::int) n", []any{3})
	if err != nil {
		log.Fatal(err)
	}
	for row := range result.Len() {
		fmt.Printf("%s squared is %s\n", result.Value(row, 0), result.Value(row, 1))
	}
	// Output:
	// 1 squared is 1
	// 2 squared is 4
	// 3 squared is 9
}

// A transaction needs one connection from its beginning to its end. Release
// rolls back what was not committed.
func ExamplePool_Acquire() {
	config := pool.DefaultConfig()
	config.URL = databaseURL()
	p, err := pool.New(config, pool.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Shutdown(context.Background())

	s := pool.NewScope(context.Background(), pool.NopObserver{})
	transfer := func() error {
		conn, err := p.Acquire(s, nil)
		if err != nil {
			return err
		}
		defer conn.Release()
		if err := conn.Begin(s); err != nil {
			return err
		}
		result, err := conn.Exec(s, "CREATE TEMPORARY TABLE account AS SELECT 100 AS balance", nil)
		if err != nil {
			return err
		}
		fmt.Println(result.CommandTag())
		return conn.Commit(s)
	}
	fmt.Println(transfer())
	fmt.Println("active:", p.Stat().Active)
	// Output:
	// SELECT 1
	// <nil>
	// active: 0
}

// A transaction inside a transaction is a savepoint: what fails in it is undone alone.
func ExampleConn_Transaction() {
	config := pool.DefaultConfig()
	config.URL = databaseURL()
	p, err := pool.New(config, pool.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Shutdown(context.Background())

	s := pool.NewScope(context.Background(), pool.NopObserver{})
	conn, err := p.Acquire(s, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Release()

	outer, err := conn.Transaction(s, pool.TransactionOptions{Isolation: pool.Serializable}, 0)
	if err != nil {
		log.Fatal(err)
	}
	inner, err := conn.Transaction(s, pool.TransactionOptions{}, 0)
	if err != nil {
		log.Fatal(err)
	}
	_, err = conn.Query(s, "SELECT 1/0", nil)
	fmt.Println(err)
	inner.Rollback()

	result, err := conn.Query(s, "SELECT current_setting('transaction_isolation')", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", result.Value(0, 0))
	fmt.Println(outer.Commit(s))
	// Output:
	// ERROR: division by zero (SQLSTATE 22012)
	// serializable
	// <nil>
}

// A pool of one connection that somebody holds: the next caller waits for
// PoolTimeout, and the error carries the pool's state.
func ExampleTimeoutError() {
	config := pool.DefaultConfig()
	config.URL = databaseURL()
	config.PoolSize, config.MaxOverflow = 1, 0
	config.PoolTimeout = 10 * time.Millisecond
	p, err := pool.New(config, pool.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Shutdown(context.Background())

	s := pool.NewScope(context.Background(), pool.NopObserver{})
	held, err := p.Acquire(s, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer held.Release()

	_, err = p.Query(s, "SELECT 1", nil)
	var timeout *pool.TimeoutError
	if errors.As(err, &timeout) {
		fmt.Printf("size=%d active=%d limit=%v\n", timeout.Stat.Size, timeout.Stat.Active, timeout.Limit)
	}
	// Output:
	// size=1 active=1 limit=10ms
}

// slowest keeps the longest wait. An observer embeds NopObserver and overrides
// what it wants to hear of.
type slowest struct {
	pool.NopObserver
	wait time.Duration
}

func (o *slowest) Acquired(_ time.Time, wait time.Duration, _ error) { o.wait = max(o.wait, wait) }

func ExampleObserver() {
	config := pool.DefaultConfig()
	config.URL = databaseURL()
	p, err := pool.New(config, pool.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Shutdown(context.Background())

	var seen slowest
	if _, err := p.Query(pool.NewScope(context.Background(), &seen), "SELECT 1", nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println("waited:", seen.wait > 0)
	// Output:
	// waited: true
}
