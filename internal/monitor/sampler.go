package monitor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Config says whom a Sampler watches, and how.
type Config struct {
	// Conn is how to connect; its application_name and statement_timeout are
	// replaced, see Connect.
	Conn *pgx.ConnConfig
	// Application is the application_name of the sessions to watch, in every
	// database of the server. As the server does, it is cut to 63 bytes.
	Application string
	Pool        Pool
	// Health asks the application about its pool; nil asks the database only.
	// The caller closes it.
	Health *Health
}

// Sampler looks at one application's pool from the database's side, and from
// the application's where it is asked. It has one connection of its own, which
// it opens when it is needed and opens again when it is lost.
//
// It is not safe for concurrent use.
type Sampler struct {
	cfg     Config
	conn    *pgx.Conn
	cpu     CPU
	cpuOff  bool // for good, on this connection
	seen    bool // a session of the application, at some time
	notices notices
}

// NewSampler does not connect yet: the first Sample does.
func NewSampler(cfg Config) *Sampler { return &Sampler{cfg: cfg} }

// MinInterval is how often a Sampler should look at most. A sample takes about
// half a millisecond of processor time here and one in the server with 60
// sessions (BenchmarkSample), so that both stay far below 1 % of one core.
const MinInterval = 500 * time.Millisecond

// sampleTimeout bounds one sample on this side; the server's own limit comes
// first where it works.
const sampleTimeout = StatementTimeout + time.Second

// Sample looks once. It never takes much longer than StatementTimeout (or the
// time to connect, where it has to) and reports a failure in the sample: the
// next one tries again.
func (s *Sampler) Sample(ctx context.Context) Sample {
	sample := Sample{Time: time.Now(), Pool: s.cfg.Pool}
	var wait sync.WaitGroup
	var healthErr error
	if s.cfg.Health != nil {
		wait.Go(func() { sample.Application, healthErr = s.readHealth(ctx) })
	}
	sample.Database, sample.Err = s.readDatabase(ctx)
	wait.Wait()
	if ctx.Err() == nil {
		s.explainDatabase(ctx, sample.Database, sample.Err)
		s.explainApplication(sample.Application, healthErr)
	}
	sample.Layer = layerOf(sample)
	sample.Notices = s.notices.take()
	return sample
}

// Connect opens the connection, if there is none, without looking. It lets a
// caller find out early that the server cannot be reached.
func (s *Sampler) Connect(ctx context.Context) (*pgx.Conn, error) {
	if s.conn != nil {
		return s.conn, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.connectTimeout())
	defer cancel()
	conn, err := Connect(ctx, s.cfg.Conn)
	if err != nil {
		return nil, err
	}
	s.conn, s.cpu, s.cpuOff = conn, CPU{}, false
	return conn, nil
}

func (s *Sampler) connectTimeout() time.Duration {
	if s.cfg.Conn.ConnectTimeout > 0 {
		return s.cfg.Conn.ConnectTimeout
	}
	return sampleTimeout
}

// Close closes the connection. The Sampler may be used again afterwards.
func (s *Sampler) Close() {
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
	database, err := readDatabase(ctx, conn, s.cfg.Application)
	if err != nil {
		if conn.IsClosed() {
			s.Close()
		}
		return nil, err
	}
	database.CPU = s.readCPU(ctx)
	return &database, nil
}

// readCPU is nil where there is no figure. What the server will not show on
// this connection is not asked for again.
func (s *Sampler) readCPU(ctx context.Context) *float64 {
	if s.cpuOff {
		return nil
	}
	percent, ok, err := s.cpu.Read(ctx, s.conn)
	if err != nil {
		var refused *CPUPermissionError
		var missing *CPUUnavailableError
		s.cpuOff = errors.As(err, &refused) || errors.As(err, &missing)
		s.notices.problem(aboutCPU, err.Error())
		return nil
	}
	s.notices.solved(aboutCPU, "the database CPU is shown again")
	if !ok {
		return nil
	}
	return &percent
}

func (s *Sampler) readHealth(ctx context.Context) (*Application, error) {
	application, err := s.cfg.Health.Read(ctx)
	if err != nil {
		return nil, err
	}
	return &application, nil
}

// IsTooManyConnections tells whether err is the server's answer that it, the
// database or the role has no connection left.
func IsTooManyConnections(err error) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && refusal.Code == "53300"
}
