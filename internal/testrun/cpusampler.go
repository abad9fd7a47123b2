package testrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// cpuInterval is long enough for /proc/stat's ticks of 10 ms to say something.
const cpuInterval = time.Second

// serverWatch looks at a server over one connection, which no pool's limit
// includes and which the pools of that server and role share: it reads the CPU
// of the database's host, and tells whether a silent statement still runs. It is
// connected while such a pool is open.
type serverWatch struct {
	test   *Run
	server string      // whom it watches, and as whom
	config pool.Config // of the first pool

	life   sync.Mutex // held while the watch starts or ends
	cancel context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex
	ctx  context.Context // until the last pool is closed; nil while none is open
	outs []*observer     // of the pools

	turn chan struct{} // of capacity 1: filled by who uses what is below
	conn *pgx.Conn
	cpu  monitor.CPU
}

var _ pool.Watch = (*serverWatch)(nil)

// watch gives the watch over a pool's server, which others may have made; nil
// where the pool's dbCpu is off.
func (t *Run) watch(config pool.Config) (*serverWatch, error) {
	if !config.DBCPU {
		t.facts.setUnmeasured("pgxpool_db_cpu", "dbCpu is false (DB_CPU)")
		return nil, nil //nolint:nilnil // none is an outcome, not an error
	}
	conn, err := config.ConnConfig()
	if err != nil {
		return nil, err
	}
	server := fmt.Sprintf("%s@%s:%d", conn.User, conn.Host, conn.Port)
	for _, f := range conn.Fallbacks {
		server += fmt.Sprintf(",%s:%d", f.Host, f.Port)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.watches[server]
	if known == nil {
		known = &serverWatch{test: t, server: server, config: config, turn: make(chan struct{}, 1)}
		t.watches[server] = known
	}
	t.facts.usesServer(server, config.Name)
	return known, nil
}

// join begins to report to a pool's observer.
func (w *serverWatch) join(out *observer) {
	w.life.Lock()
	defer w.life.Unlock()
	w.mu.Lock()
	w.outs = append(w.outs, out)
	first := len(w.outs) == 1
	if first {
		w.ctx, w.cancel = context.WithCancel(context.Background())
	}
	ctx := w.ctx
	w.mu.Unlock()
	if first {
		w.cpu, w.done = monitor.CPU{}, make(chan struct{})
		go w.run(ctx)
	}
}

// leave ends that. With the last pool the connection is closed.
func (w *serverWatch) leave(out *observer) {
	w.life.Lock()
	defer w.life.Unlock()
	w.mu.Lock()
	w.outs = slices.DeleteFunc(slices.Clone(w.outs), func(o *observer) bool { return o == out })
	last := len(w.outs) == 0
	w.mu.Unlock()
	if !last {
		return
	}
	w.cancel()
	<-w.done
	w.turn <- struct{}{}
	w.disconnect()
	<-w.turn
}

func (w *serverWatch) observers() []*observer {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outs
}

func (w *serverWatch) run(ctx context.Context) {
	defer close(w.done)
	tick := time.NewTicker(cpuInterval)
	defer tick.Stop()
	for {
		if final := w.read(ctx); final {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// enter gives the connection, which is opened if need be, to its caller alone
// until they leave the turn. The context is over with the last pool.
func (w *serverWatch) enter(ctx context.Context) error {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	err := ctx.Err()
	if err == nil {
		err = w.connect(ctx)
	}
	if err != nil {
		<-w.turn
	}
	return err
}

// read takes one reading. It reports whether another try is pointless.
func (w *serverWatch) read(ctx context.Context) (final bool) {
	limit, cancel := context.WithTimeout(ctx, w.config.ConnectTimeout)
	defer cancel()
	if err := w.enter(limit); err != nil { // why nobody can connect is the pool's to say
		w.test.facts.setUnmeasured("pgxpool_db_cpu", err.Error())
		return false
	}
	defer func() { <-w.turn }()
	percent, ok, err := w.cpu.Read(limit, w.conn)
	if ok {
		w.test.facts.addCPU(&w.cpu)
		for _, out := range w.observers() {
			out.push(out.sample(w.test.metrics.dbCPU, time.Now(), percent))
		}
	}
	if err == nil {
		return false
	}
	if ctx.Err() == nil && !w.test.facts.cpuFailed.Swap(true) {
		w.test.warnOnce("cpu", "pgxpool_db_cpu is not measured: "+err.Error())
	}
	w.disconnect()
	return w.test.facts.refused(err)
}

// refused notes that the CPU cannot be read, where that is what an error of reading it
// says: another try is pointless.
func (f *facts) refused(err error) bool {
	_, final := errors.AsType[*monitor.CPUUnavailableError](err)
	if final {
		f.setUnmeasured("pgxpool_db_cpu", err.Error())
	}
	return final
}

// Working implements pool.Watch.
func (w *serverWatch) Working(ctx context.Context, pid uint32, age time.Duration) bool {
	w.mu.Lock()
	life := w.ctx
	w.mu.Unlock()
	if life == nil {
		return false
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	if w.enter(ctx) != nil {
		return false
	}
	defer func() { <-w.turn }()
	working, err := monitor.Working(ctx, w.conn, pid, age)
	if err != nil {
		w.disconnect()
	}
	return working
}

// Connected implements pool.Watch. While the connection is in use it is open.
func (w *serverWatch) Connected() bool {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
		return w.conn != nil
	default:
		return true
	}
}

func (w *serverWatch) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	config, err := w.config.ConnConfig()
	if err != nil {
		return err
	}
	if w.conn, err = monitor.Connect(ctx, config); err != nil {
		return err
	}
	w.test.facts.know(ctx, w.conn)
	w.test.facts.knowLimit(ctx, w.conn, w.server, w.config.ApplicationName)
	return nil
}

func (w *serverWatch) disconnect() {
	if w.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// The connection is given up either way.
	_ = w.conn.Close(ctx)
	w.conn = nil
}
