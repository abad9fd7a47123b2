package pool

import (
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// ConnConfig is how pgx opens one connection of the pool. The fields win over
// what the URL says about the same things. The error is a *ConfigError. The
// result holds the password, also in its ConnString.
func (c Config) ConnConfig() (*pgx.ConnConfig, error) {
	conn, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return nil, &ConfigError{Option: "url", Value: RedactURL(c.URL), Reason: "it does not parse", Accepted: urlOption.accepted}
	}
	conn.RuntimeParams["application_name"] = c.ApplicationName
	if c.StatementTimeout > 0 {
		conn.RuntimeParams["statement_timeout"] = strconv.FormatInt(int64(c.StatementTimeout/time.Millisecond), 10)
	}
	conn.ConnectTimeout = c.ConnectTimeout
	// pgx takes PGCONNECT_TIMEOUT into its dialer; connectTimeout replaces it.
	conn.DialFunc = (&net.Dialer{}).DialContext
	conn.DefaultQueryExecMode = c.QueryExecMode
	if c.QueryExecMode != pgx.QueryExecModeCacheStatement {
		conn.StatementCacheCapacity = 0
	}
	if c.QueryExecMode != pgx.QueryExecModeCacheDescribe {
		conn.DescriptionCacheCapacity = 0
	}
	return conn, nil
}
