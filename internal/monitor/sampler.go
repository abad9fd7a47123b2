// Package monitor watches a live pool from the database's side: the sessions
// of one application, what they wait for, the room left on the server, and the
// CPU of its host. It joins that with what the application says about its own
// pool and names the layer that holds things up.
package monitor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgconn"
)

// Config says whom a Sampler watches, and how.
type Config struct {
	// Conn is how to connect; its application_name and statement_timeout are
	// replaced, see Connect.
	Conn *pgx.ConnConfig
	// selection says which sessions to watch, in every database of the server.
	selection Selection
	// pool is that of one process.
	pool Pool
	// workers is how many processes there are, 0 to find out.
	workers int
	// health asks the application about its pool; nil asks the database only.
	health *health
	// pgBouncer is the console of the pooler between; nil for none. Where the
	// monitor's own connection goes through PgBouncer, its console is tried.
	pgBouncer *pgBouncer
}

// Sampler samples one application's pool from the database's side and, with
// Config.health, from the application's. It has one connection of its own, which
// it opens on first use and opens again when it is lost.
//
// It is not safe for concurrent use.
type Sampler struct {
	cfg     Config
	conn    *pgx.Conn
	cpu     CPU
	strain  CPUTally
	cpuOff  bool // for good, on this connection
	seen    bool // a session of the application, at some time
	resized bool
	notices notices

	workers   int            // as given or found, at least 1
	foundBy   string         // what told that there are several
	stayed    map[int32]stay // by pid
	pooled    bool           // the connection goes through a pooler
	clients   clientProcesses
	beside    *pgBouncer // its console, where the pooler was not named
	besideOff bool       // it does not answer
	own       ownLoad
	logins    []login // of the last sample, or before it the last ones known
}

// Resize sets the pool of one process from now on, of an application that is
// restarted for it: processes are counted again, and a time without sessions is not
// reported.
func (s *Sampler) Resize(pool Pool) {
	s.cfg.pool, s.workers, s.stayed, s.clients, s.resized = pool, 0, nil, clientProcesses{}, true
}

// TraceQueryStart counts a transaction of the Sampler's own; batches are counted
// where they are read.
func (o *ownLoad) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	o.transactions++
	return ctx
}

// TraceQueryEnd does nothing: pgx asks for it.
func (*ownLoad) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// NewSampler does not connect yet: the first Sample does.
func NewSampler(cfg Config) *Sampler { return &Sampler{cfg: cfg} }

// MinInterval is the shortest time between two samples. A sample takes about
// half a millisecond of processor time here and one in the server with 60
// sessions (BenchmarkSample), so that both stay far below 1 % of one core.
const MinInterval = 500 * time.Millisecond

// sampleTimeout bounds one sample on this side; the server's own limit comes
// first where it works.
const sampleTimeout = StatementTimeout + time.Second

// Sample takes one sample. It never takes much longer than StatementTimeout, or
// the time to connect if it has to, and reports a failure in the sample. The next
// one tries again.
func (s *Sampler) Sample(ctx context.Context) Sample {
	s.workers = max(1, s.cfg.workers, s.workers)
	sample := Sample{Time: time.Now()}
	var wait sync.WaitGroup
	var healthErr, poolerErr error
	if s.cfg.health != nil {
		wait.Go(func() { sample.Application, healthErr = s.cfg.health.read(ctx, s.workers) })
	}
	if s.cfg.pgBouncer != nil {
		wait.Go(func() { sample.Pooler, poolerErr = s.cfg.pgBouncer.read(ctx) })
	}
	sample.Database, sample.Err = s.readDatabase(ctx)
	wait.Wait()
	if s.pooled && sample.Pooler == nil {
		sample.Pooler = s.readBeside(ctx)
	}
	sample.unanswered = healthErr != nil
	if d := sample.Database; d != nil {
		sample.clients = s.clients.look(ctx, d.watched)
		sample.mostOfOne = s.clients.mostOfOne(d.watched)
	}
	if name := s.poolerOf(sample); name != "" && sample.Pooler == nil {
		sample.Pooler = &Pooler{Version: name}
	}
	s.countWorkers(sample)
	sample.Pool = s.cfg.pool.of(s.workers)
	if ctx.Err() == nil {
		s.explainDatabase(ctx, sample.Database, sample.Err)
		s.notices.answered(aboutApplication, healthErr, "the application does not report its pool, asking again every interval: ",
			"the application reports its pool again")
		s.notices.answered(aboutPooler, poolerErr, "", "PgBouncer's console answers again")
		s.explainWorkers(sample)
	}
	sample.Notices = s.notices.take()
	return sample
}

// stay is a session that was there before.
type stay struct {
	samples int // in a row
	since   time.Time
}

// manySamples in a row have a session that is a pool's. One that its client has
// left ends with its statement.
const manySamples = 3

// countWorkers estimates the number of processes if it is not configured: by their
// pids, or by the sessions that stay open, of which each can have only so many.
func (s *Sampler) countWorkers(sample Sample) {
	if s.cfg.workers > 0 {
		return
	}
	if s.cfg.health != nil {
		if found := s.cfg.health.found(); found > s.workers {
			s.workers, s.foundBy = found, fmt.Sprintf("the application answers with %d pids", found)
		}
	}
	if n := siblings(sample.clients); n > s.workers && sample.Pooler == nil {
		s.workers, s.foundBy = n, fmt.Sprintf("the sessions belong to %d processes of this machine", n)
	}
	d := sample.Database
	if d == nil || sample.Pooler != nil || sample.Application != nil && sample.Application.Complete {
		return
	}
	many := s.countStaying(d, sample.Time)
	if one := s.cfg.pool.Capacity(); many > one*s.workers {
		s.workers = (many + one - 1) / one
		s.foundBy = fmt.Sprintf("%d sessions stay open: the application has at least %d processes", many, s.workers)
	}
}

// countStaying counts the sessions that have been there for manySamples and are not
// in one statement all the time.
func (s *Sampler) countStaying(d *Database, now time.Time) (many int) {
	stayed := make(map[int32]stay, d.Open)
	for _, session := range d.watched {
		known, ok := s.stayed[session.pid]
		if !ok {
			known.since = now
		}
		known.samples++
		stayed[session.pid] = known
		oneStatement := session.state == stateActive && Seconds(session.inState+BriefIdle) >= now.Sub(known.since)
		if known.samples >= manySamples && !oneStatement {
			many++
		}
	}
	s.stayed = stayed
	return many
}

// readBeside asks the console of the pooler that the monitor's own connection
// goes through. No answer is no problem, since the user did not name it.
func (s *Sampler) readBeside(ctx context.Context) *Pooler {
	if s.besideOff {
		return &Pooler{}
	}
	if s.beside == nil {
		s.beside = beside(s.cfg.Conn)
	}
	pooler, err := s.beside.read(ctx)
	if err != nil {
		s.besideOff = ctx.Err() == nil
		return &Pooler{}
	}
	return pooler
}

// Connect opens the connection if there is none, so that a caller finds out early
// whether the server can be reached. A context that ended while a statement ran has
// closed the one that was there.
func (s *Sampler) Connect(ctx context.Context) (*pgx.Conn, error) {
	if s.conn != nil && !s.conn.IsClosed() {
		return s.conn, nil
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.cfg.Conn.ConnectTimeout, sampleTimeout))
	defer cancel()
	cfg := s.cfg.Conn.Copy()
	if cfg.Tracer = &s.own; s.cfg.Conn.Tracer != nil {
		cfg.Tracer = multitracer.New(&s.own, s.cfg.Conn.Tracer)
	}
	conn, pooled, err := connect(ctx, cfg)
	if err != nil {
		// These are refused after the database was found, which counts them.
		if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && slices.Contains([]string{"42501", "53300", "55000"}, refusal.Code) {
			s.own.fatal++
		}
		return nil, err
	}
	s.conn, s.pooled, s.cpu, s.cpuOff = conn, pooled, CPU{}, false
	return conn, nil
}

// Close closes every connection. The Sampler may be used again afterwards.
func (s *Sampler) Close() {
	s.beside.close()
	s.cfg.pgBouncer.close()
	s.disconnect()
}

// disconnect closes the connection to the database.
func (s *Sampler) disconnect() {
	if s.conn == nil {
		return
	}
	// Not the caller's context, which has often ended by now.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // whatever it says, the connection is gone
	s.conn = nil
}

// readDatabase reads the server's side. A connection found dead, as after a
// restart of the server between two samples, is replaced at once.
func (s *Sampler) readDatabase(ctx context.Context) (*Database, error) {
	reused := s.conn != nil
	database, err := s.tryDatabase(ctx)
	if err == nil || !reused || s.conn != nil || pgconn.Timeout(err) || ctx.Err() != nil {
		return database, err
	}
	if refusal, ok := errors.AsType[*pgconn.PgError](err); ok && refusal.Code == "57P01" {
		s.own.killed++
	}
	s.notices.problem(aboutConnection, "the connection to the database was lost: "+err.Error())
	return s.tryDatabase(ctx)
}

func (s *Sampler) tryDatabase(ctx context.Context) (*Database, error) {
	conn, err := s.Connect(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	database, err := readDatabase(ctx, conn, s.cfg.selection, s.logins)
	if err != nil {
		if conn.IsClosed() {
			s.disconnect()
		}
		return nil, err
	}
	s.logins = database.logins
	asked := database.own
	database.own = s.own
	database.own.database = asked.database
	s.own.transactions++
	s.own.active += asked.active
	database.CPU = s.readCPU(ctx)
	database.CPUNote = s.strain.Note()
	return &database, nil
}

// readCPU gives nil where there is no value. It does not ask again for what the
// server does not show on this connection.
func (s *Sampler) readCPU(ctx context.Context) *float64 {
	if s.cpuOff {
		return nil
	}
	percent, ok, err := s.cpu.Read(ctx, s.conn)
	if err != nil {
		_, s.cpuOff = errors.AsType[*CPUUnavailableError](err)
	}
	s.notices.answered(aboutCPU, err, "database CPU not shown: ", "the database CPU is shown again")
	if !ok {
		return nil
	}
	s.strain.Add(&s.cpu)
	return &percent
}

// IsTooManyConnections tells whether err is the server's answer that it, the
// database or the role has no connection left.
func IsTooManyConnections(err error) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && refusal.Code == "53300"
}
