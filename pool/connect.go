package pool

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// ConnConfig is how pgx opens one connection of the pool: the URL, with
// application_name, statement_timeout, the isolation level of the driver pgx and
// the pinned settings (UTF8 and ISO dates) as startup parameters, the connect
// timeout (in equal shares for the URL's hosts) and the exec mode. The fields win
// over what the URL says about the same things.
//
// The error is a *ConfigError. The result holds the password, in its
// ConnString too: it must not be printed.
func (c Config) ConnConfig() (*pgx.ConnConfig, error) {
	conn, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return nil, &ConfigError{Option: "url", Reason: parseReason(err, c.URL)}
	}
	conn.RuntimeParams["application_name"] = c.ApplicationName
	for name := range conn.RuntimeParams {
		if _, pinned := pinnedSettings[strings.ToLower(name)]; pinned {
			delete(conn.RuntimeParams, name)
		}
	}
	maps.Copy(conn.RuntimeParams, pinnedSettings)
	delete(conn.RuntimeParams, "statement_timeout")
	if c.StatementTimeout > 0 {
		conn.RuntimeParams["statement_timeout"] = strconv.FormatInt(c.StatementTimeout.Milliseconds(), 10)
	}
	if level := c.IsolationLevel; level != "" && level != Autocommit && c.Driver == DriverPgx {
		// The other drivers send it with every BEGIN; here single statements have none.
		conn.RuntimeParams["default_transaction_isolation"] = strings.ToLower(string(level))
	}
	conn.ConnectTimeout = perHost(c.ConnectTimeout, conn)
	// pgx builds PGCONNECT_TIMEOUT into its dialer; connectTimeout replaces it.
	conn.DialFunc = (&net.Dialer{}).DialContext
	c.setMode(conn)
	return conn, nil
}

// pinnedSettings are given at startup, where they win over the defaults of the
// role and the database; PgBouncer accepts them. They are the settings on which
// the text of a value depends so that it cannot be read under any value:
//
//	setting                      what is done
//	client_encoding              pinned; a statement under another one is refused
//	DateStyle                    pinned; a date as text in another style is refused
//	extra_float_digits           floats come in binary; as text with lost digits they are refused,
//	                             after a SET of the session too
//	TimeZone                     any: a timestamptz as text has its offset
//	bytea_output                 any: both formats are read
//	IntervalStyle, lc_monetary   any: intervals and money are text
//	standard_conforming_strings  any; pgx refuses simple_protocol when it is off
var pinnedSettings = map[string]string{"client_encoding": "UTF8", "datestyle": "ISO"}

// perHost shares the time for connecting out among the hosts of a URL: of one
// that is silent the next must still have some left.
func perHost(limit time.Duration, conn *pgx.ConnConfig) time.Duration {
	hosts := map[pgconn.FallbackConfig]bool{{Host: conn.Host, Port: conn.Port}: true}
	for _, f := range conn.Fallbacks { // some differ from another one in TLS only
		hosts[pgconn.FallbackConfig{Host: f.Host, Port: f.Port}] = true
	}
	return max(limit/time.Duration(len(hosts)), time.Millisecond)
}

// setMode sets the exec mode and leaves no cache that the mode does not use.
func (c Config) setMode(conn *pgx.ConnConfig) {
	conn.DefaultQueryExecMode = c.QueryExecMode
	if c.QueryExecMode != pgx.QueryExecModeCacheStatement {
		conn.StatementCacheCapacity = 0
	}
	if c.QueryExecMode != pgx.QueryExecModeCacheDescribe {
		conn.DescriptionCacheCapacity = 0
	}
}

// parseReason is why pgx refused a connection string. It leaves out what may
// hold a part of the password: the string itself, which stands before the
// reason between backquotes, and what pgx says about the form of a string that
// cannot be taken apart.
func parseReason(err error, text string) string {
	const unknown = "pgx cannot read it (a PG* variable of the process may be wrong)"
	_, reason, found := strings.Cut(err.Error(), "`: ")
	if !found || strings.Contains(reason, "failed to parse") || strings.ContainsAny(reason, "\n\r`") {
		return unknown
	}
	// Several hosts with ports are no URL to net/url.
	user, rest, _ := strings.Cut(text, "@")
	_, query, _ := strings.Cut(rest, "?")
	u, err := url.Parse(user + "@host?" + query)
	if err != nil {
		return unknown
	}
	password, _ := u.User.Password()
	named := u.Query()
	for _, secret := range []string{
		password, named.Get("password"), named.Get("sslpassword"), named.Get("options"), os.Getenv("PGPASSWORD"), os.Getenv("PGSSLPASSWORD"),
	} {
		if secret != "" && strings.Contains(reason, secret) {
			return unknown
		}
	}
	return reason
}

// opened is the outcome of opening one connection.
type opened struct {
	connection *connection
	took       time.Duration
	err        error
}

// open opens a connection for the holder of a place. It runs apart from the
// caller, whose scope may be cut off: the connection then goes to the next in
// line instead. If it fails the place is free again, and is a slot of the idle
// list if it was one before.
func (p *Pool) open(s *Scope, slot bool) (*connection, error) {
	done := make(chan opened, 1)
	p.background.Go(func() {
		start := time.Now()
		c, err := p.connect()
		done <- opened{c, time.Since(start), err}
	})
	select {
	case o := <-done:
		return p.admit(o, slot, s.observer)
	case <-s.ctx.Done():
		p.background.Go(func() {
			if c, err := p.admit(<-done, slot, p.observer); err == nil {
				p.giveBack(c, p.observer)
			}
		})
		return nil, ErrInterrupted
	}
}

// admit counts a connection that was opened, or frees the place.
func (p *Pool) admit(o opened, slot bool, observer Observer) (*connection, error) {
	p.mu.Lock()
	p.opening--
	if o.err != nil {
		closed := p.closed
		p.freePlaceLocked(slot)
		p.mu.Unlock()
		if closed {
			return nil, p.errClosed()
		}
		return nil, &ConnectError{Pool: p.config.Name, Server: p.server, Trouble: p.serverTrouble(), Watched: p.watch != nil && p.watch.Connected(), Err: o.err, hidden: p.hidden}
	}
	p.connections[o.connection] = struct{}{}
	p.counts.Connects++
	p.counts.Total++
	p.mu.Unlock()
	observer.Connected(time.Now(), o.took)
	return o.connection, nil
}

// connect opens one connection within connectTimeout.
func (p *Pool) connect() (*connection, error) {
	until := time.Now().Add(p.config.ConnectTimeout)
	config, dialer := p.attempt()
	conn, err := pgx.ConnectConfig(context.WithValue(context.Background(), connecting{}, true), config)
	if err != nil {
		return nil, err
	}
	if err := p.learn(conn.PgConn()); err != nil {
		_ = dialer.current.Conn.Close() // pgx would wait for the server's end
		return nil, err
	}
	c := newConnection(conn, dialer.current, time.Since(p.created), p.connConfig.StatementCacheCapacity)
	c.renewed = p.renewed.Load()
	c.digits = namesDigits(p.config.OnConnect)
	if err := p.onConnect(c, until); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// onConnectError says that a connection was refused by the option onConnect.
type onConnectError struct{ err error }

func (e *onConnectError) Error() string { return "onConnect: " + e.err.Error() }

func (e *onConnectError) Unwrap() error { return e.err }

// onConnect runs the option's statements, which are part of connecting.
func (p *Pool) onConnect(c *connection, until time.Time) error {
	if p.config.OnConnect == "" {
		return nil
	}
	if err := c.roundTrip(time.Until(until), p.config.OnConnect); err != nil {
		if c.pgx.IsClosed() { // the server may still work on it
			ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
			defer cancel()
			_ = c.pgx.PgConn().CancelRequest(ctx)
		}
		return &onConnectError{err}
	}
	if c.inTransaction() {
		return &onConnectError{errors.New("it leaves a transaction open")}
	}
	return nil
}

// attempt is how pgx opens one connection, through a dialer of its own.
func (p *Pool) attempt() (config *pgx.ConnConfig, d *dialer) {
	config = p.connConfig.Copy()
	d = &dialer{deadline: time.Now().Add(p.config.ConnectTimeout)}
	lookup, build := config.LookupFunc, config.BuildFrontend
	config.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		ctx, cancel := context.WithDeadline(ctx, d.deadline)
		defer cancel()
		return lookup(ctx, host)
	}
	config.DialFunc = d.dial
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { // pgx would keep them for ever
		p.notified.Do(func() { p.observer.Notified(time.Now()) })
	}
	config.BuildFrontend = func(c io.Reader, w io.Writer) *pgproto3.Frontend {
		return build(d.current.guard(c), d.current.carrier(w))
	}
	return config, d
}
