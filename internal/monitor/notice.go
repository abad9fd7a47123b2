package monitor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

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
	if !n.has(about) {
		return
	}
	delete(n.open, about)
	if news != "" {
		n.pending = append(n.pending, Notice{Text: text.Line(news)})
	}
}

// answered opens the problem that err is, or ends it where err is nil.
func (n *notices) answered(about topic, err error, problem, news string) {
	if err != nil {
		n.problem(about, problem+err.Error())
		return
	}
	n.solved(about, news)
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
	problem := "the database does not answer, trying again every interval: "
	refusal, refused := errors.AsType[*pgconn.PgError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case untrusted:
		problem = "the server's certificate does not pass, trying again every interval: "
	case IsTooManyConnections(err):
		problem = "connection limit: the server has no connection left for the monitor, trying again every interval: "
	case refused && slices.Contains([]string{"28000", "28P01", "3D000", "42501", "55000"}, refusal.Code):
		problem = "the server refuses the monitor's own login, trying again every interval: "
	}
	s.notices.answered(aboutConnection, err, problem, "the database answers again")
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	s.explainSessions(ctx, d)
	s.explainHidden(ctx, d)
}

// explainSessions names the alternatives while the application has no session.
func (s *Sampler) explainSessions(ctx context.Context, d *Database) {
	if d.Open > 0 {
		s.notices.solved(aboutSessions, fmt.Sprintf("%s has sessions now: %d", s.cfg.selection, d.Open))
		s.seen = true
		return
	}
	if s.notices.has(aboutSessions) || s.seen && s.resized {
		return
	}
	if s.seen {
		s.notices.problem(aboutSessions, fmt.Sprintf("%s has no session anymore; still watching", s.cfg.selection))
		return
	}
	found, err := s.Existing(ctx, s.conn)
	if err != nil {
		found = err.Error()
	}
	s.notices.problem(aboutSessions, fmt.Sprintf("%s yet; %s; still watching", s.cfg.selection.none(), found))
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
			s.cfg.selection))
	default:
		role := "CURRENT_USER"
		_ = s.conn.QueryRow(ctx, `SELECT quote_ident(current_user)`).Scan(&role) // the keyword does as well
		s.notices.problem(aboutHidden, fmt.Sprintf(
			"sessions of %s belong to another role, and role %s may not see what they do: how many are in use "+
				"is not known; a superuser can allow it: GRANT pg_read_all_stats TO %[2]s",
			s.cfg.selection, role))
	}
}

// explainWorkers says that the application has more processes than it was
// watched for, or another size.
func (s *Sampler) explainWorkers(sample Sample) {
	switch a := sample.Application; {
	case s.cfg.workers == 0 && s.workers > 1:
		s.notices.problem(aboutWorkers, fmt.Sprintf(
			"%s, each with a pool of %s; WORKERS (--workers) says how many there are",
			s.foundBy, s.cfg.pool))
	case a != nil && a.Fullest.Size != s.cfg.pool.Size:
		s.notices.problem(aboutWorkers, fmt.Sprintf(
			"one process of the application reports a pool of size %d, but DB_POOL_SIZE here is %d: set it to the application's",
			a.Fullest.Size, s.cfg.pool.Size))
	default:
		s.notices.solved(aboutWorkers, "")
	}
}
