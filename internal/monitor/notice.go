package monitor

import (
	"context"
	"fmt"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// Notice is one line about the monitoring itself.
type Notice struct {
	// Problem tells a warning from good news.
	Problem bool
	Text    string
}

// topic is what a notice is about. A topic has one problem at a time.
type topic string

const (
	aboutConnection  topic = "connection"
	aboutApplication topic = "application"
	aboutSessions    topic = "sessions"
	aboutHidden      topic = "hidden"
	aboutCPU         topic = "cpu"
	aboutWorkers     topic = "workers"
	aboutPooler      topic = "pooler"
)

// notices says every problem once: again only after it went away, or when it
// is put in other words.
type notices struct {
	open    map[topic]string // problems said and not solved
	pending []Notice
}

func (n *notices) problem(about topic, line string) {
	line = text.Line(line)
	if n.open[about] == line {
		return
	}
	if n.open == nil {
		n.open = map[topic]string{}
	}
	n.open[about] = line
	n.pending = append(n.pending, Notice{Problem: true, Text: line})
}

// solved ends a problem, with good news unless news is empty.
func (n *notices) solved(about topic, news string) {
	if _, said := n.open[about]; !said {
		return
	}
	delete(n.open, about)
	if news != "" {
		n.pending = append(n.pending, Notice{Text: text.Line(news)})
	}
}

func (n *notices) has(about topic) bool {
	_, said := n.open[about]
	return said
}

// take hands over what is new.
func (n *notices) take() []Notice {
	taken := n.pending
	n.pending = nil
	return taken
}

// explainDatabase puts into notices what a reader of the values must know.
func (s *Sampler) explainDatabase(ctx context.Context, d *Database, err error) {
	if IsTooManyConnections(err) {
		s.notices.problem(aboutConnection,
			"connection limit: the server has no connection left for the monitor, trying again every interval: "+err.Error())
		return
	}
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
		s.notices.solved(aboutSessions, fmt.Sprintf("%s has sessions now: %d", s.cfg.Select, d.Open))
		s.seen = true
		return
	}
	if s.notices.has(aboutSessions) || s.seen && s.resized {
		return
	}
	if s.seen {
		s.notices.problem(aboutSessions, fmt.Sprintf("%s has no session anymore; still watching", s.cfg.Select))
		return
	}
	found, err := Existing(ctx, s.conn)
	if err != nil {
		found = err.Error()
	}
	s.notices.problem(aboutSessions, fmt.Sprintf("%s yet; %s; still watching", s.cfg.Select.none(), found))
}

// explainHidden names the grant that would show what is hidden.
func (s *Sampler) explainHidden(ctx context.Context, d *Database) {
	switch {
	case d.Hidden == 0:
		s.notices.solved(aboutHidden, "")
	case s.notices.has(aboutHidden):
	case d.untracked:
		s.notices.problem(aboutHidden, fmt.Sprintf(
			"sessions of %s have track_activities switched off: how many are in use is not known",
			s.cfg.Select))
	default:
		s.notices.problem(aboutHidden, fmt.Sprintf(
			"sessions of %s belong to another role, and role %s may not see what they do: how many are in use "+
				"is not known; a superuser can allow it: GRANT pg_read_all_stats TO %[2]s",
			s.cfg.Select, s.role(ctx)))
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

// explainApplication says whether the application answers.
func (s *Sampler) explainApplication(err error) {
	if s.cfg.Health == nil {
		return
	}
	if err != nil {
		s.notices.problem(aboutApplication, "the application does not report its pool, asking again every interval: "+err.Error())
		return
	}
	s.notices.solved(aboutApplication, "the application reports its pool again")
}

// explainPooler says whether PgBouncer answers, where its console was named.
func (s *Sampler) explainPooler(err error) {
	if err != nil {
		s.notices.problem(aboutPooler, err.Error())
		return
	}
	s.notices.solved(aboutPooler, "PgBouncer's console answers again")
}

// explainWorkers says that the application has more processes than it was
// watched for, or another size.
func (s *Sampler) explainWorkers(sample Sample) {
	switch a := sample.Application; {
	case s.cfg.Workers == 0 && s.workers > 1:
		s.notices.problem(aboutWorkers, fmt.Sprintf(
			"%s, each with a pool of %s; WORKERS (--workers) says how many there are",
			s.foundBy, s.cfg.Pool))
	case a != nil && a.Fullest.Size != s.cfg.Pool.Size:
		s.notices.problem(aboutWorkers, fmt.Sprintf(
			"one process of the application reports a pool of size %d, but DB_POOL_SIZE here is %d: set it to the application's",
			a.Fullest.Size, s.cfg.Pool.Size))
	default:
		s.notices.solved(aboutWorkers, "")
	}
}
