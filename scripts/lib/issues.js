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

// seedIssues makes the tables and their rows where they do not exist yet.
export function seedIssues(pool) {
  const conn = pool.acquire();
  try {
    seedOn(conn);
  } catch (error) {
    if (error.code === '42501') {
      error.message += `; the tables are made in the schema ${schema}: GRANT CREATE ON DATABASE … TO this role`;
    }
    throw error;
  } finally {
    conn.release();
  }
}

function seedOn(conn) {
  // Several runners may seed at once, and IF NOT EXISTS alone lets two try.
  conn.exec(`SELECT pg_advisory_xact_lock(hashtext('flowboard seed')); CREATE SCHEMA IF NOT EXISTS ${schema}`);
  // VACUUM marks pages as visible, for counts that read an index alone, only
  // of what has certainly reached the disk.
  conn.exec(`SET search_path = ${schema}, pg_catalog; SET synchronous_commit = on`);
  conn.exec(seed);
  conn.exec(`VACUUM (ANALYZE) ${schema}.issues, ${schema}.comments, ${schema}.users, ${schema}.projects`);
  conn.exec('RESET search_path; RESET synchronous_commit');
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
