package pool

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// parameter is what becomes of one parameter of a connection string.
type parameter func(c *connection, name, value string) error

// parameters are all that are known. Those of Python's drivers are among them,
// so that an application's DATABASE_URL works unchanged.
var parameters = func() map[string]parameter {
	all := map[string]parameter{
		"host": keepHosts, "port": keepPorts, "user": keep, "password": keep, "database": keep,
		"passfile": keep, "service": keep, "servicefile": keep,

		"sslmode": keepSSLMode, "ssl": mapSSL, "direct_tls": mapDirectTLS, "sslnegotiation": oneOf("postgres", "direct"),
		"sslcert": keep, "sslkey": keep, "sslrootcert": keep, "sslpassword": keep,
		"sslcertmode": oneOf("disable", "allow", "require"), "sslsni": oneOf("0", "1"),
		"channel_binding": oneOf("disable", "prefer", "require"), "require_auth": keep,
		"krbsrvname": keep, "krbspn": keep, "gssencmode": mapGSSEncMode,

		"target_session_attrs": oneOf("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
		"min_protocol_version": oneOf("3.0", "3.2", "latest"), "max_protocol_version": oneOf("3.0", "3.2", "latest"),
		"client_encoding": mapClientEncoding,

		"application_name": move("applicationName"),
		"connect_timeout":  move("connectTimeout"), "timeout": moveUnlessSet("connectTimeout"),
		"statement_timeout": moveStatementTimeout, "command_timeout": moveUnlessSet("statementTimeout"),
		"default_query_exec_mode": moveMode,

		"statement_cache_capacity": mapCacheSize, "description_cache_capacity": mapDescriptionCache,
		"statement_cache_size": mapCacheSize, "prepared_statement_cache_size": mapCacheSize,
	}
	for _, name := range tuning {
		all[name] = ignore
	}
	for _, name := range serverSettings {
		all[name] = keep
	}
	return all
}()

var sslModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

// tuning is for Python's drivers or libpq's sockets, and means nothing to pgx.
var tuning = []string{
	"async_fallback", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "max_cacheable_statement_size",
	"max_cached_statement_lifetime", "prepare_threshold", "prepared_statement_name_func",
}

// serverSettings are worth giving per connection. The list is closed, so that
// a mistyped name is found before anything connects.
var serverSettings = []string{
	"bytea_output", "client_connection_check_interval", "client_min_messages", "datestyle", "default_transaction_deferrable",
	"default_transaction_isolation", "default_transaction_read_only", "effective_cache_size", "extra_float_digits",
	"idle_in_transaction_session_timeout", "idle_session_timeout", "intervalstyle", "jit", "lock_timeout", "log_min_duration_statement",
	"maintenance_work_mem", "max_parallel_workers_per_gather", "options", "plan_cache_mode", "random_page_cost", "role", "row_security",
	"search_path", "synchronous_commit", "tcp_keepalives_count", "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_user_timeout",
	"temp_buffers", "timezone", "transaction_timeout", "work_mem",
}

// isParameter reports whether a parameter is known. A name with a point in it
// is a setting of an extension or of the application, and always is.
func isParameter(name string) bool {
	return parameters[name] != nil || strings.Contains(name, ".")
}

// translate sorts parameters into what pgx is to see and what belongs to an
// option. An empty value is not there.
func translate(pairs []pair) (connection, error) {
	c := connection{settings: map[string]string{}, options: map[string]given{}}
	for _, p := range pairs {
		if p.value == "" {
			continue
		}
		handle := parameters[p.key]
		if handle == nil && isParameter(p.key) {
			handle = keep
		}
		if handle == nil {
			return connection{}, unknownParameter(p.key)
		}
		if err := handle(&c, p.key, p.value); err != nil {
			return connection{}, err
		}
	}
	return c, c.checkPorts()
}

// unknownParameter repeats a name only where it is another library's or nearly
// one of ours: any other may be part of a password with a & in it.
func unknownParameter(name string) error {
	if advice := adviceFor(name); advice != "" {
		return fmt.Errorf("%s is no parameter of a URL, use %s", name, advice)
	}
	if near := nearest(name, slices.Collect(maps.Keys(parameters))); near != "" {
		return fmt.Errorf("its parameter %s is unknown, %s is near", name, near)
	}
	return fmt.Errorf("the parameter shown as %s is unknown; a setting of the server can be given as options=-c%%20name%%3Dvalue", mask)
}
