package diagnosis

// The names of the troubles.
const (
	limitReached       = "connection limit reached"
	serverRestarted    = "server restarted"
	connectionLeak     = "connection leak"
	nPlusOne           = "N+1"
	slowQueries        = "slow queries hold connections"
	staleConnections   = "stale connections"
	reconnectStorm     = "reconnect storm"
	metastableOverload = "metastable overload"
	poolExhausted      = "pool exhausted"
	generatorSaturated = "load generator saturated"

	readOnlyServer        = "read-only server"
	sessionsEnded         = "sessions ended by the server"
	locks                 = "locks"
	nestedCheckout        = "nested checkout"
	idleInTransaction     = "idle in transaction"
	orphanedStatements    = "orphaned statements"
	statementTimeout      = "statement timeout"
	preparedStatements    = "prepared statements behind a pooler"
	poolerSaturated       = "pooler saturated"
	databaseBusy          = "database busy"
	connectionChurn       = "connection churn"
	moreConnections       = "more connections than configured"
	applicationBusy       = "application busy"
	rejectedByApplication = "rejected by the application"
)

// rules is the table of troubles, causes before what they cause. Remedies are
// the runbook's where it has one.
var rules = []rule{
	{
		name: limitReached, find: either(findLimitReached, findLimitWatched),
		remedy: "Reduce DB_POOL_SIZE or DB_MAX_OVERFLOW until all pools together fit below the server's max_connections " +
			"(and the role's and the database's CONNECTION LIMIT), or raise the limit; `k6 x pgxpool plan` counts them.",
	},
	{
		name: serverRestarted, find: either(findServerRestarted, findRestartWatched, tells(serverRestarted)),
		remedy: "Check PostgreSQL and network health: its log says who restarted it or why it crashed. " +
			"DB_POOL_PRE_PING = True keeps connections that it breaks away from users.",
	},
	{
		name: readOnlyServer, find: findReadOnly,
		remedy: "Connect to the primary: target_session_attrs=read-write in the URL with all hosts, or a host name that follows the primary. " +
			"Pre-ping does not detect it, since a standby answers it: replace the connections (restart the application) after a failover.",
	},
	{
		name: sessionsEnded, find: either(findSessionsEnded, tells(sessionsEnded)),
		unless: []string{serverRestarted, readOnlyServer, orphanedStatements},
		remedy: "Find who ends them in PostgreSQL's log: an administrator (57P01), or idle_in_transaction_session_timeout (25P03). " +
			"In the latter case, commit or return the connection before work outside the database.",
	},
	{
		name: locks, find: findAnyLocks,
		remedy: "End or shorten the transaction that holds the lock: commit before slow work, update rows in the same order, " +
			"and give DDL a lock_timeout. A larger pool only adds waiters.",
	},
	{
		name: nestedCheckout, find: either(findNestedWaits, findNestedWatched),
		unless: []string{connectionLeak},
		remedy: "Do not take a second connection of the same pool while holding one: pass the session on, or return the first one before. " +
			"`k6 x pgxpool plan --per-request 2` gives the least size that cannot deadlock; below it a larger pool only delays the deadlock.",
	},
	{
		name: connectionLeak, find: either(findConnectionLeak, findWatchedLeak, findRestingLeak),
		remedy: "Check for connection leaks (not closed properly): return every connection in a finally block. " +
			"The log names the line that took it; DB_POOL_LEAK_THRESHOLD names it while it is held.",
	},
	{
		name: idleInTransaction, find: findIdleInTransaction,
		unless: []string{nestedCheckout, connectionLeak},
		remedy: "Return the connection, or commit, before slow work outside the database: calls to other services, " +
			"streaming a response, rendering. A larger pool only holds more transactions open.",
	},
	{
		name: orphanedStatements, find: findOrphaned,
		remedy: "Let the server end statements of clients that left: statement_timeout for the role, and " +
			"client_connection_check_interval (PostgreSQL 14 and later). A larger pool only runs more of them.",
	},
	{
		name: statementTimeout, find: either(findStatementTimeout, tells(statementTimeout)),
		remedy: "The server cancels statements after statement_timeout (57014): make the statements faster (EXPLAIN ANALYZE, indexes), " +
			"or raise it for the role that needs longer. Where the message says user request, somebody canceled them (pg_cancel_backend, the driver's own limit). " +
			"The pool is not the cause.",
	},
	{
		name: preparedStatements, find: findPrepared,
		remedy: "Switch the driver's prepared statements off (asyncpg: statement_cache_size=0 and prepared_statement_cache_size=0; " +
			"here queryExecMode exec), let PgBouncer keep them (max_prepared_statements, 1.21 and later), or use its session mode.",
	},
	{
		name: poolerSaturated, causes: []string{serverRestarted}, find: either(tells(poolerSaturated), findPoolerSaturated, (*Facts).crowdedPooler),
		remedy: "Raise the pooler's default_pool_size (PgBouncer) as far as max_connections allows, or shorten the transactions. " +
			"A larger pool in the application only moves the queue.",
	},
	{
		name: nPlusOne, find: either(findNPlusOne, findNPlusOneWatched),
		remedy: "Fix the N+1 query: one join, or one statement for all rows, instead of one statement per row. " +
			"It holds the connection for a single round trip.",
	},
	{
		name: databaseBusy, find: findDatabaseBusy,
		remedy: "The database's CPU is the limit: optimize the slow and the repeated (N+1) queries, or give it more CPU. " +
			"A larger pool only lets more statements compete for it.",
	},
	{
		name: slowQueries, find: either(findSlowQueries, findSlowWatched),
		remedy: "Optimize slow queries: review the slow query logs, and look for missing indexes and for locks. " +
			"A larger pool only lets more of them run at once.",
	},
	{
		name: staleConnections, find: either(findStaleConnections, findStaleWatched),
		causes: []string{serverRestarted},
		remedy: "Enable DB_POOL_PRE_PING = True. Reduce DB_POOL_RECYCLE value. Check PostgreSQL and network health.",
	},
	{
		name: connectionChurn, find: findChurn,
		unless: []string{limitReached, serverRestarted, sessionsEnded, orphanedStatements},
		remedy: "Keep connections: use a pool instead of NullPool or of connecting in every request, or a pooler if processes are short-lived.",
	},
	{
		name: reconnectStorm, find: findReconnectStorm,
		causes: []string{limitReached, serverRestarted, staleConnections},
		remedy: "Avoid opening connections all at once: move what the usual load takes of DB_MAX_OVERFLOW to DB_POOL_SIZE, " +
			"with the same sum. If DB_POOL_RECYCLE ends them together, raise it or spread their opening over time.",
	},
	{
		name: moreConnections, find: findMoreConnections,
		remedy: "Set WORKERS (--workers) to the number of processes, and DB_POOL_SIZE and DB_MAX_OVERFLOW to one process's. " +
			"If they are right, something else connects under the same name: give it another application_name.",
	},
	{
		name: applicationBusy, find: either(findApplicationBusy, findWaitInside, findUnanswered),
		unless: []string{serverRestarted, idleInTransaction, nestedCheckout, connectionLeak, locks, databaseBusy, nPlusOne},
		remedy: "The application itself is the limit: profile it, keep blocking work off the event loop, or run more workers " +
			"(WORKERS; each has a pool of its own). A larger pool changes nothing.",
	},
	{
		name: metastableOverload, find: either(findMetastable, findMetastableWatched),
		remedy: "Stop the retries until the pool has drained: the cause is over, and the retries alone keep it full. Then bound them: a retry budget " +
			"(retries at most a tenth of the requests) or a circuit breaker, fewer of them, in one layer only, and one checkout for all of a request. " +
			"Backoff spreads retries over time; while users keep coming it does not make them fewer.",
	},
	{
		name: poolExhausted, find: either(findPoolExhausted, findExhaustedWatched),
		unless: []string{orphanedStatements, moreConnections}, // what is at work is not the pool's
		causes: []string{
			limitReached, serverRestarted, sessionsEnded, locks, nestedCheckout, connectionLeak, idleInTransaction, poolerSaturated,
			nPlusOne, databaseBusy, slowQueries, connectionChurn, reconnectStorm, applicationBusy, metastableOverload,
		},
		remedy: "Increase DB_POOL_SIZE. Increase DB_MAX_OVERFLOW. Optimize slow queries. " +
			"Check for connection leaks (not closed properly).",
	},
	{
		name: rejectedByApplication, find: either(findRejected, findRefusedLogin, findRefusedStatements, findRefusedByPooler), inWords: true,
		unless: []string{limitReached, serverRestarted, readOnlyServer, sessionsEnded, locks, statementTimeout, preparedStatements, poolerSaturated, staleConnections},
		remedy: logsTell,
	},
	{
		name: generatorSaturated, find: findGeneratorSaturated,
		causes: []string{limitReached, serverRestarted, connectionLeak, nPlusOne, slowQueries, poolExhausted},
		remedy: "Do not trust the response times of this run. Give the scenario more VUs (maxVUs), and the load generator " +
			"more CPU or more machines.",
	},
}
