package testrun

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// failOverByHand is what users do with a server of their own.
const failOverByHand = "fail over yours by hand"

// StartStandby starts the temporary PostgreSQL with a hot standby. Pools that
// connect from now on have the hosts of both, with these target_session_attrs.
func (t *Run) StartStandby(ctx context.Context, attributes string) error {
	if t.ownServer() {
		return t.noTemporaryServer("startStandby()", failOverByHand)
	}
	if t.server.running() != nil {
		return &pool.QueryError{Err: errors.New("startStandby(): a pool has connected to the temporary PostgreSQL already; call it first in setup()")}
	}
	if _, err := t.serverURL("standby"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, serverRestartLimit)
	defer cancel()
	standby, err := t.server.running().Standby(ctx)
	if err != nil {
		return &pool.ConnectError{Pool: "standby", Server: "a temporary PostgreSQL", Err: err}
	}
	t.server.mu.Lock()
	defer t.server.mu.Unlock()
	t.server.standby, t.server.attributes = standby, attributes
	return nil
}

// FailOver makes the temporary primary read-only, as one that nobody took away,
// and its standby the primary. It comes back when that takes writes.
func (t *Run) FailOver(ctx context.Context) error {
	t.server.mu.Lock()
	primary, standby := t.server.server, t.server.standby
	t.server.mu.Unlock()
	if standby == nil {
		if t.ownServer() {
			return t.noTemporaryServer("failOver()", failOverByHand)
		}
		return &pool.QueryError{Err: errors.New("failOver(): there is no standby; call startStandby() in setup()")}
	}
	ctx, cancel := context.WithTimeout(ctx, serverRestartLimit)
	defer cancel()
	if err := primary.MakeReadOnly(); err != nil {
		return &pool.QueryError{Err: fmt.Errorf("failOver(): %w", err)}
	}
	if err := awaitStandby(ctx, primary.URL()); err != nil {
		return &pool.QueryError{Err: fmt.Errorf("failOver(): wait for the standby: %w", err)}
	}
	if err := standby.Promote(ctx); err != nil {
		return &pool.QueryError{Err: fmt.Errorf("failOver(): %w", err)}
	}
	return nil
}

// awaitStandby returns when the standby has replayed all that the primary wrote:
// a promotion keeps only what has arrived.
func awaitStandby(ctx context.Context, primary string) error {
	conn, err := pgx.Connect(ctx, primary)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for {
		var current bool
		err := conn.QueryRow(ctx,
			"SELECT EXISTS (SELECT FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn())").Scan(&current)
		if err != nil || current {
			return err
		}
		if !pause(ctx, 10*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}
