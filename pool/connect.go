package pool

import (
	"context"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// opened is the outcome of opening one connection.
type opened struct {
	record *record
	took   time.Duration
	err    error
}

// open opens a connection for the holder of a place. It runs apart from the
// caller, whose scope may be cut off: the connection then goes to the next in
// line instead. If it fails the place is free again.
func (p *Pool) open(s *Scope) (*record, error) {
	done := make(chan opened, 1)
	p.background.Go(func() {
		start := time.Now()
		r, err := p.connect()
		done <- opened{r, time.Since(start), err}
	})
	select {
	case o := <-done:
		return p.admit(o, s.observer)
	case <-s.ctx.Done():
		p.background.Go(func() {
			if r, err := p.admit(<-done, p.observer); err == nil {
				p.giveBack(r, p.observer)
			}
		})
		return nil, ErrInterrupted
	}
}

// admit counts a connection that was opened, or frees the place.
func (p *Pool) admit(o opened, observer Observer) (*record, error) {
	p.mu.Lock()
	p.opening--
	if o.err != nil {
		closed := p.closed
		p.freePlaceLocked()
		p.mu.Unlock()
		if closed {
			return nil, ErrClosed(p.config.Name)
		}
		return nil, &ConnectError{Pool: p.config.Name, Server: p.server, Err: o.err}
	}
	p.records[o.record] = struct{}{}
	p.counts.Connects++
	p.counts.Total++
	p.notePeakLocked()
	p.mu.Unlock()
	observer.Connected(time.Now(), o.took)
	return o.record, nil
}

// connect opens one connection within connectTimeout.
func (p *Pool) connect() (*record, error) {
	conn, err := pgx.ConnectConfig(context.Background(), p.attempt())
	if err != nil {
		return nil, err
	}
	r, err := newRecord(conn, time.Since(p.created))
	if err != nil {
		_ = conn.Close(context.Background()) // err says more
		return nil, err
	}
	return r, nil
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
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return build(d.current.guard(r), w)
	}
	return config
}
