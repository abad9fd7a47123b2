package testrun

import (
	"slices"
	"sync"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// statements measures each statement of a workload, by its tag.
type statements struct {
	mu    sync.Mutex
	tags  []string // in the order of the files
	times map[string]*statementTimes
	held  time.Duration // by connections of the workload, all together
}

type statementTimes struct {
	took   timeline.Distribution // ms
	failed int64
}

// ExpectStatements names the statements that a report has, whether they run or not.
func (t *Run) ExpectStatements(tags []string) {
	s := &t.statements
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, tag := range tags {
		if !slices.Contains(s.tags, tag) {
			s.tags = append(s.tags, tag)
		}
	}
}

// Executed counts a statement of a workload that ended by itself.
func (t *Run) Executed(tag string, took time.Duration, failed bool) {
	s := &t.statements
	s.mu.Lock()
	defer s.mu.Unlock()
	times := s.times[tag]
	if times == nil {
		times = &statementTimes{}
		if s.times == nil {
			s.times = make(map[string]*statementTimes)
		}
		s.times[tag] = times
	}
	times.took.Add(took.Seconds() * 1000)
	if failed {
		times.failed++
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
	for _, tag := range s.tags {
		one := verdict.Statement{Name: tag}
		if times := s.times[tag]; times != nil {
			one.Calls, one.Failed = times.took.Count(), times.failed
			one.Mean, one.P95 = times.took.Mean(), times.took.Quantile(0.95)
			if s.held > 0 {
				one.HoldShare = times.took.Sum() / 1000 / s.held.Seconds()
			}
		}
		all = append(all, one)
	}
	return all
}
