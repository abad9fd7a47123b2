package monitor

import (
	"fmt"
	"strings"

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
	aboutSize        topic = "size"
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

// noSession says which names there are instead of the one that is watched.
func noSession(application string, names []Named) string {
	return fmt.Sprintf("no session is named %q yet; %s; watching on", application, Existing(names))
}

// Existing lists the names that sessions have, for a message.
func Existing(names []Named) string {
	if len(names) == 0 {
		return "no session on this server has an application name"
	}
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = fmt.Sprintf("%s (%d)", n.Name, n.Sessions)
	}
	return "names with sessions: " + strings.Join(parts, ", ")
}
