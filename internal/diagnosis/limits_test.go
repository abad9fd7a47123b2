package diagnosis

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

func TestBorders(t *testing.T) {
	for name, test := range map[string]struct {
		trouble string
		happen  func(s *story, beyond bool)
	}{
		"a queue in half of the samples": {poolExhausted, func(s *story, beyond bool) {
			for range 30 { // as many as healthy ones
				s.level(60, 5, 60)
			}
			if beyond {
				s.level(60, 5, 60)
			}
			s.add(timeline.Wait, slices.Repeat([]float64{20}, 1000)...)
		}},
		"a queue that costs a quarter of the use": {poolExhausted, func(s *story, beyond bool) {
			for range 40 {
				s.level(60, 5, 60)
			}
			wait := 2.0
			if beyond {
				wait = 3
			}
			for range 100_000 {
				s.add(timeline.Wait, wait)
			}
		}},
		"half of the use is slow statements": {slowQueries, func(s *story, beyond bool) {
			s.add(timeline.Active, slices.Repeat([]float64{17}, 30)...)
			query := 2950.0 // 30 s are in use by the healthy half minute
			if beyond {
				query = 3100
			}
			s.add(timeline.Query, slices.Repeat([]float64{query}, 10)...)
			s.add(timeline.Use, slices.Repeat([]float64{query}, 10)...)
		}},
		"80 % of the pool in use": {slowQueries, func(s *story, beyond bool) {
			active := 15.0
			if beyond {
				active = 16
			}
			s.add(timeline.Active, slices.Repeat([]float64{active}, 30)...)
			s.add(timeline.Query, slices.Repeat([]float64{6000}, 10)...)
			s.add(timeline.Use, slices.Repeat([]float64{6000}, 10)...)
		}},
		"five slow statements": {slowQueries, func(s *story, beyond bool) {
			s.add(timeline.Active, slices.Repeat([]float64{17}, 30)...)
			n := 4
			if beyond {
				n = 5
			}
			s.add(timeline.Query, slices.Repeat([]float64{20_000}, n)...)
			s.add(timeline.Use, slices.Repeat([]float64{20_000}, n)...)
		}},
		"ten statements a checkout": {nPlusOne, func(s *story, beyond bool) {
			n := 8*3000 - 1 // beside the healthy two
			if beyond {
				n++
			}
			s.add(timeline.Query, slices.Repeat([]float64{1}, n)...)
		}},
		"a quarter of the use is statements": {nPlusOne, func(s *story, beyond bool) {
			n := 21 * 3000   // 1 ms each, beside the healthy 24 s
			use := 360_000.0 // the healthy 30 s included
			if beyond {
				use = 340_000
			}
			s.add(timeline.Query, slices.Repeat([]float64{1}, n)...)
			s.add(timeline.Use, use-30_000)
		}},
		"half of the pool at once": {reconnectStorm, func(s *story, beyond bool) {
			n := 5
			if beyond {
				n = 6
			}
			for range n {
				s.observe(timeline.Closed, "recycle", 1)
			}
		}},
		"a tenth of the checkouts": {reconnectStorm, func(s *story, beyond bool) {
			n := 40 + 299
			if beyond {
				n++
			}
			for range n {
				s.observe(timeline.Closed, "overflow", 1)
				s.second += 0.1
			}
		}},
		"refused near the loss": {serverRestarted, func(s *story, beyond bool) {
			s.observe(timeline.Closed, "lost", 1)
			s.second += 30
			if beyond {
				s.second -= 26
			}
			s.observe(timeline.Error, "ConnectError", 1)
		}},
		"k6 busy at the median": {generatorSaturated, func(s *story, beyond bool) {
			s.add(timeline.GeneratorCPU, 95, 50)
			if beyond {
				s.add(timeline.GeneratorCPU, 95)
			}
		}},
		"work waits for a core": {generatorSaturated, func(s *story, beyond bool) {
			s.add(timeline.SchedulerDelay, 80, 80, 10)
			if !beyond {
				s.add(timeline.SchedulerDelay, 10, 10)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, beyond := range []bool{false, true} {
				s := newStory()
				s.healthy()
				test.happen(s, beyond)
				require.Equal(t, beyond, slices.Contains(s.names(t), test.trouble), "beyond: %v, %v", beyond, s.names(t))
			}
		})
	}
}

// What differs from a trouble in one thing is another trouble, or none.
func TestNeighborsOfTroubles(t *testing.T) {
	for name, test := range map[string]struct {
		live func(*story)
		want []string
	}{
		"users wait for slow statements in a pool of unknown size": {func(s *story) {
			s.size = 0
			for range 10 {
				s.add(timeline.Waiting, slices.Repeat([]float64{3}, 4)...)
				s.add(timeline.Query, 8000)
				s.add(timeline.Use, 8000)
			}
		}, []string{slowQueries}},
		"a pool of one with slow statements": {func(s *story) {
			s.pool, s.size = "watch", 1
			for range 10 {
				s.level(1, 0, 1)
				s.add(timeline.Query, 1000)
				s.add(timeline.Use, 1000)
			}
		}, []string{}},
		"many statements, and slow ones": {func(s *story) {
			for range 3000 {
				s.add(timeline.Query, slices.Repeat([]float64{300}, 21)...)
				s.add(timeline.Use, 6400)
			}
			s.add(timeline.Active, slices.Repeat([]float64{17}, 30)...)
		}, []string{slowQueries}},
		"a checkout for every statement": {func(s *story) {
			s.facts.Requests.Count = 1000
			s.requests(4000)
		}, []string{nPlusOne}},
		"statements of two pools": {func(s *story) {
			s.facts.Requests.Count = 1000
			s.requests(4000)
			s.pool = "other"
			s.requests(1)
		}, []string{}},
		"terminated in use": {func(s *story) { s.observe(timeline.Error, "57P01", 1) }, []string{staleConnections}},
		"broken in use": {func(s *story) {
			s.observe(timeline.Error, "ConnectionLostError", 1)
		}, []string{staleConnections}},
		"a server that starts": {func(s *story) { s.observe(timeline.Error, "57P03", 1) }, []string{serverRestarted}},
		"a crash":              {func(s *story) { s.observe(timeline.Error, "57P02", 1) }, []string{serverRestarted}},
		"a server out of reach": {func(s *story) {
			s.observe(timeline.Error, "ConnectError", 1)
		}, []string{}},
		"users of one's own pool hold more and more": {func(s *story) {
			for second := range 60 {
				s.requests(100)
				s.level(float64(second)/4, 0, 20)
				s.second++
			}
		}, []string{}},
		"two busy seconds": {func(s *story) { s.add(timeline.GeneratorCPU, 99, 99) }, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory()
			s.healthy()
			test.live(s)
			require.Equal(t, test.want, s.names(t))
		})
	}
}

// A storm is where and as long as it says.
func TestAStormIsDated(t *testing.T) {
	s := newStory()
	s.healthy()
	s.second -= 0.75
	s.requests(1)
	s.second += 0.75
	troubles[reconnectStorm](s)
	require.Contains(t, s.diagnoses(t)[0].Evidence[0], "12 connections ended within 1 s, 30 s into the run")
	for s.second < 18*60 { // windows of four seconds
		s.requests(1)
		s.second++
	}
	require.Contains(t, s.diagnoses(t)[0].Evidence[0], "12 connections ended within 4 s, 28 s into the run")
}

// An arrival or two that k6 was not ready for make no run worthless.
func TestFewDroppedArrivals(t *testing.T) {
	for dropped, want := range map[float64]Confidence{2: Possible, 40: Likely} {
		s := newStory()
		s.healthy()
		s.facts.Requests.Dropped = dropped
		s.facts.Requests.Iterations = 3000
		d := s.diagnoses(t)
		require.Equal(t, generatorSaturated, d[0].Name)
		require.Equal(t, want, d[0].Confidence)
	}
}

// One is one.
func TestEvidenceOfOne(t *testing.T) {
	s := newStory()
	s.healthy()
	s.observe(timeline.Closed, "lost", 1)
	s.observe(timeline.Error, "57P01", 1)
	s.observe(timeline.Error, "57P03", 1)
	s.observe(timeline.Error, "53300", 1)
	s.add(timeline.Leak, 1)
	s.level(60, 1, 60)
	s.add(timeline.AcquireTimeout, 1)
	var evidence []string
	for _, d := range s.diagnoses(t) {
		evidence = append(evidence, d.Evidence...)
	}
	for _, clause := range []string{
		"the server refused a connection once: too many (SQLSTATE 53300)",
		"the server said 57P01 once, 57P03 once", "1 connection lost", "1 connect failed between 30 s and 30 s of the run",
		"found dead: 1 of 12 connections", "1 statement failed because of it", "up to 1 user waiting",
		"1 of 3000 connections taken were not returned by the end of their iteration",
	} {
		require.Contains(t, evidence, clause)
	}
}

// Four connections are replaced in a moment, and nobody notices.
func TestASmallPoolHasNoStorm(t *testing.T) {
	s := newStory()
	for range 30 {
		s.requests(10)
		s.level(1, 0, 4)
		s.second++
	}
	for range 4 {
		s.observe(timeline.Closed, "recycle", 1)
	}
	require.Empty(t, s.names(t))
}
