package config

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// target is what pgx makes of a connection string.
type target struct {
	user, password, host string
	port                 uint16
	database             string
}

func targetOf(t testing.TB, conn *pgx.ConnConfig) target {
	t.Helper()
	return target{conn.User, conn.Password, conn.Host, conn.Port, conn.Database}
}

// clearPG makes pgx read nothing from the process's environment.
func clearPG(t testing.TB) {
	t.Helper()
	for _, name := range []string{"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGAPPNAME", "PGSSLMODE", "PGSERVICE", "PGCONNECT_TIMEOUT"} {
		t.Setenv(name, "")
	}
}

// canonical is the one form of a connection string that equal ones share.
func canonical(t testing.TB, text string) string {
	t.Helper()
	c, err := parseConnection(text)
	require.NoError(t, err, text)
	return c.url()
}

// shown is every option but the URL, as an error shows it.
func shown(c pool.Config) string {
	var all string
	for _, o := range options {
		all += o.name + "=" + o.show(c) + " "
	}
	return all
}

func TestURLForms(t *testing.T) {
	clearPG(t)
	usual := target{"ann", "geheim", "db.example.com", 5433, "flow"}
	for text, want := range map[string]target{
		"postgres://ann:geheim@db.example.com:5433/flow":                                                          usual,
		"postgresql://ann:geheim@db.example.com:5433/flow":                                                        usual,
		"postgresql+asyncpg://ann:geheim@db.example.com:5433/flow":                                                usual,
		"postgresql+psycopg://ann:geheim@db.example.com:5433/flow":                                                usual,
		"postgresql+psycopg2://ann:geheim@db.example.com:5433/flow":                                               usual,
		"PostgreSQL+AsyncPG://ann:geheim@db.example.com:5433/flow":                                                usual,
		" postgres://ann:geheim@db.example.com:5433/flow\t":                                                       usual,
		"postgres:///flow?user=ann&password=geheim&host=db.example.com&port=5433":                                 usual,
		"postgres://wrong:wrong@wrong:1/wrong?user=ann&password=geheim&host=db.example.com&port=5433&dbname=flow": usual,
		"host=db.example.com port=5433 user=ann password=geheim dbname=flow":                                      usual,
		"host = db.example.com port='5433' user = 'ann' password=geheim database=flow":                            usual,
		"postgresql+psycopg2://ann:geheim@/flow?host=db.example.com:5433":                                         usual,

		// percent-encoded, and what SQLAlchemy does not want encoded
		"postgres://a%40b:%3A%2F%3F%23%40%25%20%22@h/my%20db":      {"a@b", `:/?#@% "`, "h", 5432, "my db"},
		"postgres://ann:ge:heim@h/d":                               {"ann", "ge:heim", "h", 5432, "d"},
		"postgres://ann:a+b?c#d@h/d":                               {"ann", "a+b?c#d", "h", 5432, "d"},
		"postgresql+asyncpg://ann:a/b?c#d+e:f%zz%2f100%@h/d":       {"ann", "a/b?c#d+e:f%zz/100%", "h", 5432, "d"},
		"postgresql+asyncpg://ann@srv:geheim@h/d":                  {"ann@srv", "geheim", "h", 5432, "d"},
		"postgresql+asyncpg://ann@h:5433/d":                        {"ann", "", "h", 5433, "d"},
		"host=h user=ann password='it\\'s a \\\\ secret' dbname=d": {"ann", `it's a \ secret`, "h", 5432, "d"},
		"host=h user=ann password=a=b= dbname=d":                   {"ann", "a=b=", "h", 5432, "d"},
		"host=h user=ann password=p://q dbname=d":                  {"ann", "p://q", "h", 5432, "d"},

		// what may be missing
		"postgres://ann:geheim@h":                 {"ann", "geheim", "h", 5432, ""},
		"postgres://ann:geheim@h/":                {"ann", "geheim", "h", 5432, ""},
		"postgres://ann:geheim@h?sslmode=disable": {"ann", "geheim", "h", 5432, ""},
		"postgres://ann@h/d":                      {"ann", "", "h", 5432, "d"},

		// addresses
		"postgres://ann@[::1]:5433/d":        {"ann", "", "::1", 5433, "d"},
		"postgres://ann@[fe80::1%25eth0]/d":  {"ann", "", "fe80::1%eth0", 5432, "d"},
		"postgres://ann@%2Fvar%2Frun:5433/d": {"ann", "", "/var/run", 5433, "d"},
		"postgres://ann@/d?host=/var/run":    {"ann", "", "/var/run", 5432, "d"},
		"host=/var/run user=ann dbname=d":    {"ann", "", "/var/run", 5432, "d"},
		"host=::1 user=ann dbname=d":         {"ann", "", "::1", 5432, "d"},
	} {
		c, err := Resolve(map[string]any{"url": text}, nil)
		require.NoError(t, err, text)
		require.True(t, strings.HasPrefix(c.URL, "postgres://"), c.URL)
		conn, err := c.ConnConfig()
		require.NoError(t, err, text)
		require.Equal(t, want, targetOf(t, conn), text)

		again, err := Resolve(map[string]any{"url": c.URL}, nil)
		require.NoError(t, err, "the canonical form must be accepted")
		require.Equal(t, c.URL, again.URL, "the canonical form must be its own")

	}
}

func TestURLWithSeveralHosts(t *testing.T) {
	clearPG(t)
	for _, text := range []string{
		"postgres://ann@a:5433,b:5434,[::1]:5435/d?sslmode=disable",
		"host=a,b,::1 port=5433,5434,5435 user=ann dbname=d sslmode=disable",
		"postgresql+psycopg2://ann@/d?host=a:5433&host=b:5434&host=[::1]:5435&sslmode=disable",
		"postgresql+asyncpg://ann@/d?host=a:5433,b:5434,[::1]:5435&sslmode=disable",
	} {
		conn, err := pool.Config{URL: canonical(t, text)}.ConnConfig()
		require.NoError(t, err, text)
		require.Equal(t, "a", conn.Host)
		require.EqualValues(t, 5433, conn.Port)
		require.Len(t, conn.Fallbacks, 2)
		require.Equal(t, "b", conn.Fallbacks[0].Host)
		require.EqualValues(t, 5434, conn.Fallbacks[0].Port)
		require.Equal(t, "::1", conn.Fallbacks[1].Host)
		require.EqualValues(t, 5435, conn.Fallbacks[1].Port)
	}
	for text, ports := range map[string][]uint16{
		"postgres://a,b:5434/d?sslmode=disable":                        {5432, 5434},
		"postgres://a:5433,b/d?sslmode=disable":                        {5433, 5432},
		"postgres://a,b/d?port=6000&sslmode=disable":                   {6000, 6000},
		"postgresql+psycopg2://x:6000/d?host=a&host=b&sslmode=disable": {6000, 6000},
		"host=a,b port=6000 sslmode=disable":                           {6000, 6000},
	} {
		conn, err := pool.Config{URL: canonical(t, text)}.ConnConfig()
		require.NoError(t, err, text)
		got := []uint16{conn.Port, conn.Fallbacks[0].Port}
		require.Equal(t, ports, got, text)
	}
	_, err := Resolve(map[string]any{"url": "host=a,b port=1,2,3"}, nil)
	requireConfigError(t, err, "could not match 3 port numbers to 2 hosts")
}

// For URLs that pgx reads itself, it makes the same of our canonical form.
func TestCanonicalURLMeansTheSameToPgx(t *testing.T) {
	clearPG(t)
	for _, text := range []string{
		"postgres://ann:geheim@h:5433/d",
		"postgres://ann:ge%20heim@h,i:5434/d?sslmode=require",
		"postgresql://[::1]/d?sslmode=verify-full&target_session_attrs=read-write",
		"postgres://h/d?search_path=a,b&timezone=UTC&options=-c%20geqo%3Doff",
		"postgres://h/d?sslmode=allow&channel_binding=disable&min_protocol_version=3.0&statement_cache_capacity=7&my.setting=x%26y",
		"host=h user='a b' password='c d' sslmode=prefer krbsrvname=x require_auth=scram-sha-256",
	} {
		want, err := pgx.ParseConfig(text)
		require.NoError(t, err)
		got, err := pgx.ParseConfig(canonical(t, text))
		require.NoError(t, err, canonical(t, text))
		require.Equal(t, targetOf(t, want), targetOf(t, got))
		require.Equal(t, want.RuntimeParams, got.RuntimeParams)
		require.Equal(t, want.StatementCacheCapacity, got.StatementCacheCapacity)
		require.Equal(t, want.ChannelBinding, got.ChannelBinding)
		require.Equal(t, want.TLSConfig == nil, got.TLSConfig == nil)
		require.Len(t, got.Fallbacks, len(want.Fallbacks))
		for i, fallback := range want.Fallbacks {
			require.Equal(t, fallback.Host, got.Fallbacks[i].Host)
			require.Equal(t, fallback.Port, got.Fallbacks[i].Port)
			require.Equal(t, fallback.TLSConfig == nil, got.Fallbacks[i].TLSConfig == nil)
		}
	}
}

func TestURLRefused(t *testing.T) {
	clearPG(t)
	for text, words := range map[string][]string{
		"sqlite:///./flowboard.db":                               {"sqlite://***", "not a PostgreSQL URL", "postgresql+asyncpg://"},
		"mysql://ann:geheim@h/d":                                 {"mysql://***", "not a PostgreSQL URL"},
		"postgresql+pg8000://ann:geheim@h/d":                     {"postgresql+pg8000://***", "postgresql+psycopg2://"},
		"geheim://h/d":                                           {"***", "not a PostgreSQL URL"},
		"ann:geheim@h/d":                                         {"***", "not a PostgreSQL URL"},
		"geheim":                                                 {"***", "not a PostgreSQL URL"},
		"postgres:/ann:geheim@h/d":                               {"***"},
		"postgres:/ann:geheim@h/d?sslmode=disable":               {"***", "name=value"},
		"postgres://ann:ge@heim@h/d":                             {"postgres://***", "more than one @", "%40"},
		"postgres://ann:geheim/geheim@h/d":                       {"postgres://***", "more than one @", "%40"},
		"postgres://ann:geheim":                                  {"postgres://***", "a port is a number", "%2F"},
		"postgres://ann:geheim@h:99999/d":                        {"invalid port"},
		"postgres://ann:geheim@h:0/d":                            {"invalid port"},
		"postgres://ann:geheim@h:+5/d":                           {"a port is a number from 1 to 65535"},
		"postgres://ann:geheim%@h/d":                             {"%25"},
		"postgres://ann:geheim%zz@h/d":                           {"%25"},
		"postgres://ann:geheim%00@h/d":                           {"%00"},
		"postgresql+asyncpg://ann:geheim%00@h/d":                 {"%00"},
		"postgres://ann:geheim@h/d\nx":                           {"a line break"},
		"postgres://ann:geheim@[::1/d":                           {"IPv6"},
		"postgres://ann:geheim@[::1]5432/d":                      {"IPv6"},
		"postgres://ann:geheim@h%20h/d":                          {"a host or a port cannot be read"},
		"postgres://ann:x@h=geheim/d":                            {"postgres://***", "a host or a port cannot be read"},
		"postgres://ann:geheim@h/d=1":                            {"the database's name has"},
		"postgres://ann:geheim@h/d?sslmode":                      {"name=value"},
		"postgres://ann:geheim@h/d?sslmode=a=b":                  {"name=value"},
		"postgres://ann:geheim@h/d?sslmode=on":                   {"sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full"},
		"postgres://ann:geheim@h/d?ssl=maybe":                    {"ssl must be one of disable"},
		"postgres://ann:geheim@h/d?ssl=true&sslmode=disable":     {"ssl and sslmode say both require and disable"},
		"postgres://ann:geheim@h/d?target_session_attrs=rw":      {"unknown target_session_attrs value: rw"},
		"postgres://ann:geheim@h/d?client_encoding=latin1":       {"client_encoding must be utf8"},
		"postgres://ann:geheim@h/d?gssencmode=require":           {"gssencmode must be disable or prefer"},
		"postgres://ann:geheim@h/d?direct_tls=x":                 {"direct_tls must be true or false"},
		"postgres://ann:geheim@h/d?statement_cache_size=-1":      {"statement_cache_size must be an integer from 0 to 65535"},
		"postgres://ann:geheim@h/d?description_cache_capacity=x": {"description_cache_capacity must be an integer from 0 to 65535"},
		"postgres://ann:geheim@h/d?pool_max_conns=10":            {"pool_max_conns", "use poolSize and maxOverflow"},
		"postgres://ann:geheim@h/d?pool_max_conn_lifetime=1h":    {"pool_max_conn_lifetime", "use poolRecycle"},
		"postgres://ann:geheim@h/d?pool_size=10":                 {"pool_size", "use poolSize"},
		"host=h password=geheim pool_min_conns=10":               {"pool_min_conns", "use poolSize"},
		"postgres://ann:geheim@h/d?sslmod=require":               {"unknown parameter sslmod; did you mean sslmode?"},
		"postgres://ann:geheim@h/d?sslrootcert=/missing.crt":     {"unable to read CA file", "/missing.crt"},
		"postgres://ann:geheim@h/d?service=none":                 {"service"},
		"host=h user=ann password='geheim":                       {"***", "name=value"},
		"host=h user=annpassword=geheim":                         {"***", "needs quotes"},
		"host=h password=ge heim user=ann":                       {"***", "name=value"},
		"host=h password=geheim user":                            {"***", "name=value"},
		"host=h port=geheim":                                     {"***", "invalid port"},
	} {
		_, err := Resolve(map[string]any{"url": text}, nil)
		e := configErrorOf(t, err, append(words, "option url")...)
		require.Equal(t, "url", e.Option)
		require.NotContains(t, err.Error(), "heim", text)

		require.NotContains(t, showURL(text), "geheim", text)
	}
}

// What the URL says about an option's matter goes to the option, where an
// option or a variable wins over it.
func TestURLParametersBecomeOptions(t *testing.T) {
	clearPG(t)
	for parameters, want := range map[string]string{
		"application_name=from+url":                                      "applicationName=\"from+url\"",
		"connect_timeout=7":                                              "connectTimeout=7s",
		"timeout=2.5":                                                    "connectTimeout=2.5s",
		"timeout=2.5&connect_timeout=7":                                  "connectTimeout=7s",
		"connect_timeout=7&timeout=2.5":                                  "connectTimeout=7s",
		"statement_timeout=1500":                                         "statementTimeout=1.5s",
		"statement_timeout=5min":                                         "statementTimeout=5m0s",
		"statement_timeout=2s":                                           "statementTimeout=2s",
		"command_timeout=60":                                             "statementTimeout=1m0s",
		"command_timeout=60&statement_timeout=1000":                      "statementTimeout=1s",
		"statement_timeout=1000&command_timeout=60":                      "statementTimeout=1s",
		"default_query_exec_mode=describe_exec":                          "queryExecMode=describe_exec",
		"prepared_statement_cache_size=0":                                "queryExecMode=exec",
		"statement_cache_size=0":                                         "queryExecMode=exec",
		"statement_cache_capacity=0":                                     "queryExecMode=exec",
		"statement_cache_size=0&default_query_exec_mode=simple_protocol": "queryExecMode=simple_protocol",
		"default_query_exec_mode=simple_protocol&statement_cache_size=0": "queryExecMode=simple_protocol",
	} {
		c, err := Resolve(map[string]any{"url": "postgres://h/d?" + parameters}, nil)
		require.NoError(t, err, parameters)
		require.Contains(t, shown(c), want, parameters)
		require.Equal(t, "postgres://h/d", c.URL, "what an option says is not said twice")
	}
	url := "postgres://h/d?application_name=url&connect_timeout=7&statement_timeout=7000&statement_cache_size=0"
	lookup := fakeEnv("DATABASE_URL", url, "DB_APPLICATION_NAME", "env", "DB_CONNECT_TIMEOUT", "8")
	c, err := Resolve(map[string]any{"statementTimeout": "9s", "queryExecMode": "cache_statement"}, lookup)
	require.NoError(t, err)
	require.Contains(t, shown(c), `applicationName="env" statementTimeout=9s queryExecMode=cache_statement`)
	require.Contains(t, shown(c), "connectTimeout=8s")

	c, err = Resolve(map[string]any{"url": "postgresql+asyncpg://h/d?application_name=my+app"}, nil)
	require.NoError(t, err)
	require.Equal(t, "my app", c.ApplicationName, "SQLAlchemy's + is a space")
}

func TestURLParametersRefusedAsOptions(t *testing.T) {
	clearPG(t)
	for parameters, words := range map[string][]string{
		"connect_timeout=0":             {"option connectTimeout (from connect_timeout in the URL)", `"0"`, "at least 1ms"},
		"connect_timeout=soon":          {"option connectTimeout (from connect_timeout in the URL)", `"soon"`},
		"statement_timeout=1.5":         {"option statementTimeout (from statement_timeout in the URL)"},
		"default_query_exec_mode=quick": {"option queryExecMode (from default_query_exec_mode in the URL)", `"quick"`, "simple_protocol"},
		"application_name=%C3%A4":       {"option applicationName (from application_name in the URL)", `"ä"`},
	} {
		_, err := Resolve(map[string]any{"url": "postgres://ann:geheim@h/d?" + parameters}, nil)
		requireConfigError(t, err, words...)
		require.NotContains(t, err.Error(), "geheim")
	}
	// Where no password was found, it may have become part of the value.
	_, err := Resolve(map[string]any{"url": "postgres://ann@h/d?connect_timeout=5passwordgeheim"}, nil)
	requireConfigError(t, err, "option connectTimeout (from connect_timeout in the URL): *** is not accepted")

	_, err = Resolve(map[string]any{"url": "postgres://ann:gehe%2Fim@h/d?connect_timeout=gehe/im5"}, nil)
	requireConfigError(t, err, "option connectTimeout (from connect_timeout in the URL): *** is not accepted")
	require.NotContains(t, err.Error(), "gehe")
}

func TestTwoDifferentModesContradict(t *testing.T) {
	lookup := fakeEnv("DATABASE_URL", "postgres://h/d?default_query_exec_mode=exec")
	c, err := Resolve(map[string]any{"queryExecMode": "exec"}, lookup)
	require.NoError(t, err)
	require.Equal(t, pgx.QueryExecModeExec, c.QueryExecMode)

	_, err = Resolve(map[string]any{"queryExecMode": "simple_protocol"}, lookup)
	requireConfigError(t, err, `option queryExecMode: "simple_protocol"`, "the URL has another value in default_query_exec_mode")
}

func TestPythonsSSL(t *testing.T) {
	for value, mode := range map[string]string{
		"require": "require", "true": "require", "True": "require", "1": "require", "false": "disable", "disable": "disable", "prefer": "prefer",
		"verify-full": "verify-full", "verify_full": "verify-full", "verify_ca": "verify-ca",
	} {
		require.Equal(t, "postgres://h/d?sslmode="+mode, canonical(t, "postgresql+asyncpg://h/d?ssl="+value))
	}
	require.Equal(t, "postgres://h/d?sslmode=require", canonical(t, "postgresql+asyncpg://h/d?ssl=require&sslmode=require"))
	require.Equal(t, "postgres://h/d?sslnegotiation=direct", canonical(t, "postgresql+asyncpg://h/d?direct_tls=true"))
	require.Equal(t, "postgres://h/d", canonical(t, "postgresql+asyncpg://h/d?direct_tls=false"))
	conn, err := pool.Config{URL: "postgres://h/d"}.ConnConfig()
	require.NoError(t, err)
	require.NotNil(t, conn.TLSConfig, "prefer is pgx's default: with TLS first")
	require.Nil(t, conn.Fallbacks[0].TLSConfig, "then without")
}

// Whatever the server may be told by name reaches it: none of its settings is
// taken for a typing error, and a name that it does not have is its to refuse.
func TestSettingsOfTheServer(t *testing.T) {
	url := pgtest.URL(t)
	c, err := Resolve(map[string]any{"url": url + "&enable_seqscan=off&work_mem=12MB&my.setting=x"}, nil)
	require.NoError(t, err)
	conn := pgtest.Conn(t, c.URL)
	var scan, memory, mine string
	require.NoError(t, conn.QueryRow(t.Context(),
		"SELECT current_setting('enable_seqscan'), current_setting('work_mem'), current_setting('my.setting')").Scan(&scan, &memory, &mine))
	require.Equal(t, []string{"off", "12MB", "x"}, []string{scan, memory, mine})

	rows, err := conn.Query(t.Context(), "SELECT name FROM pg_settings WHERE context IN ('user', 'superuser', 'backend', 'superuser-backend')")
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Greater(t, len(names), 100)
	for _, name := range names {
		if name = strings.ToLower(name); translated[name] == nil {
			require.NoError(t, mistyped(name), name)
		}
	}

	c, err = Resolve(map[string]any{"url": url + "&enable_sekscan=off"}, nil)
	require.NoError(t, err)
	config, err := c.ConnConfig()
	require.NoError(t, err)
	_, err = pgx.ConnectConfig(t.Context(), config)
	require.ErrorContains(t, err, "enable_sekscan")
}

// What tunes Python's drivers or libpq's sockets is dropped, not sent to the
// server, which would refuse it.
func TestIgnoredParameters(t *testing.T) {
	for _, parameter := range []string{
		"prepared_statement_name_func=f", "max_cached_statement_lifetime=300", "max_cacheable_statement_size=1", "prepare_threshold=5", "async_fallback=true",
		"keepalives=1", "keepalives_idle=30", "gssencmode=prefer", "client_encoding=utf8", "sslmode=", "description_cache_capacity=0",
	} {
		require.Equal(t, "postgres://h/d", canonical(t, "postgresql+asyncpg://h/d?"+parameter), parameter)
	}
	require.Equal(t, "postgres://h/d?statement_cache_capacity=50", canonical(t, "postgresql+asyncpg://h/d?prepared_statement_cache_size=50"))
}

func TestShownURL(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://ann:geheim@h:5433/d?sslmode=require":            "postgres://***@h:5433/d",
		"postgresql+asyncpg://ann:ge/heim@h/d?ssl=require":          "postgres://***@h/d",
		"host=h user=ann password='ge heim' dbname=d":               "postgres://***@h/d",
		"postgres://h/d?password=geheim&user=ann":                   "postgres://***@h/d",
		"postgres://h/d?sslpassword=geheim&options=-cx.y%3D1&x.y=1": "postgres://***",
		"postgres://ann%3Dgeheim:x@h/d":                             "postgres://***@h/d",
		"postgres://anngeheim@h/d":                                  "postgres://***",
		"postgres://x:y@[::1]:5433,%2Ftmp/d":                        "postgres://***@[::1]:5433,%2Ftmp/d",
		"postgres://ann:geheim@h:x/d":                               "postgres://***",
		"POSTGRESQL+ASYNCPG://ann:ge@heim@h":                        "postgresql+asyncpg://***",
		"mysql://ann:geheim@h/d":                                    "mysql://***",
		"geheim":                                                    "***",
		"geheim://h/d":                                              "***",
	} {
		require.Equal(t, want, showURL(text), text)
	}
}

func TestServerHasNoPassword(t *testing.T) {
	c, err := Resolve(map[string]any{"url": "postgresql+asyncpg://app:hunter2@db.example:6432/flowboard"}, nil)
	require.NoError(t, err)
	server, err := Server(c)
	require.NoError(t, err)
	require.Equal(t, "db.example:6432/flowboard", server)
	c.URL = ""
	server, err = Server(c)
	require.NoError(t, err)
	require.Equal(t, "temporary", server)
}
