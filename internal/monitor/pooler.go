package monitor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Pooler is what stands between the application and the server. It is
// immutable.
type Pooler struct {
	// Told says that PgBouncer's console answered; else only that the monitor's
	// own connection goes through a pooler, and what follows is 0.
	Told     bool   `json:"told"`
	Version  string `json:"version,omitempty"` // such as "PgBouncer 1.18.0"
	Database string `json:"database,omitempty"`
	PoolMode string `json:"pool_mode,omitempty"`
	// PoolSize is how many server connections the database's pools may have
	// together: default_pool_size, or the database's own pool_size, each.
	// Where max_db_connections or max_user_connections allow fewer, it is that.
	PoolSize int `json:"pool_size"`
	// Setting is the one that PoolSize comes from.
	Setting string `json:"setting,omitempty"`
	// PreparedStatements is max_prepared_statements, 0 where they are not kept.
	PreparedStatements int `json:"max_prepared_statements"`
	// The columns of SHOW POOLS, added up.
	ClientsActive  int `json:"cl_active"`
	ClientsWaiting int `json:"cl_waiting"`
	ServersActive  int `json:"sv_active"`
	ServersIdle    int `json:"sv_idle"`
	// Clients are those of all its databases, of MaxClients (max_client_conn), 0 where
	// that is not known.
	Clients    int `json:"clients,omitempty"`
	MaxClients int `json:"max_client_conn,omitempty"`
	// Refused says that it had no room for the monitor's own connection.
	Refused bool `json:"refused,omitempty"`
	// MaxWait is the longest wait of the clients that wait, in seconds.
	MaxWait float64 `json:"maxwait_s"`
	// Totals of SHOW STATS: transactions, and the time that clients waited for
	// a server connection, in seconds.
	Transactions int64   `json:"total_xact_count"`
	WaitTime     float64 `json:"total_wait_time_s"`
}

// pgBouncer reads a PgBouncer's console. It is not safe for concurrent use.
type pgBouncer struct {
	cfg      *pgconn.Config
	database string // of which to read the pools, empty for all
	conn     *pgconn.PgConn
	version  string
	config   map[string]string
}

// consoleDatabase is what PgBouncer calls its console.
const consoleDatabase = "pgbouncer"

// newPgBouncer reads the console at address, a URL such as
// postgres://stats@127.0.0.1:6432/pgbouncer, for one of PgBouncer's databases.
// Nothing is connected yet. The error never shows the address.
func newPgBouncer(address, database string) (*pgBouncer, error) {
	cfg, err := pgconn.ParseConfig(address)
	if err != nil || cfg.Host == "" || !strings.Contains(address, "://") {
		return nil, errors.New("it is not the URL of a console")
	}
	return consoleOf(cfg, database), nil
}

func consoleOf(cfg *pgconn.Config, database string) *pgBouncer {
	cfg.Database = consoleDatabase
	cfg.RuntimeParams = map[string]string{"application_name": ApplicationName}
	return &pgBouncer{cfg: cfg, database: database}
}

// noMoreClients is PgBouncer's answer to a connect beyond max_client_conn.
const noMoreClients = "no more connections allowed (max_client_conn)"

// read asks for the pools. A connection that was lost is opened again. With the error
// of a console without room for another client it gives a Pooler that says so.
func (b *pgBouncer) read(ctx context.Context) (*Pooler, error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	if err := b.connect(ctx); err != nil {
		if strings.Contains(err.Error(), noMoreClients) {
			return &Pooler{Refused: true}, err
		}
		return nil, err
	}
	pooler, err := b.pooler(ctx)
	if err != nil {
		b.close()
		return nil, fmt.Errorf("reading PgBouncer's console: %w", err)
	}
	return pooler, nil
}

func (b *pgBouncer) connect(ctx context.Context) error {
	if b.conn != nil {
		return nil
	}
	conn, err := pgconn.ConnectConfig(ctx, b.cfg)
	if err != nil {
		return fmt.Errorf("connecting to PgBouncer's console: %w; the user must be among admin_users or stats_users", err)
	}
	b.conn, b.config = conn, map[string]string{}
	b.version = "PgBouncer"
	if rows, err := b.show(ctx, "VERSION"); err == nil && len(rows) > 0 {
		b.version = rows[0]["version"]
	}
	rows, err := b.show(ctx, "CONFIG") // admin_users only, before 1.21
	if err != nil {
		return nil //nolint:nilerr // the pools can be read all the same
	}
	for _, row := range rows {
		b.config[row["key"]] = row["value"]
	}
	return nil
}

// close closes the connection. read opens another.
func (b *pgBouncer) close() {
	if b == nil || b.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), sampleTimeout)
	defer cancel()
	_ = b.conn.Close(ctx) // whatever it says, the connection is gone
	b.conn = nil
}

func (b *pgBouncer) pooler(ctx context.Context) (*Pooler, error) {
	tables := map[string][]map[string]string{}
	for _, what := range []string{"POOLS", "DATABASES", "STATS"} {
		rows, err := b.show(ctx, what)
		if err != nil {
			return nil, err
		}
		tables[what] = rows
	}
	databases := map[string]map[string]string{}
	for _, row := range tables["DATABASES"] {
		databases[row["name"]] = row
	}
	p := &Pooler{
		Told: true, Version: b.version,
		PreparedStatements: whole(b.config["max_prepared_statements"]), MaxClients: whole(b.config["max_client_conn"]),
	}
	for _, row := range tables["POOLS"] { // the console's clients are among them
		p.Clients += whole(row["cl_active"]) + whole(row["cl_waiting"])
	}
	for _, row := range b.ours(tables["POOLS"]) {
		p.Database, p.PoolMode = row["database"], row["pool_mode"]
		p.ClientsActive += whole(row["cl_active"])
		p.ClientsWaiting += whole(row["cl_waiting"])
		p.ServersActive += whole(row["sv_active"])
		p.ServersIdle += whole(row["sv_idle"])
		p.MaxWait = max(p.MaxWait, float64(whole(row["maxwait"]))+float64(whole(row["maxwait_us"]))/1e6)
		size, setting := sizeOf(databases[p.Database], b.config)
		p.PoolSize, p.Setting = p.PoolSize+size, setting
	}
	p.bound(databases[p.Database])
	for _, row := range b.ours(tables["STATS"]) {
		p.Transactions += int64(whole(row["total_xact_count"]))
		p.WaitTime += float64(whole(row["total_wait_time"])) / 1e6
	}
	return p, nil
}

// ours are the rows of the database, or of all where PgBouncer does not have it.
func (b *pgBouncer) ours(rows []map[string]string) []map[string]string {
	var ours, all []map[string]string
	for _, row := range rows {
		if row["database"] == consoleDatabase {
			continue
		}
		all = append(all, row)
		if row["database"] == b.database {
			ours = append(ours, row)
		}
	}
	if ours == nil {
		return all
	}
	return ours
}

// sizeOf is the size of one pool of a database, of which row is that of SHOW
// DATABASES, if there is one; and the setting that it comes from.
func sizeOf(row, config map[string]string) (size int, setting string) {
	size, setting = whole(config["default_pool_size"]), "default_pool_size"
	if own := whole(row["pool_size"]); row != nil && own != size {
		size, setting = own, "pool_size"
	}
	if most := whole(config["max_user_connections"]); most > 0 && most < size {
		return most, "max_user_connections"
	}
	return size, setting
}

// bound is for a database that may have fewer connections than its pools.
func (p *Pooler) bound(row map[string]string) {
	if most := whole(row["max_connections"]); most > 0 && most < p.PoolSize {
		p.PoolSize, p.Setting = most, "max_db_connections"
	}
}

// show sends a command by the simple protocol: the console has no other.
func (b *pgBouncer) show(ctx context.Context, what string) ([]map[string]string, error) {
	results, err := b.conn.Exec(ctx, "SHOW "+what).ReadAll()
	if err != nil {
		return nil, err
	}
	var rows []map[string]string
	for _, result := range results {
		for _, values := range result.Rows {
			row := make(map[string]string, len(values))
			for i, value := range values {
				row[result.FieldDescriptions[i].Name] = string(value)
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// whole reads a number of the console, 0 where there is none.
func whole(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// beside is the console of the pooler that a connection goes through, which
// answers where the connection's user may ask.
func beside(cfg *pgx.ConnConfig) *pgBouncer {
	own := cfg.Config.Copy()
	own.ConnectTimeout = sampleTimeout
	return consoleOf(own, cfg.Database)
}
