package monitor

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// On one machine the sessions lead to the processes that have them.
func TestSessionsBelongToAProcess(t *testing.T) {
	app := newApplication(t)
	app.connect()
	exec(t, app.connect(), "BEGIN")
	s := app.sampler(tuned)
	sample := s.Sample(t.Context())
	require.Len(t, sample.clients, 1)
	require.Equal(t, int32(os.Getpid()), sample.clients[0].pid)
	require.Equal(t, int32(os.Getppid()), sample.clients[0].parent)
	require.Equal(t, 1, sample.mostOfOne)
	require.Equal(t, 1, sample.Pool.Workers)
	require.Nil(t, sample.Pooler)

	app.connect()
	s.clients.next = time.Now().Add(time.Hour)
	s.Sample(t.Context())
	require.Equal(t, soonestLook, s.clients.interval, "the open files of all processes are not read with every sample")
	s.clients.next = time.Now()
	require.Len(t, s.Sample(t.Context()).clients, 1)
	require.Equal(t, 2*soonestLook, s.clients.interval)
}

func TestWhoseTheSessionsAre(t *testing.T) {
	worker := func(pid, parent int32) clientProcess { return clientProcess{pid: pid, parent: parent, name: "python3"} }
	bouncer := clientProcess{pid: 9, parent: 1, name: "pgbouncer"}
	for name, tt := range map[string]struct {
		found   []clientProcess
		workers int
		pooler  string
	}{
		"none is known":        {nil, 0, ""},
		"one":                  {[]clientProcess{worker(7, 6)}, 1, ""},
		"four workers":         {[]clientProcess{worker(7, 6), worker(8, 6), worker(9, 6), worker(10, 6)}, 4, ""},
		"two and a job":        {[]clientProcess{worker(7, 6), worker(8, 6), worker(9, 5), {pid: 11, parent: 6, name: "psql"}}, 2, ""},
		"two services":         {[]clientProcess{worker(7, 1), worker(8, 1)}, 0, ""},
		"a pooler":             {[]clientProcess{bouncer}, 0, "pgbouncer"},
		"a pooler beside them": {[]clientProcess{bouncer, worker(7, 6)}, 1, ""},
	} {
		require.Equal(t, tt.workers, siblings(tt.found), name)
		require.Equal(t, tt.pooler, poolerAmong(tt.found), name)
	}
}

// The workers do not share their pools: one of them may be full.
func TestAFullWorkerIsSeenByItsProcess(t *testing.T) {
	sample := Sample{Pool: Pool{Size: 5, MaxOverflow: 10}.of(4), Database: &Database{Sessions: Sessions{Open: 20, Active: 20}}, mostOfOne: 15}
	require.True(t, sample.isFull())
	sample.mostOfOne = 14
	require.False(t, sample.isFull())
}

// PgBouncer's application_name_add_host gives each client a name of its own.
func TestNamesWithAHostAreTheApplications(t *testing.T) {
	app := newApplication(t)
	for _, more := range []string{" - 10.0.0.7:53422", " - job", "2", ""} {
		named := app
		named.name += more
		named.connect()
	}
	sample := app.sampler(tuned).Sample(t.Context())
	require.Equal(t, 2, sample.Database.Open)
	require.Equal(t, &Pooler{Version: "PgBouncer"}, sample.Pooler)
}

// Prepared transactions and the server's own processes hold locks, too.
func TestABlockerThatIsNoClient(t *testing.T) {
	for by, state := range map[int32]string{0: "a prepared transaction", 99: "not a client (autovacuum, for example)"} {
		blocker := rootBlocker([]session{
			{pid: 7, watched: true, blockedBy: []int32{by}}, {pid: 8, watched: true, blockedBy: []int32{7}},
		})
		require.Equal(t, &Session{PID: by, State: state, Waiting: 2}, blocker)
	}
}
