package diagnosis

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// What PgBouncer and drivers say themselves. All errors of PgBouncer have SQLSTATE
// 08P01 in most versions and a driver's have none, so that the words alone tell them
// apart. They are counted by these, behind who says so: "PgBouncer: query_wait_timeout".

// saying is one of them, and the trouble that it tells of.
type saying struct {
	words   *regexp.Regexp // the first group is what is counted, or key
	key     string
	trouble string
	remedy  string // the rule's where it is empty
	likely  bool   // it does not say why
}

const (
	bouncer = "PgBouncer: "
	driver  = "driver: "
)

const (
	fewerClients = " of PgBouncer (and its limit of open files), or let the applications open fewer connections: " +
		"DB_POOL_SIZE + DB_MAX_OVERFLOW of all their processes together have to fit below it. A larger pool makes it worse."
	loginFails = "PgBouncer cannot log in to PostgreSQL: its log says why (server down or restarting, address, password, max_connections). " +
		"It tries again after server_login_retry. The pool is not the cause."
)

// sayings are theirs by who says so. Where a word is not PgBouncer's alone, the error
// that it has in front of it is asked for, too.
var sayings = map[string][]saying{
	bouncer: {
		{words: regexp.MustCompile(`(no more connections allowed \(max_client_conn\))`), trouble: poolerSaturated, remedy: "Raise max_client_conn" + fewerClients},
		{words: regexp.MustCompile(`(no more connections allowed \(max_user_client_connections\))`), trouble: poolerSaturated,
			remedy: "Raise max_user_client_connections" + fewerClients},
		{words: regexp.MustCompile(`(no more connections allowed \(max_[a-z_]{1,40}\))`), trouble: poolerSaturated, remedy: "Raise that limit" + fewerClients},
		{words: regexp.MustCompile(`(query_wait_timeout)`), trouble: poolerSaturated, likely: true,
			remedy: "Clients waited for a server connection in vain. Where PgBouncer's log says connect failed, PostgreSQL is down: start it. Otherwise raise default_pool_size " +
				"as far as max_connections allows, or shorten the transactions. A larger pool in the application only moves the queue."},
		{words: regexp.MustCompile(`(server_login_retry)`), trouble: serverRestarted, likely: true, remedy: loginFails},
		{words: regexp.MustCompile(`(pgbouncer cannot connect to server)`), trouble: serverRestarted, likely: true, remedy: loginFails},
		{words: regexp.MustCompile(`(client_login_timeout \(server down\))`), trouble: serverRestarted, likely: true, remedy: loginFails},
		{words: regexp.MustCompile(`(server conn crashed\?)`), trouble: sessionsEnded, likely: true,
			remedy: "PostgreSQL ended a connection while PgBouncer used it: look in PostgreSQL's log for a crash, a restart or pg_terminate_backend, and check the network between both."},
		{words: regexp.MustCompile(`(client_idle_timeout)`), trouble: sessionsEnded,
			remedy: "Set DB_POOL_RECYCLE below client_idle_timeout of PgBouncer, with DB_POOL_PRE_PING = True, or switch that timeout off (0): a pool keeps connections idle on purpose."},
		{words: regexp.MustCompile(`(?:ProtocolViolation\S*|FATAL:) +(idle transaction timeout)`), trouble: sessionsEnded,
			remedy: "idle_transaction_timeout of PgBouncer ends them: commit or return the connection before work outside the database."},
		{words: regexp.MustCompile(`((?i:pgbouncer) is shutting down)`), trouble: sessionsEnded,
			remedy: "PgBouncer was stopped or restarted: its log says by whom. DB_POOL_PRE_PING = True keeps the broken connections away from users afterwards."},
		{words: regexp.MustCompile(`(?:ProtocolViolation\S*|FATAL:) +(query timeout)`), trouble: statementTimeout,
			remedy: "query_timeout of PgBouncer ends the statements: make them faster (EXPLAIN ANALYZE, indexes), or raise it. The pool is not the cause."},
		{words: regexp.MustCompile(`(?:ProtocolViolation\S*|FATAL:) +(no such database)`), trouble: rejectedByApplication,
			remedy: "PgBouncer has no such database: add it to [databases] in pgbouncer.ini, or correct its name in the application's URL. The pool is not the cause."},
	},
	driver: {
		{words: regexp.MustCompile(`Name or service not known|name resolution|could not translate host name|nodename nor servname|getaddrinfo failed`),
			key: "host name not found", trouble: rejectedByApplication,
			remedy: "The application cannot find the host name of its database or of another service: correct it in its URL, or mend its name server. The pool is not the cause."},
		{words: regexp.MustCompile(`failed: Connection refused|Connect call failed \(`), key: "connection refused", trouble: rejectedByApplication,
			remedy: "Nothing accepts connections where the application looks for its database or another service: correct host and port in its URL, or start what listens there. The pool is not the cause."},
		{words: regexp.MustCompile(`rejected SSL upgrade|server does not support SSL|SSL error: certificate verify failed|CERTIFICATE_VERIFY_FAILED|root certificate file \S+ does not exist`),
			key: "TLS refused", trouble: rejectedByApplication,
			remedy: "The application wants TLS as its server does not have it: turn the server's ssl on, give the application the certificate authority (sslrootcert), " +
				"or lower sslmode in its URL. The pool is not the cause."},
		{words: regexp.MustCompile(`server closed the connection unexpectedly|connection was closed in the middle of operation|connection has been closed unexpectedly|underlying connection is closed|ConnectionDoesNotExistError|asyncpg\S+InterfaceError\S* connection is closed|the connection is lost`),
			key: connectionLost, trouble: staleConnections, likely: true},
	},
}

const connectionLost = "connection lost"

// OfPgBouncer is the key of an error whose text is PgBouncer's own, empty of all others.
func OfPgBouncer(said string) string { return keyOf(bouncer, said) }

// keyOf is that of a text with somebody's words, empty of all others.
func keyOf(who, said string) string {
	for _, s := range sayings[who] {
		if match := s.words.FindStringSubmatch(said); match != nil {
			return who + cmp.Or(s.key, match[len(match)-1])
		}
	}
	return ""
}

// saidBy is the saying of a key of [keyOf]; empty for other keys.
func saidBy(key string) saying {
	who, words, _ := strings.Cut(key, ": ")
	for _, s := range sayings[who+": "] {
		if s.key == words || s.key == "" && s.words.MatchString("FATAL: "+words) {
			return s
		}
	}
	return saying{}
}

// said is what PgBouncer or a driver told the pool's users, or an application's, of
// one trouble. The remedy is that of the words heard most.
func (run *Facts) said(p *Pool, trouble string) (f finding) {
	var most int64
	heard := func(key string, n int64, evidence string) {
		s := saidBy(key)
		if n == 0 || s.trouble != trouble {
			return
		}
		f.extent += float64(n)
		if n > most {
			most, f.remedy = n, s.remedy
		}
		if len(f.evidence) == 0 {
			f.confidence = Certain
			if s.likely {
				f.confidence = Likely
			}
		}
		f.evidence = append(f.evidence, evidence)
	}
	keys := make([]string, 0, len(p.errors))
	for key := range p.errors {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(p.errors[b], p.errors[a]), cmp.Compare(a, b)) })
	for _, key := range keys {
		heard(key, p.errors[key], key+", "+text.Times(p.errors[key]))
	}
	for _, failed := range run.Requests.failures {
		heard(failed.sqlState, failed.count, failed.String())
	}
	return f
}

// tells is a rule for what is said of a trouble.
func tells(trouble string) func(*Facts, *Pool) finding {
	return func(run *Facts, p *Pool) finding { return run.said(p, trouble) }
}
