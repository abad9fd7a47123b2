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
	PoolExhausted      = "pool exhausted"
	GeneratorSaturated = "load generator saturated"
)

// rules is the table of troubles, causes before what they cause. Remedies are
// the runbook's where it has one.
var rules = []rule{
	{
		name: LimitReached, find: findLimitReached,
		remedy: "Reduce DB_POOL_SIZE or DB_MAX_OVERFLOW until all pools together fit below the server's max_connections " +
			"(and the role's and the database's CONNECTION LIMIT), or raise the limit; `k6 x pgxpool plan` counts them.",
	},
	{
		name: ServerRestarted, find: findServerRestarted,
		remedy: "Check PostgreSQL and network health: its log says who restarted it or why it crashed. " +
			"DB_POOL_PRE_PING = True keeps the connections lost by it away from users.",
	},
	{
		name: ConnectionLeak, find: findConnectionLeak,
		remedy: "Check for connection leaks (not closed properly): give every connection back in a finally block. " +
			"The log names the line that took it; DB_POOL_LEAK_THRESHOLD names it while it is held.",
	},
	{
		name: NPlusOne, find: findNPlusOne,
		remedy: "Fix the N+1 query: one join, or one statement for all rows, in place of one statement per row. " +
			"It holds the connection for a single round trip.",
	},
	{
		name: SlowQueries, find: findSlowQueries,
		remedy: "Optimize slow queries: review the slow query logs, and look for missing indexes and for locks. " +
			"A larger pool only lets more of them run at once.",
	},
	{
		name: StaleConnections, find: findStaleConnections,
		causes: []string{ServerRestarted},
		remedy: "Enable DB_POOL_PRE_PING = True. Reduce DB_POOL_RECYCLE value. Check PostgreSQL and network health.",
	},
	{
		name: ReconnectStorm, find: findReconnectStorm,
		causes: []string{LimitReached, ServerRestarted, StaleConnections},
		remedy: "Keep connections from being opened all at once: raise DB_POOL_SIZE until the usual load needs no overflow, " +
			"and where DB_POOL_RECYCLE ends them together, raise it or let them be opened spread over time.",
	},
	{
		name: PoolExhausted, find: findPoolExhausted,
		causes: []string{LimitReached, ServerRestarted, ConnectionLeak, NPlusOne, SlowQueries, ReconnectStorm},
		remedy: "Increase DB_POOL_SIZE. Increase DB_MAX_OVERFLOW. Optimize slow queries. " +
			"Check for connection leaks (not closed properly).",
	},
	{
		name: GeneratorSaturated, find: findGeneratorSaturated,
		causes: []string{LimitReached, ServerRestarted, ConnectionLeak, NPlusOne, SlowQueries, PoolExhausted},
		remedy: "Do not trust the response times of this run. Give the scenario more VUs (maxVUs), and the load generator " +
			"more CPU or further machines.",
	},
}
