// Package pool is SQLAlchemy's QueuePool for PostgreSQL, on pgx connections: a
// base size, overflow under load, a timeout on the wait for a place, recycling
// and pre-ping at checkout, and waiters served in order of arrival. It is the
// pool behind the k6 module k6/x/pgxpool and can be used without k6.
//
// # Places
//
// There are PoolSize + MaxOverflow places. A checkout takes a place, or waits
// for one in a queue until PoolTimeout. With the place comes an idle
// connection, the connection that another caller has just returned, or the
// permission to open one. A place is taken from then until the connection is
// returned: while it is opened, pinged or closed too.
//
// On return the connection goes to the caller that has waited longest. Without
// waiters it becomes idle if fewer than PoolSize are, and is closed otherwise.
// As in QueuePool nothing is closed in the background: age is looked at when a
// connection is checked out, and at no other time.
//
// The server never has more connections of a pool than there are places. A
// connection keeps its place until the server has ended its side.
//
// # Use
//
// Make a [Config] with [DefaultConfig], a [Pool] with [New], and a [Scope] for
// each unit of work, such as a request. [Pool.Query] and [Pool.Exec] check a
// connection out for one statement; [Pool.Acquire] for as long as the caller
// needs it. Results are read as a whole and outlive the connection.
//
// Errors are a [TimeoutError] (no place came free), a [ConnectError], a
// [QueryError] (the statement failed, the connection lives on), a
// [ConnectionLostError], a [ConfigError], or [ErrInterrupted].
//
// A pool reports what happens in it to an [Observer]; [Pool.Stat] is a snapshot
// of its levels and counts.
package pool
