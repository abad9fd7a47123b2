package monitor

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// application opens connections as an application's pool would.
type application struct {
	t    *testing.T
	url  string
	name string
}

// newApplication gets a name that no other test counts.
func newApplication(t *testing.T) application {
	t.Helper()
	name := strings.ToLower("app_" + strings.TrimPrefix(t.Name(), "Test"))
	return application{t: t, url: pgtest.Database(t), name: name[:min(len(name), 60)]}
}

// as is the same application under another role.
func (a application) as(role string) application {
	a.url = asRole(a.t, a.url, role)
	return a
}

// connect opens one connection, closed at the test's end.
func (a application) connect() *pgx.Conn {
	a.t.Helper()
	cfg, err := pgx.ParseConfig(a.url)
	require.NoError(a.t, err)
	cfg.RuntimeParams["application_name"] = a.name
	conn, err := pgx.ConnectConfig(a.t.Context(), cfg)
	require.NoError(a.t, err)
	a.t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the test may have had it killed
	return conn
}

// run opens a connection and keeps it busy with a statement until the test
// ends.
func (a application) run(sql string) *pgx.Conn {
	a.t.Helper()
	conn := a.connect()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = conn.Exec(ctx, sql) // ends by being canceled
	}()
	a.t.Cleanup(func() { cancel(); <-done })
	return conn
}

// sampler watches the application and is closed at the test's end.
func (a application) sampler(pool Pool) *Sampler {
	a.t.Helper()
	cfg, err := pgx.ParseConfig(a.url)
	require.NoError(a.t, err)
	s := NewSampler(Config{Conn: cfg, selection: Selection{Application: a.name}, pool: pool})
	a.t.Cleanup(s.Close)
	return s
}

// sampleUntil samples until want holds: what another session does takes a
// moment to show.
func sampleUntil(t *testing.T, s *Sampler, want func(Sample) bool) Sample {
	t.Helper()
	var sample Sample
	require.Eventually(t, func() bool {
		sample = s.Sample(t.Context())
		return want(sample)
	}, 20*time.Second, 20*time.Millisecond, "the wanted sample does not come")
	return sample
}

// exec runs statements one by one.
func exec(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
}

// newRole makes a login role that is dropped at the test's end.
func newRole(t *testing.T, url, options string) string {
	t.Helper()
	admin := pgtest.Conn(t, url)
	name := strings.ToLower("role_" + strings.TrimPrefix(t.Name(), "Test"))
	name = strings.ReplaceAll(name[:min(len(name), 60)], "/", "_")
	exec(t, admin, "CREATE ROLE "+name+" LOGIN PASSWORD 'secret' "+options)
	t.Cleanup(func() {
		_, err := admin.Exec(context.Background(), "DROP OWNED BY "+name+"; DROP ROLE "+name)
		require.NoError(t, err)
	})
	return name
}

// asRole is the URL with another user.
func asRole(t *testing.T, url, role string) string {
	t.Helper()
	before, after, found := strings.Cut(url, "@")
	require.True(t, found)
	scheme, _, found := strings.Cut(before, "://")
	require.True(t, found)
	return scheme + "://" + role + ":secret@" + after
}

func portText(port uint16) string { return strconv.Itoa(int(port)) }

func replaceAddress(t *testing.T, url, from, to string) string {
	t.Helper()
	require.Contains(t, url, from)
	return strings.Replace(url, from, to, 1)
}
