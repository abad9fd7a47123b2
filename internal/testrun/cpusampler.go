package testrun

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// cpuInterval is long enough for /proc/stat's ticks of 10 ms to say something.
const cpuInterval = time.Second

// cpuSampler reads the database host's CPU over a connection of its own, which
// the pool's ceiling does not include.
type cpuSampler struct {
	out    *observer
	facts  *facts
	config pool.Config
	conn   *pgx.Conn
	cpu    monitor.CPU
	cancel context.CancelFunc
	done   chan struct{}
}

func startCPUSampler(config pool.Config, out *observer, f *facts) *cpuSampler {
	ctx, cancel := context.WithCancel(context.Background())
	s := &cpuSampler{out: out, facts: f, config: config, cancel: cancel, done: make(chan struct{})}
	go s.run(ctx)
	return s
}

func (s *cpuSampler) stop() {
	s.cancel()
	<-s.done
}

func (s *cpuSampler) run(ctx context.Context) {
	defer close(s.done)
	defer s.disconnect()
	tick := time.NewTicker(cpuInterval)
	defer tick.Stop()
	for {
		if final := s.read(ctx); final {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// read takes one reading. It reports whether another try is pointless.
func (s *cpuSampler) read(ctx context.Context) (final bool) {
	limit, cancel := context.WithTimeout(ctx, s.config.ConnectTimeout)
	defer cancel()
	if err := s.connect(limit); err != nil {
		s.explain(ctx, err)
		return false
	}
	percent, ok, err := s.cpu.Read(limit, s.conn)
	if ok {
		s.facts.addCPU(&s.cpu)
		s.out.push(s.out.sample(s.out.buffer.run.metrics.dbCPU, time.Now(), percent))
	}
	if err == nil {
		return false
	}
	var (
		denied      *monitor.CPUPermissionError
		unavailable *monitor.CPUUnavailableError
	)
	s.explain(ctx, err)
	if errors.As(err, &denied) || errors.As(err, &unavailable) {
		s.facts.setUnmeasured("pgxpool_db_cpu", err.Error())
		return true
	}
	s.disconnect()
	return false
}

// explain warns once: a value that stays away needs a reason, not a hundred. Why
// nobody can connect is the pool's to say.
func (s *cpuSampler) explain(ctx context.Context, err error) {
	if s.conn == nil {
		s.facts.setUnmeasured("pgxpool_db_cpu", err.Error())
		return
	}
	if ctx.Err() != nil || !s.facts.firstCPUFailure() {
		return
	}
	s.out.warn("cpu", "pgxpool_db_cpu is not measured: "+err.Error())
}

func (s *cpuSampler) connect(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	config, err := s.config.ConnConfig()
	if err != nil {
		return err
	}
	if s.conn, err = monitor.Connect(ctx, config); err != nil {
		return err
	}
	s.facts.know(ctx, s.conn)
	return nil
}

func (s *cpuSampler) disconnect() {
	if s.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// The connection is given up either way.
	_ = s.conn.Close(ctx)
	s.conn = nil
}
