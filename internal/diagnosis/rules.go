package diagnosis

// The names of the troubles.
const (
	LimitReached       = "connection limit reached"
	ServerRestarted    = "server restarted"
	ConnectionLeak     = "connection leak"
	NPlusOne           = "N+1"
	SlowQueries        = "slow queries hold connections"
	StaleConnections   = "stale connections"
	ReconnectStorm     = "reconnect storm"
	MetastableOverload = "metastable overload"
	PoolExhausted      = "pool exhausted"
	GeneratorSaturated = "load generator saturated"

	ReadOnlyServer        = "read-only server"
	SessionsEnded         = "sessions ended by the server"
	Locks                 = "locks"
	NestedCheckout        = "nested checkout"
	IdleInTransaction     = "idle in transaction"
	OrphanedStatements    = "orphaned statements"
	StatementTimeout      = "statement timeout"
	PreparedStatements    = "prepared statements behind a pooler"
	PoolerSaturated       = "pooler saturated"
	DatabaseBusy          = "database busy"
	ConnectionChurn       = "connection churn"
	MoreConnections       = "more connections than configured"
	ApplicationBusy       = "application busy"
	RejectedByApplication = "rejected by the application"
)

// rules is the table of troubles, causes before what they cause. Remedies are
// the runbook's where it has one.
var rules = []rule{
	{
		name: LimitReached, find: either(findLimitReached, findLimitWatched),
		remedy: "Reduce DB_POOL_SIZE or DB_MAX_OVERFLOW until all pools together fit below the server's max_connections " +
			"(and the role's and the database's CONNECTION LIMIT), or raise the limit; `k6 x pgxpool plan` counts them.",
	},
	{
		name: ServerRestarted, find: either(findServerRestarted, findRestartWatched, tells(ServerRestarted)),
		remedy: "Check PostgreSQL and network health: its log says who restarted it or why it crashed. " +
			"DB_POOL_PRE_PING = True keeps connections that it breaks away from users.",
	},
	{
		name: ReadOnlyServer, find: findReadOnly,
		remedy: "Connect to the primary: target_session_attrs=read-write in the URL with all hosts, or a host name that follows the primary. " +
			"Pre-ping does not detect it, since a standby answers it: replace the connections (restart the application) after a failover.",
	},
	{
		name: SessionsEnded, find: either(findSessionsEnded, tells(SessionsEnded)),
		unless: []string{ServerRestarted, ReadOnlyServer, OrphanedStatements},
		remedy: "Find who ends them in PostgreSQL's log: an administrator (57P01), or idle_in_transaction_session_timeout (25P03). " +
			"In the latter case, commit or return the connection before work outside the database.",
	},
	{
		name: Locks, find: findAnyLocks,
		remedy: "End or shorten the transaction that holds the lock: commit before slow work, update rows in the same order, " +
			"and give DDL a lock_timeout. A larger pool only adds waiters.",
	},
	{
		name: NestedCheckout, find: either(findNestedWaits, findNestedWatched),
		unless: []string{ConnectionLeak},
		remedy: "Do not take a second connection of the same pool while holding one: pass the session on, or return the first one before. " +
			"`k6 x pgxpool plan --per-request 2` gives the least size that cannot deadlock; below it a larger pool only delays the deadlock.",
	},
	{
		name: ConnectionLeak, find: either(findConnectionLeak, findWatchedLeak, findRestingLeak),
		remedy: "Check for connection leaks (not closed properly): return every connection in a finally block. " +
			"The log names the line that took it; DB_POOL_LEAK_THRESHOLD names it while it is held.",
	},
	{
		name: IdleInTransaction, find: findIdleInTransaction,
		unless: []string{NestedCheckout, ConnectionLeak},
		remedy: "Return the connection, or commit, before slow work outside the database: calls to other services, " +
			"streaming a response, rendering. A larger pool only holds more transactions open.",
	},
	{
		name: OrphanedStatements, find: findOrphaned,
		remedy: "Let the server end statements of clients that left: statement_timeout for the role, and " +
			"client_connection_check_interval (PostgreSQL 14 and later). A larger pool only runs more of them.",
	},
	{
		name: StatementTimeout, find: either(findStatementTimeout, tells(StatementTimeout)),
		remedy: "The server cancels statements after statement_timeout (57014): make the statements faster (EXPLAIN ANALYZE, indexes), " +
			"or raise it for the role that needs longer. Where the message says user request, somebody canceled them (pg_cancel_backend, the driver's own limit). " +
			"The pool is not the cause.",
	},
	{
		name: PreparedStatements, find: findPrepared,
		remedy: "Switch the driver's prepared statements off (asyncpg: statement_cache_size=0 and prepared_statement_cache_size=0; " +
			"here queryExecMode exec), let PgBouncer keep them (max_prepared_statements, 1.21 and later), or use its session mode.",
	},
	{
		name: PoolerSaturated, causes: []string{ServerRestarted}, find: either(tells(PoolerSaturated), findPoolerSaturated, (*Facts).crowdedPooler),
		remedy: "Raise the pooler's default_pool_size (PgBouncer) as far as max_connections allows, or shorten the transactions. " +
			"A larger pool in the application only moves the queue.",
	},
	{
		name: NPlusOne, find: either(findNPlusOne, findNPlusOneWatched),
		remedy: "Fix the N+1 query: one join, or one statement for all rows, instead of one statement per row. " +
			"It holds the connection for a single round trip.",
	},
	{
		name: DatabaseBusy, find: findDatabaseBusy,
		remedy: "The database's CPU is the limit: optimize the slow and the repeated (N+1) queries, or give it more CPU. " +
			"A larger pool only lets more statements compete for it.",
	},
	{
		name: SlowQueries, find: either(findSlowQueries, findSlowWatched),
		remedy: "Optimize slow queries: review the slow query logs, and look for missing indexes and for locks. " +
			"A larger pool only lets more of them run at once.",
	},
	{
		name: StaleConnections, find: either(findStaleConnections, findStaleWatched),
		causes: []string{ServerRestarted},
		remedy: "Enable DB_POOL_PRE_PING = True. Reduce DB_POOL_RECYCLE value. Check PostgreSQL and network health.",
	},
	{
		name: ConnectionChurn, find: findChurn,
		unless: []string{LimitReached, ServerRestarted, SessionsEnded, OrphanedStatements},
		remedy: "Keep connections: use a pool instead of NullPool or of connecting in every request, or a pooler if processes are short-lived.",
	},
	{
		name: ReconnectStorm, find: findReconnectStorm,
		causes: []string{LimitReached, ServerRestarted, StaleConnections},
		remedy: "Avoid opening connections all at once: move what the usual load takes of DB_MAX_OVERFLOW to DB_POOL_SIZE, " +
			"with the same sum. If DB_POOL_RECYCLE ends them together, raise it or spread their opening over time.",
	},
	{
		name: MoreConnections, find: findMoreConnections,
		remedy: "Set WORKERS (--workers) to the number of processes, and DB_POOL_SIZE and DB_MAX_OVERFLOW to one process's. " +
			"If they are right, something else connects under the same name: give it another application_name.",
	},
	{
		name: ApplicationBusy, find: either(findApplicationBusy, findWaitInside, findUnanswered),
		unless: []string{ServerRestarted, IdleInTransaction, NestedCheckout, ConnectionLeak, Locks, DatabaseBusy, NPlusOne},
		remedy: "The application itself is the limit: profile it, keep blocking work off the event loop, or run more workers " +
			"(WORKERS; each has a pool of its own). A larger pool changes nothing.",
	},
	{
		name: MetastableOverload, find: either(findMetastable, findMetastableWatched),
		remedy: "Stop the retries until the pool has drained: the cause is over, and the retries alone keep it full. Then bound them: a retry budget " +
			"(retries at most a tenth of the requests) or a circuit breaker, fewer of them, in one layer only, and one checkout for all of a request. " +
			"Backoff spreads retries over time; while users keep coming it does not make them fewer.",
	},
	{
		name: PoolExhausted, find: either(findPoolExhausted, findExhaustedWatched),
		unless: []string{OrphanedStatements, MoreConnections}, // what is at work is not the pool's
		causes: []string{
			LimitReached, ServerRestarted, SessionsEnded, Locks, NestedCheckout, ConnectionLeak, IdleInTransaction, PoolerSaturated,
			NPlusOne, DatabaseBusy, SlowQueries, ConnectionChurn, ReconnectStorm, ApplicationBusy, MetastableOverload,
		},
		remedy: "Increase DB_POOL_SIZE. Increase DB_MAX_OVERFLOW. Optimize slow queries. " +
			"Check for connection leaks (not closed properly).",
	},
	{
		name: RejectedByApplication, find: findRejected,
		unless: []string{LimitReached, ServerRestarted, ReadOnlyServer, SessionsEnded, Locks, StatementTimeout, PreparedStatements, PoolerSaturated, StaleConnections},
		remedy: "These answers come from the application: its log says why. The requests did not wait for a connection, so the pool is not the cause.",
	},
	{
		name: GeneratorSaturated, find: findGeneratorSaturated,
		causes: []string{LimitReached, ServerRestarted, ConnectionLeak, NPlusOne, SlowQueries, PoolExhausted},
		remedy: "Do not trust the response times of this run. Give the scenario more VUs (maxVUs), and the load generator " +
			"more CPU or more machines.",
	},
}
