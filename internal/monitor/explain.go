package monitor

import (
	"context"
	"fmt"
)

// explainDatabase puts into notices what a reader of the figures must know.
func (s *Sampler) explainDatabase(ctx context.Context, d *Database, err error) {
	if err != nil {
		s.notices.problem(aboutConnection, "the database does not answer, trying again every interval: "+err.Error())
		return
	}
	s.notices.solved(aboutConnection, "the database answers again")
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	s.explainSessions(ctx, d)
	s.explainHidden(ctx, d)
}

// explainSessions names the alternatives while the application has no session.
func (s *Sampler) explainSessions(ctx context.Context, d *Database) {
	if d.Open > 0 {
		s.notices.solved(aboutSessions, fmt.Sprintf("%s has sessions now: %d", s.cfg.Application, d.Open))
		s.seen = true
		return
	}
	if s.notices.has(aboutSessions) {
		return
	}
	if s.seen {
		s.notices.problem(aboutSessions, fmt.Sprintf("%s has no session any more; watching on", s.cfg.Application))
		return
	}
	names, err := Names(ctx, s.conn)
	if err != nil {
		s.notices.problem(aboutSessions, fmt.Sprintf("no session is named %q yet; %v", s.cfg.Application, err))
		return
	}
	s.notices.problem(aboutSessions, noSession(s.cfg.Application, names))
}

// explainHidden names the grant that would show what is hidden.
func (s *Sampler) explainHidden(ctx context.Context, d *Database) {
	switch {
	case d.Hidden == 0:
		s.notices.solved(aboutHidden, "")
	case s.notices.has(aboutHidden):
	case d.untracked:
		s.notices.problem(aboutHidden, fmt.Sprintf(
			"sessions of %s have track_activities switched off: they are open, but not counted as active or idle",
			s.cfg.Application))
	default:
		s.notices.problem(aboutHidden, fmt.Sprintf(
			"sessions of %s belong to another role, and role %s may not see what they do: they are open, "+
				"but not counted as active or idle; a superuser can allow it: GRANT pg_read_all_stats TO %[2]s",
			s.cfg.Application, s.role(ctx)))
	}
}

// role is the monitor's own, as SQL writes it.
func (s *Sampler) role(ctx context.Context) string {
	role := "CURRENT_USER"
	if err := s.conn.QueryRow(ctx, `SELECT quote_ident(current_user)`).Scan(&role); err != nil {
		return "CURRENT_USER"
	}
	return role
}

// explainApplication says whether the application answers, and about the pool
// that was configured here.
func (s *Sampler) explainApplication(a *Application, err error) {
	if s.cfg.Health == nil {
		return
	}
	if err != nil {
		s.notices.problem(aboutApplication, "the application does not report its pool, asking again every interval: "+err.Error())
		return
	}
	s.notices.solved(aboutApplication, "the application reports its pool again")
	if a.Size == s.cfg.Pool.Size {
		s.notices.solved(aboutSize, "")
		return
	}
	s.notices.problem(aboutSize, fmt.Sprintf(
		"the application reports a pool of size %d, but it is watched as one of %d; "+
			"set the pool size to that of all worker processes together", a.Size, s.cfg.Pool.Size))
}
