package monitor

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/embedded"
	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestUnknownApplicationNamesThoseThatExist(t *testing.T) {
	app := newApplication(t)
	app.connect()
	app.connect()
	typo := app
	typo.name = "flowbord"
	s := typo.sampler(tuned)

	first := s.Sample(t.Context())
	require.NoError(t, first.Err)
	require.Zero(t, first.Database.Open)
	require.Contains(t, literal(first.Notices), `no session is named "flowbord" yet`)
	require.Contains(t, literal(first.Notices), app.name+" (2)")
	require.NotContains(t, literal(first.Notices), ApplicationName)
	require.Empty(t, s.Sample(t.Context()).Notices, "once is enough")

	late := typo.connect()
	require.Contains(t, literal(s.Sample(t.Context()).Notices), "flowbord has sessions now: 1")
	require.NoError(t, late.Close(t.Context()))
	gone := sampleUntil(t, s, func(s Sample) bool { return s.Database.Open == 0 })
	require.Contains(t, literal(gone.Notices), "flowbord has no session anymore")
}

// An application that is started again with another pool is gone for a while, and
// its processes are counted anew.
func TestAResizedPoolIsThatOfTheNextSample(t *testing.T) {
	app := newApplication(t)
	sessions := []*pgx.Conn{app.connect(), app.connect(), app.connect()}
	s := app.sampler(Pool{Size: 1})
	several := sampleUntil(t, s, func(s Sample) bool { return s.Pool.Workers == 3 })
	require.Equal(t, 3, several.Pool.Size)

	s.Resize(Pool{Size: 2, MaxOverflow: 3})
	one := s.Sample(t.Context())
	require.Equal(t, Pool{Size: 2, MaxOverflow: 3, Workers: 1}, one.Pool)
	for _, session := range sessions {
		require.NoError(t, session.Close(t.Context()))
	}
	gone := sampleUntil(t, s, func(s Sample) bool { return s.Database.Open == 0 })
	require.Empty(t, gone.Notices)
}

// Killed between two samples, the connection is replaced within the next one.
func TestSamplerReplacesADeadConnectionAtOnce(t *testing.T) {
	app := newApplication(t)
	app.connect()
	s := app.sampler(tuned)
	require.NoError(t, s.Sample(t.Context()).Err)
	exec(t, pgtest.Conn(t, app.url),
		"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = '"+ApplicationName+"'")

	sample := s.Sample(t.Context())
	require.NoError(t, sample.Err)
	require.Equal(t, 1, sample.Database.Open)
	require.Len(t, sample.Notices, 2)
	require.True(t, sample.Notices[0].Problem)
	require.Contains(t, sample.Notices[0].Text, "was lost")
	require.Equal(t, Notice{Text: "the database answers again"}, sample.Notices[1])
}

// A watch that ends in the middle of a statement still says at its end what there is.
func TestAnInterruptedStatementLeavesTheSamplerUsable(t *testing.T) {
	app := newApplication(t)
	s := app.sampler(tuned)
	conn, err := s.Connect(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err = conn.Exec(ctx, "SELECT pg_sleep(60)")
	require.ErrorIs(t, err, context.Canceled)

	conn, err = s.Connect(t.Context())
	require.NoError(t, err)
	found, err := s.Existing(t.Context(), conn)
	require.NoError(t, err)
	require.NotContains(t, found, "closed")
}

func TestSamplerSurvivesARestart(t *testing.T) {
	server := pgtest.Server(t, embedded.Config{})
	app := application{t: t, url: server.URL(), name: "app"}
	s := app.sampler(tuned)
	require.NoError(t, s.Sample(t.Context()).Err)

	require.NoError(t, server.Restart(t.Context(), "immediate"))
	app.connect()
	sample := s.Sample(t.Context())
	require.NoError(t, sample.Err)
	require.Equal(t, 1, sample.Database.Open)
	require.Contains(t, literal(sample.Notices), "was lost")

	// After a crash the postmaster is the same.
	_, err := app.connect().Exec(t.Context(), `COPY (SELECT 1) TO PROGRAM 'kill -KILL $PPID'`)
	require.Error(t, err, "the backend itself was killed")
	sampleUntil(t, s, func(s Sample) bool { return s.Err == nil && s.Database.Started > sample.Database.Started })
}

func TestSamplerGoesOnWhileTheServerIsDown(t *testing.T) {
	server := pgtest.Server(t, embedded.Config{})
	proxy := newProxy(t, server.URL())
	app := application{t: t, url: proxy.url, name: "app"}
	s := app.sampler(tuned)
	require.NoError(t, s.Sample(t.Context()).Err)

	proxy.down()
	first := s.Sample(t.Context())
	require.Error(t, first.Err)
	require.Nil(t, first.Database)
	require.Contains(t, literal(first.Notices), "the database does not answer")
	for _, n := range first.Notices {
		require.NotContains(t, n.Text, "\n")
	}
	require.Error(t, s.Sample(t.Context()).Err)

	proxy.up()
	again := s.Sample(t.Context())
	require.NoError(t, again.Err)
	require.Contains(t, literal(again.Notices), "the database answers again")
}

// Nothing comes back any more, as from a host that froze: the server's own
// timeout cannot help.
func TestSamplerIsNotHungByAServerThatHangs(t *testing.T) {
	server := pgtest.Server(t, embedded.Config{})
	proxy := newProxy(t, server.URL())
	s := application{t: t, url: proxy.url, name: "app"}.sampler(tuned)
	require.NoError(t, s.Sample(t.Context()).Err)

	proxy.silent.Store(true)
	done := make(chan Sample, 1)
	go func() { done <- s.Sample(t.Context()) }()
	select {
	case sample := <-done:
		require.Error(t, sample.Err)
	case <-time.After(10 * sampleTimeout):
		t.Fatal("the sampler hangs")
	}
}

func TestSamplerStopsWithItsContext(t *testing.T) {
	app := newApplication(t)
	s := app.sampler(tuned)
	require.NoError(t, s.Sample(t.Context()).Err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sample := s.Sample(ctx)
	require.ErrorIs(t, sample.Err, context.Canceled)
	require.Empty(t, sample.Notices, "whoever stopped it needs no notice")
}

func TestApplicationThatDoesNotAnswer(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusServiceUnavailable)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(status.Load()))
		_, _ = io.WriteString(w, `{"size": 5, "checkedin": 1, "checkedout": 2, "overflow": -2}`)
	}))
	t.Cleanup(server.Close)
	health := newHealth([]string{server.URL}, 20*time.Second)
	app := newApplication(t)
	app.connect()
	cfg, err := pgx.ParseConfig(app.url)
	require.NoError(t, err)
	s := NewSampler(Config{Conn: cfg, selection: Selection{Application: app.name}, pool: tuned, health: health})
	t.Cleanup(s.Close)

	silent := s.Sample(t.Context())
	require.NoError(t, silent.Err, "the database's side goes on")
	require.Nil(t, silent.Application)
	require.Contains(t, literal(silent.Notices), "503 Service Unavailable")

	status.Store(http.StatusOK)
	answered := s.Sample(t.Context())
	worker := Worker{Size: 5, CheckedIn: 1, CheckedOut: 2, Overflow: -2}
	require.Positive(t, answered.Application.Took)
	answered.Application.Took = 0
	require.Equal(t, &Application{
		Size: 5, CheckedIn: 1, CheckedOut: 2, Overflow: -2, Workers: []Worker{worker}, Fullest: worker, Complete: true,
	}, answered.Application)
	require.Contains(t, literal(answered.Notices), "the application reports its pool again")
	require.Contains(t, literal(answered.Notices), "reports a pool of size 5, but DB_POOL_SIZE here is 20")
	require.Empty(t, s.Sample(t.Context()).Notices)
}

// proxy forwards to a server and can go down, come up and fall silent.
type proxy struct {
	t        *testing.T
	url      string
	address  string
	target   string
	listener net.Listener
	silent   atomic.Bool
	conns    chan net.Conn
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	cfg, err := pgx.ParseConfig(target)
	require.NoError(t, err)
	address := net.JoinHostPort(cfg.Host, portText(cfg.Port))
	p := &proxy{t: t, target: address, address: "127.0.0.1:0", conns: make(chan net.Conn, 100)}
	p.up()
	t.Cleanup(p.down)
	p.url = replaceAddress(t, target, address, p.address)
	return p
}

func (p *proxy) up() {
	p.t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp4", p.address)
	require.NoError(p.t, err)
	p.listener, p.address = listener, listener.Addr().String()
	go p.serve(listener)
}

func (p *proxy) serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return // closed by down
		}
		var dialer net.Dialer
		server, err := dialer.DialContext(context.Background(), "tcp4", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.conns <- client
		p.conns <- server
		go p.copy(server, client)
		go p.copy(client, server)
	}
}

func (p *proxy) copy(to, from net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			_ = to.Close()
			return
		}
		if p.silent.Load() {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) down() {
	_ = p.listener.Close() // again at the test's end
	for len(p.conns) > 0 {
		_ = (<-p.conns).Close()
	}
}
