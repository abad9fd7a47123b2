// FlowBoard's issue list as its backend asks for it: one page of a project's
// issues with assignee and comment count, newest change first, and the total.
// The tables stand in a schema of their own, so that a database of yours keeps
// what it has; DROP SCHEMA xk6_pgxpool CASCADE removes them.

export const schema = 'xk6_pgxpool';

const seed = open('./seed.sql');

const page = `
  SELECT i.id, i.project_id, i.title, i.status, i.priority, u.name AS assignee,
         (SELECT count(*) FROM ${schema}.comments c WHERE c.issue_id = i.id) AS comments,
         i.created_at, i.updated_at
  FROM (SELECT * FROM ${schema}.issues
        WHERE project_id = $1 AND status = $2
        ORDER BY updated_at DESC, id DESC LIMIT $3 OFFSET $4) i
  LEFT JOIN ${schema}.users u ON u.id = i.assignee_id
  ORDER BY i.updated_at DESC, i.id DESC`;

const count = `SELECT count(*) AS total FROM ${schema}.issues WHERE project_id = $1 AND status = $2`;

const statuses = ['open', 'in_progress', 'review', 'done'];

const tables = ['projects', 'users', 'issues', 'comments'];
const indexes = ['issues_by_project_and_status', 'issues_by_update', 'comments_by_issue'];

// seedIssues makes the tables and their rows where they do not exist yet. Where
// they do, the role needs no more than to read them: CREATE … IF NOT EXISTS asks
// for the right to create before it looks whether there is anything to do.
export function seedIssues(pool) {
  const conn = pool.acquire();
  try {
    const found = lookAround(conn);
    if (!(found.complete && isFilled(conn, found))) {
      makeSchema(conn, found);
      fill(conn, found);
    }
  } finally {
    conn.release();
  }
}

function lookAround(conn) {
  const names = [...tables, ...indexes];
  return conn.queryRow(`
    SELECT quote_ident(current_database()) AS database, quote_ident(current_user) AS role,
           count(DISTINCT n.oid) > 0 AS schema_exists, count(c.oid) = ${names.length} AS complete
    FROM pg_namespace n
    LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname IN ('${names.join("', '")}')
    WHERE n.nspname = '${schema}'`);
}

function isFilled(conn, { role }) {
  return granted(`GRANT USAGE ON SCHEMA ${schema} TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role}`, () => {
    conn.exec(`SELECT FROM ${tables.map((table) => `${schema}.${table}`).join(', ')} LIMIT 0`);
    return conn.queryRow(`SELECT EXISTS (SELECT FROM ${schema}.projects) AS filled`).filled;
  });
}

function makeSchema(conn, { database, role, schema_exists: exists }) {
  if (!exists) {
    // Several runners may seed at once, and IF NOT EXISTS alone lets two try.
    granted(`GRANT CREATE ON DATABASE ${database} TO ${role}`, () => conn.exec(
      `SELECT pg_advisory_xact_lock(hashtext('flowboard seed')); CREATE SCHEMA IF NOT EXISTS ${schema}`,
    ));
  }
}

function fill(conn, { role }) {
  conn.exec(`SET search_path = ${schema}, pg_catalog; SET synchronous_commit = on; SET statement_timeout = 0`);
  granted(
    `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${role}, or run the script once as the owner of its tables`,
    () => conn.exec(seed),
  );
  // VACUUM marks pages as visible, for counts that read an index alone, only
  // of what has certainly reached the disk.
  conn.exec(`VACUUM (ANALYZE) ${tables.map((table) => `${schema}.${table}`).join(', ')}`);
  conn.exec('RESET search_path; RESET synchronous_commit; RESET statement_timeout');
}

// granted says what a role lacks that may not do what fn does.
function granted(grant, fn) {
  try {
    return fn();
  } catch (error) {
    if (error.code === '42501') {
      error.message += `; the tables are in the schema ${schema}: ${grant}`;
    }
    throw error;
  }
}

// listIssues is one request: a page of 20 and the total, on one connection and
// in one transaction, as an SQLAlchemy session does it.
export function listIssues(pool) {
  const project = 1 + Math.floor(20 * Math.random());
  const status = statuses[Math.floor(statuses.length * Math.random())];
  const offset = 20 * Math.floor(5 * Math.random());
  return pool.transaction((conn) => ({
    items: conn.query(page, project, status, 20, offset),
    total: conn.queryRow(count, project, status).total,
  }));
}
