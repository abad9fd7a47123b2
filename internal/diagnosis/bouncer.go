package diagnosis

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// PgBouncer's own errors. All of them have SQLSTATE 08P01 in most versions, so that
// its words alone tell them apart; they are counted by these, behind "PgBouncer: ".

const bouncer = "PgBouncer: "

// bouncerWords are those words, and the trouble that each tells of. Where a word is not
// PgBouncer's alone, the error that has it in front of it is asked for, too.
var bouncerWords = []struct {
	words *regexp.Regexp // the first group is what is counted
	name  string         // of the trouble
}{
	{regexp.MustCompile(`(no more connections allowed \(max_[a-z_]{1,40}\))`), PoolerSaturated},
	{regexp.MustCompile(`(query_wait_timeout)`), PoolerSaturated},
	{regexp.MustCompile(`(server_login_retry)`), ServerRestarted},
	{regexp.MustCompile(`(pgbouncer cannot connect to server)`), ServerRestarted},
	{regexp.MustCompile(`(client_login_timeout \(server down\))`), ServerRestarted},
	{regexp.MustCompile(`(server conn crashed\?)`), SessionsEnded},
	{regexp.MustCompile(`(client_idle_timeout)`), SessionsEnded},
	{regexp.MustCompile(`(?:ProtocolViolation\S*|FATAL:) +(idle transaction timeout)`), SessionsEnded},
	{regexp.MustCompile(`((?i:pgbouncer) is shutting down)`), SessionsEnded},
	{regexp.MustCompile(`(?:ProtocolViolation\S*|FATAL:) +(query timeout)`), StatementTimeout},
	{regexp.MustCompile(`(?:ProtocolViolation\S*|FATAL:) +(no such database)`), RejectedByApplication},
}

// OfPgBouncer is the key of an error whose text is PgBouncer's own, empty of all others.
func OfPgBouncer(said string) string {
	for _, b := range bouncerWords {
		if match := b.words.FindStringSubmatch(said); match != nil {
			return bouncer + match[1]
		}
	}
	return ""
}

// bouncerTrouble is what a key of [OfPgBouncer] tells of, empty for other keys.
func bouncerTrouble(key string) string {
	words, ok := strings.CutPrefix(key, bouncer)
	if !ok {
		return ""
	}
	for _, b := range bouncerWords {
		if b.words.MatchString("FATAL: " + words) {
			return b.name
		}
	}
	return ""
}

// bouncerSaid is what PgBouncer told the pool's users, or an application's, of one
// trouble. The remedy is that of the word heard most.
func (run *Facts) bouncerSaid(p *Pool, trouble string) (f finding) {
	var most int64
	heard := func(key string, n int64) {
		f.extent += float64(n)
		if n > most {
			most, f.remedy = n, remedyOfBouncer(key)
		}
	}
	keys := make([]string, 0, len(p.Errors))
	for key := range p.Errors {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(p.Errors[b], p.Errors[a]), cmp.Compare(a, b)) })
	for _, key := range keys {
		if n := p.Errors[key]; n > 0 && bouncerTrouble(key) == trouble {
			heard(key, n)
			f.evidence = append(f.evidence, key+", "+text.Times(n))
		}
	}
	for _, failed := range run.Requests.Failures {
		if bouncerTrouble(failed.SQLState) == trouble {
			heard(failed.SQLState, failed.Count)
			f.evidence = append(f.evidence, failed.String())
		}
	}
	switch {
	case len(f.evidence) == 0:
		return finding{}
	case trouble == ServerRestarted || strings.Contains(f.evidence[0], "crashed?") || strings.Contains(f.evidence[0], "query_wait_timeout"):
		f.confidence = Likely // PgBouncer does not say why
	default:
		f.confidence = Certain
	}
	return f
}

// toldByBouncer is a rule for what PgBouncer itself tells of a trouble.
func toldByBouncer(trouble string) func(*Facts, *Pool) finding {
	return func(run *Facts, p *Pool) finding { return run.bouncerSaid(p, trouble) }
}

// remedyOfBouncer is what to do about one of its words, empty where it is the rule's.
func remedyOfBouncer(key string) string {
	words := strings.TrimPrefix(key, bouncer)
	switch {
	case strings.HasPrefix(words, "no more connections allowed"):
		_, setting, _ := strings.Cut(strings.TrimSuffix(words, ")"), "(")
		return "Raise " + setting + " of PgBouncer (and its limit of open files), or let the applications open fewer connections: " +
			"DB_POOL_SIZE + DB_MAX_OVERFLOW of all their processes together have to fit below it. A larger pool makes it worse."
	case words == "server_login_retry", strings.HasPrefix(words, "pgbouncer cannot"), strings.HasPrefix(words, "client_login_timeout"):
		return "PgBouncer cannot log in to PostgreSQL: its log says why (server down or restarting, address, password, max_connections). " +
			"It tries again after server_login_retry. The pool is not the cause."
	case strings.HasPrefix(words, "server conn crashed"):
		return "PostgreSQL ended a connection while PgBouncer used it: look in PostgreSQL's log for a crash, a restart or pg_terminate_backend, and check the network between both."
	case words == "query_wait_timeout":
		return "Clients waited for a server connection in vain. Where PgBouncer's log says connect failed, PostgreSQL is down: start it. Otherwise raise default_pool_size " +
			"as far as max_connections allows, or shorten the transactions. A larger pool in the application only moves the queue."
	case words == "client_idle_timeout":
		return "Set DB_POOL_RECYCLE below client_idle_timeout of PgBouncer, with DB_POOL_PRE_PING = True, or switch that timeout off (0): a pool keeps connections idle on purpose."
	case words == "idle transaction timeout":
		return "idle_transaction_timeout of PgBouncer ends them: commit or return the connection before work outside the database."
	case strings.HasSuffix(words, "is shutting down"):
		return "PgBouncer was stopped or restarted: its log says by whom. DB_POOL_PRE_PING = True keeps the broken connections away from users afterwards."
	case words == "query timeout":
		return "query_timeout of PgBouncer ends the statements: make them faster (EXPLAIN ANALYZE, indexes), or raise it. The pool is not the cause."
	case words == "no such database":
		return "PgBouncer has no such database: add it to [databases] in pgbouncer.ini, or correct its name in the application's URL. The pool is not the cause."
	default:
		return ""
	}
}
