package pgtest_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestBackendsCountsOneApplication(t *testing.T) {
	url := pgtest.Database(t)
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["application_name"] = t.Name()
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Conn(t, url)

	if count := pgtest.Backends(t, url, t.Name()); count != 1 {
		t.Errorf("%d backends are counted with one connection open", count)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for pgtest.Backends(t, url, t.Name()) != 0 {
		time.Sleep(20 * time.Millisecond) // a backend ends some time after its client; go test's limit ends this
	}
}
