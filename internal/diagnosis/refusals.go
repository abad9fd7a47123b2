package diagnosis

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

// What a server refuses, as applications pass it on in their answers.

// The server's errors that are no trouble of an application's connections, by SQLSTATE.
const (
	serializationFailure = "40001"
	diskFull             = "53100"
	outOfMemory          = "53200"
	limitOfRole          = "53400" // temp_file_limit, for one
	invalidPassword      = "28P01"
	invalidRole          = "28000"
	noPrivilege          = "42501"
	noDatabase           = "3D000"
	notReady             = "55000" // of a login: ALLOW_CONNECTIONS
	noTable              = "42P01"
	noColumn             = "42703"
	tooLarge             = "54000"
	internalError        = "XX000"
	dataCorrupted        = "XX001"
	indexCorrupted       = "XX002"
	fileMissing          = "58P01"
	fileUnreadable       = "58030"
	failedTransaction    = "25P02"
	uniqueViolation      = "23505"
	foreignKeyViolation  = "23503"
	notNullViolation     = "23502"
	checkViolation       = "23514"
	protocolViolation    = "08P01" // of nearly everything that PgBouncer says

	// These share their SQLSTATE with others.
	preparedTransactions = "max_prepared_transactions" // 53200 or 55000
	closedDatabase       = "ALLOW_CONNECTIONS"         // 55000
	outdatedPlan         = "cached plan"               // 0A000
)

// told is what applications write where the server refused them, by SQLSTATE:
// asyncpg's and psycopg's names of the errors, and the server's own words. Words
// about connecting come before those about statements, which may be in the same text.
var told = []struct {
	words *regexp.Regexp
	state string
}{
	{regexp.MustCompile(`TooManyConnections|too many (connections|clients)|remaining connection slots`), tooManyConnections},
	{regexp.MustCompile(`ReadOnlySQLTransaction|in a read-only transaction`), readOnlyTransaction},
	{regexp.MustCompile(`QueryCanceled|due to statement timeout`), queryCanceled},
	{regexp.MustCompile(`DuplicatePreparedStatement|prepared statement \S+ already exists`), duplicateStatement},
	{regexp.MustCompile(`InvalidSQLStatementName|prepared statement \S+ does not exist`), noSuchStatement},
	{regexp.MustCompile(`IdleInTransactionSessionTimeout|idle-in-transaction timeout`), idleInTxTimeout},
	{regexp.MustCompile(`IdleSessionTimeout|due to idle-session timeout`), idleSessionTimeout},
	{regexp.MustCompile(`AdminShutdown|due to administrator command`), adminShutdown},
	{regexp.MustCompile(`CannotConnectNow|database system is (starting up|shutting down|in recovery mode|not yet accepting connections)`), cannotConnectNow},
	{regexp.MustCompile(`CrashShutdown|because of crash of another server process`), crashShutdown},
	{regexp.MustCompile(`DeadlockDetected|deadlock detected`), deadlockDetected},
	{regexp.MustCompile(`LockNotAvailable|due to lock timeout|could not obtain lock on`), lockNotAvailable},
	{regexp.MustCompile(`SerializationError|SerializationFailure|could not serialize access`), serializationFailure},
	{regexp.MustCompile(`DiskFull|No space left on device`), diskFull},
	{regexp.MustCompile(`ConfigurationLimitExceeded|exceeds temp_file_limit`), limitOfRole},
	{regexp.MustCompile(`number of prepared transactions|prepared transactions are disabled`), preparedTransactions},
	{regexp.MustCompile(`OutOfMemory|out of (shared )?memory`), outOfMemory},
	{regexp.MustCompile(`InvalidPassword|password authentication failed`), invalidPassword},
	{regexp.MustCompile(`InvalidAuthorizationSpecification|is not permitted to log in|pg_hba\.conf|role \\?"[^"]*" does not exist`), invalidRole},
	{regexp.MustCompile(`is not currently accepting connections`), closedDatabase},
	{regexp.MustCompile(`InvalidCatalogName|database \\?"[^"]*" does not exist`), noDatabase},
	{regexp.MustCompile(`InsufficientPrivilege|permission denied for|must be owner of`), noPrivilege},
	{regexp.MustCompile(`InvalidCachedStatement|cached plan must not change result type`), outdatedPlan},
	{regexp.MustCompile(`UndefinedTable|relation \\?"[^"]*" does not exist`), noTable},
	{regexp.MustCompile(`UndefinedColumn|column \S+ does not exist`), noColumn},
	{regexp.MustCompile(`ProgramLimitExceeded|requested length too large`), tooLarge},
	{regexp.MustCompile(`InFailedS[Qq][Ll]Transaction|current transaction is aborted`), failedTransaction},
	{regexp.MustCompile(`UniqueViolation|violates unique constraint`), uniqueViolation},
	{regexp.MustCompile(`ForeignKeyViolation|violates foreign key constraint`), foreignKeyViolation},
	{regexp.MustCompile(`NotNullViolation|violates not-null constraint`), notNullViolation},
	{regexp.MustCompile(`CheckViolation|violates check constraint`), checkViolation},
	{regexp.MustCompile(`DataCorrupted|invalid page in block`), dataCorrupted},
	{regexp.MustCompile(`IndexCorrupted`), indexCorrupted},
	{regexp.MustCompile(`PostgresIOError|errors\.IoError|could not (read|write|fsync) file`), fileUnreadable},
	{regexp.MustCompile(`UndefinedFile|could not open file .{1,200}No such file`), fileMissing},
	{regexp.MustCompile(`exceptions\.InternalServerError|errors\.InternalError_|invalid memory alloc request size`), internalError},
}

var sqlState = regexp.MustCompile(`(?i)sqlstate\W{0,4}([0-9X][0-9A-Z]{4})\b`)

// SQLState is the one that an answer's text tells of, or what [OfPgBouncer] makes of
// it, or a driver's words; empty where it tells of none. PgBouncer quotes the server's
// refusal among its own words.
func SQLState(body string) string {
	state := serverState(body)
	if said := OfPgBouncer(body); said != "" && (state == "" || state == protocolViolation || saidBy(said).trouble == poolerSaturated) {
		return said
	}
	return cmp.Or(state, keyOf(driver, body))
}

// serverState is the SQLSTATE alone.
func serverState(body string) string {
	if match := sqlState.FindStringSubmatch(body); match != nil {
		return strings.ToUpper(match[1])
	}
	for _, t := range told {
		if t.words.MatchString(body) {
			return t.state
		}
	}
	return ""
}

const (
	fitsNot = "The application's statements do not fit the database's tables (42P01, 42703): run its migrations, and check the database in its URL and search_path. " +
		"The pool is not the cause."
	damaged = "The server cannot read its own files: its log says which. Stop it, keep a copy of its data directory, look at the disk, and restore from a backup " +
		"or fail over. The pool is not the cause."
)

// remedies are what to do about them.
var remedies = map[string]string{
	serializationFailure: "Run transactions again that the server could not serialize (40001), and keep them short. The pool is not the cause.",
	diskFull: "The server's disk is full (53100): free space or enlarge it, and look for what filled it " +
		"(temporary files, write-ahead log kept for a replication slot). The pool is not the cause.",
	outOfMemory: "The server has no memory left (53200): reduce work_mem or the number of connections, or raise max_locks_per_transaction " +
		"where it says shared memory. A larger pool needs more.",
	limitOfRole: "A statement passes a limit of the server's configuration (53400), such as temp_file_limit: let it sort or hash less (an index, a WHERE, LIMIT), " +
		"give it more work_mem, or raise the limit. The pool is not the cause.",
	tooLarge: "A statement asks for more than PostgreSQL can hold (54000), such as a value of 1 GB: read less at once. The application's log has the statement. The pool is not the cause.",
	internalError: "The server could not do what a statement asked for (XX000), such as a value beyond 1 GB or a damaged table: its log has the statement. " +
		"The pool is not the cause.",
	invalidPassword: "The server refuses the application's password (28P01): set the one that its role has now, and restart the application. The pool is not the cause.",
	preparedTransactions: "The server takes no more prepared transactions (max_prepared_transactions): end those that were left, which hold their locks " +
		"(SELECT * FROM pg_prepared_xacts; COMMIT PREPARED or ROLLBACK PREPARED), or raise it. The pool is not the cause.",
	invalidRole: "The server does not let the application's role connect (28000): check LOGIN of the role and pg_hba.conf: " +
		"a line for its address, database and role, and hostssl asks for TLS. The pool is not the cause.",
	closedDatabase: "The database takes no connections: ALTER DATABASE … ALLOW_CONNECTIONS true. The pool is not the cause.",
	noDatabase:     "The server has no such database (3D000): create it, or correct its name in the application's URL. The pool is not the cause.",
	noPrivilege: "The application's role may not do that (42501): GRANT it what the message names: CONNECT on the database, USAGE on the schema, or privileges on the table. " +
		"Tables that another role made in a migration have none. The pool is not the cause.",
	noTable:           fitsNot,
	noColumn:          fitsNot,
	dataCorrupted:     damaged,
	indexCorrupted:    "An index is damaged (XX002): REINDEX it, look at the disk, and at whether the operating system's collations have changed. The pool is not the cause.",
	fileMissing:       damaged,
	fileUnreadable:    damaged,
	outdatedPlan:      "A table has changed under the application's prepared statements: restart the application after a migration, or switch their cache off (asyncpg: statement_cache_size=0). The pool is not the cause.",
	failedTransaction: "An earlier statement of the same transaction failed (25P02): the application's log has that one before. Roll back after an error. The pool is not the cause.",
}

// refusedBy is the remedy for the first of some failures that names its SQLSTATE.
func refusedBy(own []failure) string {
	for _, f := range own {
		if f.sqlState == "" {
			continue
		}
		if remedy, known := remedies[f.sqlState]; known {
			return remedy
		}
		if said := saidBy(f.sqlState); said.trouble != "" {
			return said.remedy
		}
		return fmt.Sprintf("The server refuses these statements with SQLSTATE %s (PostgreSQL's manual, appendix A): the application's log has the statement. "+
			"The pool is not the cause.", f.sqlState)
	}
	return ""
}

// refusedMost tells whether the server refused at least half of them in words.
func refusedMost(own []failure) bool {
	var refused, all int64
	for _, f := range own {
		all += f.count
		if f.sqlState != "" && !saidBy(f.sqlState).likely {
			refused += f.count
		}
	}
	return 2*refused >= all
}
