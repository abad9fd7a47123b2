package pool

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// interruptInterval is how long a statement may go on after its scope was cut
// off or its time was up, before it is canceled.
const interruptInterval = 20 * time.Millisecond

// waitersPerCheck is how many who go on waiting a check looks at, so that it costs
// the same however many there are: of 50,000 each is looked at once a second.
const waitersPerCheck = 1000

// interrupt cancels statements, and ends waits, whose scope was cut off, and
// statements whose server has fallen silent, until the pool has ended. It looks
// at the connections and the queue from time to time. pgx would start a
// goroutine for every statement to watch its context, for something that happens
// once a test.
func (p *Pool) interrupt() {
	tick := time.NewTicker(interruptInterval)
	defer tick.Stop()
	var open []*connection
	for {
		select {
		case now := <-tick.C:
			open = p.openConnections(open[:0])
			for _, c := range open {
				if c.flight.look(now, c.transport.heard.Load(), p.config.silenceLimit, p.watch != nil) {
					p.background.Go(func() { c.flight.answer(p.isWorking(c)) })
				}
			}
			clear(open)
			p.interruptWaiters()
		case <-p.ended:
			return
		}
	}
}

// isWorking asks whether a silent statement still runs, within connectTimeout and
// until the pool has ended.
func (p *Pool) isWorking(c *connection) bool {
	ctx, cancel := context.WithTimeout(context.Background(), p.config.ConnectTimeout)
	defer cancel()
	p.background.Go(func() {
		select {
		case <-p.ended:
			cancel()
		case <-ctx.Done():
		}
	})
	return p.watch.Working(ctx, c.pgx.PgConn().PID(), time.Since(p.created)-c.opened)
}

// interruptWaiters ends waits whose scope was cut off. It goes on where the last
// check stopped; where the end of a scenario cuts off all, it finds all.
func (p *Pool) interruptWaiters() {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := &p.waiters
	w := q.unchecked
	if w == nil {
		w = q.first
	}
	for going := 0; w != nil && going < waitersPerCheck; {
		next := w.next
		if w.ctx.Err() == nil {
			going++
		} else {
			q.remove(w)
			w.ready <- grant{err: ErrInterrupted}
		}
		w = next
	}
	q.unchecked = w
}

func (p *Pool) openConnections(into []*connection) []*connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.connections {
		into = append(into, c)
	}
	return into
}

// ending is how a statement came to its end.
type ending int

const (
	undisturbed ending = iota
	interrupted        // its scope was cut off
	expired            // the server was silent for too long
	overdue            // it took longer than its call's timeout
	unanswered         // it is a round trip of the pool's, and had no answer within its limit
)

// flight is the statement that runs on a connection, if one does.
type flight struct {
	mu      sync.Mutex
	ctx     context.Context // of the scope it runs in; nil: none runs
	sql     string
	until   time.Time // zero: the call has no timeout
	expires time.Time // when a round trip of the pool's fails at the latest; zero: it is none
	started uint64    // counts statements
	ending  ending
	conn    *pgconn.PgConn
	cancel  chan bool // the end of a cancel request: whether the server has taken it

	// What interrupt saw when it looked last, and since when it sees it.
	seen      progress
	seenSince time.Time
	asked     progress // at which the server was asked whether it works on the statement
	asking    bool     // the answer is not there yet
	stopped   progress // at which it did not
}

// progress changes with every statement and with everything that arrives.
type progress struct {
	started, heard uint64
}

// enter notes that a statement is about to run in s.
func (f *flight) enter(s *Scope, sql string) error {
	if s.ctx.Err() != nil {
		return ErrInterrupted
	}
	f.mu.Lock()
	f.ctx, f.sql, f.until, f.expires = s.ctx, sql, time.Time{}, time.Time{}
	if s.Limits.Timeout > 0 {
		f.until = time.Now().Add(s.Limits.Timeout)
	}
	f.started++
	f.mu.Unlock()
	return nil
}

// enterRoundTrip notes that statements of the pool's own are about to run in s. A
// deadline of the connection's would cost as much as all else that the client does for
// one of them.
func (f *flight) enterRoundTrip(s *Scope, expires time.Time) error {
	if s.ctx.Err() != nil {
		return ErrInterrupted
	}
	f.mu.Lock()
	f.ctx, f.sql, f.until, f.expires = s.ctx, "", time.Time{}, expires
	f.started++
	f.mu.Unlock()
	return nil
}

// leave notes that the statement is over, and reports whether it was cut off.
// It returns only when a cancel request can no longer hit what the
// connection does next.
func (f *flight) leave() ending {
	f.mu.Lock()
	e := f.ending
	f.ctx, f.sql, f.ending = nil, "", undisturbed
	f.mu.Unlock()
	switch e {
	case undisturbed:
		return e
	case unanswered:
		_ = f.conn.Conn().SetDeadline(time.Time{}) // an error says that it is closed
		return e
	}
	if taken := <-f.cancel; !taken {
		ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
		defer cancel()
		_ = f.conn.Close(ctx) // the request may come yet, and hit what runs then
		return e
	}
	_ = f.conn.Conn().SetDeadline(time.Time{}) // an error says that it is closed
	return e
}

// look cancels the statement if its scope was cut off, if its call's time is up,
// or if nothing has been heard for the limit. heard counts what has arrived on the
// connection. Where the server can be asked whether it works on the statement, ask
// says that it has to be: the answer decides.
func (f *flight) look(now time.Time, heard uint64, limit func(sql string) time.Duration, askable bool) (ask bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx == nil || f.ending != undisturbed {
		return false
	}
	if p := (progress{f.started, heard}); p != f.seen {
		f.seen, f.seenSince = p, now
	}
	switch {
	case f.ctx.Err() != nil:
		f.ending = interrupted
	case isPast(f.until, now):
		f.ending = overdue
	case isPast(f.expires, now):
		f.ending = unanswered
		_ = f.conn.Conn().SetDeadline(time.Unix(1, 0)) // an error says that it is closed
		return false
	case f.sql != "" && now.Sub(f.seenSince) > limit(f.sql):
		if askable && f.stopped != f.seen {
			ask = !f.asking
			f.asked, f.asking = f.seen, true
			return ask
		}
		f.ending = expired
	default:
		return false
	}
	f.cancel = make(chan bool, 1)
	go requestCancel(f.conn, f.cancel)
	return false
}

func isPast(limit, now time.Time) bool { return !limit.IsZero() && now.After(limit) }

// answer takes the server's answer. A statement on which it works has the limit
// once more: how long it may take is the server's to say, by SET LOCAL
// statement_timeout too.
func (f *flight) answer(working bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asking = false
	switch {
	case !working:
		f.stopped = f.asked
	case f.seen == f.asked:
		f.seenSince = time.Now()
	}
}

// afterCancel is how long a signal may be on its way to the backend after the
// server has taken the request: pgx's own margin.
const afterCancel = 100 * time.Millisecond

// requestCancel cancels the statement on the server, and gives its connection
// closeGrace to end. It waits until the server has taken the request, even when
// the statement has ended meanwhile. pgx's own handler cuts the request off then,
// which on a busy server still arrives and cancels the next user's statement.
func requestCancel(conn *pgconn.PgConn, done chan<- bool) {
	deadline := time.Now().Add(closeGrace)
	_ = conn.Conn().SetDeadline(deadline) // an error says that it is closed
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	err := conn.CancelRequest(ctx)
	time.Sleep(afterCancel)
	done <- err == nil && ctx.Err() == nil
}

// runs tells whether a statement runs.
func (f *flight) runs() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ctx != nil
}

// fail makes the statement fail now. It is false if none runs.
func (f *flight) fail() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx == nil {
		return false
	}
	_ = f.conn.Conn().SetDeadline(time.Unix(1, 0)) // an error says that it is closed
	return true
}

// silenceLimit is how long the server may be silent while sql runs: the
// statementTimeout within which it has to end a statement, and connectTimeout
// for its answer to arrive. A string with several statements has the
// statementTimeout for each; there is at most one more than semicolons.
func (c *Config) silenceLimit(sql string) time.Duration {
	if c.StatementTimeout <= 0 {
		return never
	}
	return c.StatementTimeout*time.Duration(1+strings.Count(sql, ";")) + c.ConnectTimeout
}
