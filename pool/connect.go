package pool

import (
	"context"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// opened is the outcome of opening one connection.
type opened struct {
	connection *connection
	took       time.Duration
	err        error
}

// open opens a connection for the holder of a place. It runs apart from the
// caller, whose scope may be cut off: the connection then goes to the next in
// line instead. If it fails the place is free again, and is a slot of the idle
// list if it was one before.
func (p *Pool) open(s *Scope, slot bool) (*connection, error) {
	done := make(chan opened, 1)
	p.background.Go(func() {
		start := time.Now()
		c, err := p.connect()
		done <- opened{c, time.Since(start), err}
	})
	select {
	case o := <-done:
		return p.admit(o, slot, s.observer)
	case <-s.ctx.Done():
		p.background.Go(func() {
			if c, err := p.admit(<-done, slot, p.observer); err == nil {
				p.giveBack(c, p.observer)
			}
		})
		return nil, ErrInterrupted
	}
}

// admit counts a connection that was opened, or frees the place.
func (p *Pool) admit(o opened, slot bool, observer Observer) (*connection, error) {
	p.mu.Lock()
	p.opening--
	if o.err != nil {
		closed := p.closed
		p.freePlaceLocked(slot)
		p.mu.Unlock()
		if closed {
			return nil, ErrClosed(p.config.Name)
		}
		return nil, &ConnectError{Pool: p.config.Name, Server: p.server, Err: o.err}
	}
	p.connections[o.connection] = struct{}{}
	p.counts.Connects++
	p.counts.Total++
	p.mu.Unlock()
	observer.Connected(time.Now(), o.took)
	return o.connection, nil
}

// connect opens one connection within connectTimeout.
func (p *Pool) connect() (*connection, error) {
	conn, err := pgx.ConnectConfig(context.Background(), p.attempt())
	if err != nil {
		return nil, err
	}
	if err := p.learn(conn.PgConn()); err != nil {
		if t, lost := transportOf(conn.PgConn().Conn()); lost == nil {
			_ = t.Conn.Close() // pgx would wait for the server's end
		}
		return nil, err
	}
	c, err := newConnection(conn, time.Since(p.created))
	if err != nil {
		_ = conn.Close(context.Background()) // err says more
		return nil, err
	}
	c.renewed = p.renewed.Load()
	return c, nil
}

// attempt is how pgx opens one connection: through a dialer of its own.
func (p *Pool) attempt() *pgx.ConnConfig {
	config := p.connConfig.Copy()
	d := &dialer{deadline: time.Now().Add(p.config.ConnectTimeout)}
	lookup, build := config.LookupFunc, config.BuildFrontend
	config.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		ctx, cancel := context.WithDeadline(ctx, d.deadline)
		defer cancel()
		return lookup(ctx, host)
	}
	config.DialFunc = d.dial
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { // pgx would keep them for ever
		p.notified.Do(func() { p.observer.Notified(time.Now()) })
	}
	config.BuildFrontend = func(c io.Reader, w io.Writer) *pgproto3.Frontend {
		return build(d.current.guard(c), w)
	}
	return config
}
