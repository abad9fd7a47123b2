package diagnosis

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// storm is so many seconds of n users a second in a pool of 60 connections, of which
// each is held for so long, and of so many retries for each user.
func (s *story) storm(seconds, n int, hold float64, retries, active, waiting int) {
	for range seconds {
		for range n {
			s.add(timeline.Wait, 0.1)
			s.add(timeline.Query, hold)
			s.add(timeline.Use, hold)
			s.add(timeline.Request, 11)
			for range retries {
				s.add(timeline.AcquireTimeout, 1)
				s.add(timeline.Wait, 300)
				s.observe(timeline.RequestRetry, "PoolTimeoutError", 1)
			}
		}
		s.level(float64(active), float64(waiting), 60)
		s.second++
	}
}

func TestRetriesThatStayAfterTheirCauseAreNamed(t *testing.T) {
	for name, test := range map[string]struct {
		live func(*story)
		want bool
	}{
		"the storm stays": {func(s *story) { s.healthy(); s.storm(5, 100, 200, 2, 60, 90); s.storm(20, 100, 10, 2, 60, 90) }, true},
		"one slow moment in it": {func(s *story) {
			s.healthy()
			s.storm(5, 100, 200, 2, 60, 90)
			s.storm(12, 100, 10, 2, 60, 90)
			s.storm(1, 100, 20, 2, 60, 90)
			s.storm(12, 100, 10, 2, 60, 90)
		}, true},
		"hardly a request ended meanwhile": {func(s *story) { s.healthy(); s.storm(5, 5, 10, 30, 60, 90); s.storm(20, 100, 10, 2, 60, 90) }, true},
		"it drains":                        {func(s *story) { s.healthy(); s.storm(5, 100, 200, 2, 60, 90); s.healthy() }, false},
		"the cause stays":                  {func(s *story) { s.healthy(); s.storm(25, 100, 200, 2, 60, 90) }, false},
		"holds stay longer":                {func(s *story) { s.healthy(); s.storm(5, 100, 200, 2, 60, 90); s.storm(20, 100, 14, 2, 60, 90) }, false},
		"more users came":                  {func(s *story) { s.healthy(); s.storm(5, 100, 200, 2, 60, 90); s.storm(20, 140, 10, 2, 60, 90) }, false},
		"more users came at once":          {func(s *story) { s.healthy(); s.storm(25, 140, 10, 2, 60, 90) }, false},
		"the pool has room":                {func(s *story) { s.healthy(); s.storm(5, 100, 200, 2, 60, 90); s.storm(20, 100, 10, 2, 30, 0) }, false},
		"it is just over":                  {func(s *story) { s.healthy(); s.storm(5, 100, 200, 2, 60, 90); s.storm(4, 100, 10, 2, 60, 90) }, false},
		"no longer than a request": {func(s *story) {
			s.healthy()
			s.storm(5, 100, 200, 2, 60, 90)
			s.add(timeline.Request, slices.Repeat([]float64{21_000}, 1000)...)
			s.storm(20, 100, 10, 2, 60, 90)
		}, false},
		"never healthy":    {func(s *story) { s.storm(30, 100, 10, 2, 60, 90) }, false},
		"without a retry":  {func(s *story) { s.healthy(); s.storm(5, 100, 200, 0, 60, 90); s.storm(20, 100, 10, 0, 60, 90) }, false},
		"nothing but that": {func(s *story) { s.healthy() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory()
			test.live(s)
			names := s.names(t)
			require.Equal(t, test.want, slices.Contains(names, metastableOverload), "%v", names)
		})
	}
}

func TestARetryStormComesBeforeTheFullPool(t *testing.T) {
	s := newStory()
	s.healthy()
	s.storm(5, 100, 200, 2, 60, 90)
	s.storm(20, 100, 10, 2, 60, 90)
	found := s.diagnoses(t)
	require.Equal(t, metastableOverload, found[0].Name)
	require.Contains(t, found[0].EvidenceText(), "users ask for 100 requests per second (100 before the first retry), and with their retries it is 3.00 times that load; "+
		"60 in use and 90 waiting on average, where the same requests had 4 in use; the cause was over at second 35:")
	require.Equal(t, poolExhausted, found[1].Name)
	require.Contains(t, found[1].Remedy, "Fix the cause first: metastable overload.")
}

// served is an application of 20+40 connections that is loaded over HTTP and watched.
type served struct {
	*story
	watch monitor.Report
}

func newServed() *served {
	s := &served{story: newStory()}
	s.pool = "app"
	s.facts.Requests.HTTP = true
	s.facts.Watched = &s.watch
	s.watch.Pool = monitor.Pool{Size: 20, MaxOverflow: 40, Workers: 1}
	s.watch.Started = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	return s
}

// answers are so many seconds of n users a second, of whose requests some fail in the
// end after so many retries each, while the database ends so many transactions.
func (s *served) answers(seconds, n, failed, retries, transactions int, active float64) {
	for range seconds {
		s.add(timeline.Request, slices.Repeat([]float64{50}, n)...)
		s.add(timeline.RequestFailed, slices.Repeat([]float64{1}, failed)...)
		for range failed * retries {
			s.observe(timeline.RequestRetry, "503", 1)
		}
		s.add(timeline.RequestTimeout, slices.Repeat([]float64{1}, failed)...)
		s.add(timeline.Active, active, active)
		s.watch.Load.Windows = append(s.watch.Load.Windows, monitor.Window{
			Seconds: 1, Transactions: int64(transactions), SampledInUse: new(active),
		})
		s.second++
	}
}

// 100 users a second take a connection five times for 60 ms each: 30 in use.
func (s *served) quiet() { s.answers(20, 100, 0, 0, 500, 30) }

// The connections are held for ten times as long.
func (s *served) slow(seconds int) { s.answers(seconds, 100, 80, 3, 100, 60) }

// As fast as before the pool works for attempts of which most are thrown away.
func (s *served) stormy(seconds int) { s.answers(seconds, 100, 70, 3, 1000, 60) }

func TestARetryStormOfAWatchedApplicationIsNamed(t *testing.T) {
	for name, live := range map[string]func(*served){
		"connections were held for longer": func(s *served) { s.quiet(); s.slow(6); s.stormy(20) },
		"nothing ended for a while":        func(s *served) { s.quiet(); s.answers(6, 100, 100, 3, 0, 60); s.stormy(20) },
		"four times the users for a while": func(s *served) { s.quiet(); s.answers(6, 400, 370, 3, 1000, 60); s.stormy(20) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServed()
			live(s)
			found := s.diagnoses(t)
			require.NotEmpty(t, found)
			require.Equal(t, metastableOverload, found[0].Name)
			require.Equal(t, Likely, found[0].Confidence)
			require.Contains(t, found[0].EvidenceText(), "users ask for 100 requests per second (100 before the first retry), and with their retries it is 3.10 times "+
				"that load; 30 per second succeed (100 before); 60 of 60 connections in use on average, where the same requests had 30 in use; "+
				"the cause was over at second 26: a transaction held its connection for ")
			require.Contains(t, found[0].EvidenceText(), "and for 60 ms since, as before it (60 ms)")
		})
	}
}

// An overload that the retries alone do not keep up.
func TestAnOverloadOfAWatchedApplicationHasOtherReasons(t *testing.T) {
	for name, live := range map[string]func(*served){
		"nothing":                          func(s *served) { s.quiet(); s.quiet() },
		"it drains":                        func(s *served) { s.quiet(); s.slow(6); s.quiet(); s.quiet() },
		"it drains at last":                func(s *served) { s.quiet(); s.slow(6); s.stormy(18); s.quiet() },
		"the cause stays":                  func(s *served) { s.quiet(); s.slow(30) },
		"the server stays a little slower": func(s *served) { s.quiet(); s.slow(6); s.answers(20, 100, 70, 3, 720, 60) },
		"more users came":                  func(s *served) { s.quiet(); s.slow(6); s.answers(20, 140, 98, 3, 1000, 60) },
		"fewer users came":                 func(s *served) { s.quiet(); s.slow(6); s.answers(20, 60, 42, 3, 1000, 60) },
		"more users came at once":          func(s *served) { s.quiet(); s.answers(30, 140, 98, 3, 1000, 60) },
		"too small from the start":         func(s *served) { s.stormy(20); s.slow(6); s.stormy(20) },
		"no cause was seen":                func(s *served) { s.quiet(); s.stormy(30) },
		"the pool has room":                func(s *served) { s.quiet(); s.slow(6); s.answers(20, 100, 70, 3, 500, 30) },
		"without retries":                  func(s *served) { s.quiet(); s.slow(6); s.answers(20, 100, 70, 0, 1000, 60) },
		"the retries succeed":              func(s *served) { s.quiet(); s.slow(6); s.answers(20, 100, 10, 30, 1000, 60) },
		"a job works in the same pool":     func(s *served) { s.quiet(); s.slow(6); s.answers(20, 100, 25, 1, 1000, 60) },
		"few requests": func(s *served) {
			s.answers(20, 2, 0, 0, 500, 30)
			s.answers(6, 2, 2, 3, 100, 60)
			s.answers(20, 2, 2, 3, 1000, 60)
		},
		"hardly a retry": func(s *served) {
			s.quiet()
			s.slow(6)
			for range 20 {
				s.observe(timeline.RequestRetry, "503", 15)
				s.answers(1, 100, 25, 0, 700, 50)
			}
		},
		"requests failed before it": func(s *served) {
			for range 20 {
				s.add(timeline.RequestFailed, 1, 1)
				s.answers(1, 100, 0, 0, 500, 30)
			}
			s.slow(6)
			s.stormy(20)
		},
		"it is just over": func(s *served) { s.quiet(); s.slow(6); s.stormy(5) },
		"no longer than a request": func(s *served) {
			s.quiet()
			s.slow(6)
			s.stormy(20)
			s.add(timeline.Request, slices.Repeat([]float64{21_000}, 1000)...)
		},
		"others use the database":           func(s *served) { s.quiet(); s.slow(6); s.stormy(20); s.watch.Load.Sampled.Others = 2 },
		"a pooler stands between":           func(s *served) { s.quiet(); s.slow(6); s.stormy(20); s.watch.Pooler = &monitor.PoolerReport{} },
		"only a lower bound is known":       func(s *served) { s.quiet(); s.slow(6); s.stormy(20); s.watch.AtLeast = 0.5 },
		"the role may not see the sessions": func(s *served) { s.quiet(); s.slow(6); s.stormy(20); s.watch.Hidden = 9 },
		"the database did not answer":       func(s *served) { s.quiet(); s.slow(6); s.stormy(20); s.watch.Failed = 1 },
		"it is not loaded by us":            func(s *served) { s.quiet(); s.slow(6); s.stormy(20); s.facts.Requests.HTTP = false },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServed()
			live(s)
			names := s.names(t)
			require.NotContains(t, names, metastableOverload)
		})
	}
}
