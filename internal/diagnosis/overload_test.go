package diagnosis_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
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
			require.Equal(t, test.want, slices.Contains(names, diagnosis.MetastableOverload), "%v", names)
		})
	}
}

func TestARetryStormComesBeforeTheFullPool(t *testing.T) {
	s := newStory()
	s.healthy()
	s.storm(5, 100, 200, 2, 60, 90)
	s.storm(20, 100, 10, 2, 60, 90)
	found := s.diagnoses(t)
	require.Equal(t, diagnosis.MetastableOverload, found[0].Name)
	require.Contains(t, found[0].EvidenceText(), "users ask for 100 requests per second (100 before the first retry), and with their retries it is 3.00 times that load; "+
		"60 in use and 90 waiting on average, where the same requests had 4 in use; the cause was over at second 35:")
	require.Equal(t, diagnosis.PoolExhausted, found[1].Name)
	require.Contains(t, found[1].Remedy, "Fix the cause first: metastable overload.")
}
