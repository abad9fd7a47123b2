package testrun

import (
	"sync"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// statements measures each statement of a workload, by its tag.
type statements struct {
	mu   sync.Mutex
	all  []*statement  // in the order of the files
	held time.Duration // by connections of the workload, all together
}

type statement struct {
	tag    string
	took   timeline.Distribution // ms
	failed int64
}

// of is the statement with a tag. There are few.
func (s *statements) of(tag string) *statement {
	for _, known := range s.all {
		if known.tag == tag {
			return known
		}
	}
	s.all = append(s.all, &statement{tag: tag})
	return s.all[len(s.all)-1]
}

// ExpectStatements names the statements that a report has, whether they run or not.
func (t *Run) ExpectStatements(tags []string) {
	s := &t.statements
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, tag := range tags {
		s.of(tag)
	}
}

// Executed counts a statement of a workload that ended by itself.
func (t *Run) Executed(tag string, took time.Duration, failed bool) {
	s := &t.statements
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of(tag)
	of.took.Add(took.Seconds() * 1000)
	if failed {
		of.failed++
	}
}

// Held adds the time that a script of a workload held its connection.
func (t *Run) Held(d time.Duration) {
	t.statements.mu.Lock()
	t.statements.held += d
	t.statements.mu.Unlock()
}

// Statements is what the report says of each statement of a workload.
func (t *Run) Statements() []verdict.Statement {
	s := &t.statements
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []verdict.Statement
	for _, of := range s.all {
		one := verdict.Statement{
			Name: of.tag, Calls: of.took.Count(), Failed: of.failed, Mean: of.took.Mean(), P95: of.took.Quantile(0.95),
		}
		if s.held > 0 {
			one.HoldShare = of.took.Sum() / 1000 / s.held.Seconds()
		}
		all = append(all, one)
	}
	return all
}
