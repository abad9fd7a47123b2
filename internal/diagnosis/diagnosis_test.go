package diagnosis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// story is a run written down by hand, second by second.
type story struct {
	recorder timeline.Recorder
	pool     string
	second   float64 // now
	facts    Facts
	size     int
}

// newStory is of a pool of 20+40.
func newStory() *story {
	return &story{pool: "default", size: 20}
}

func (s *story) add(m timeline.Measure, values ...float64) {
	for _, value := range values {
		s.observe(m, "", value)
	}
}

func (s *story) observe(m timeline.Measure, key string, value float64) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).Add(time.Duration(s.second * float64(time.Second)))
	s.recorder.Record([]timeline.Observation{{Measure: m, At: at, Value: value, Pool: s.pool, Key: key}})
}

// requests are users' requests that went well; each takes a connection at
// once, for two statements of 4 ms.
func (s *story) requests(n int) {
	for range n {
		s.add(timeline.Wait, 0.1)
		s.add(timeline.Query, 4, 4)
		s.add(timeline.Use, 10)
		s.add(timeline.Request, 11)
	}
}

// level samples the pool.
func (s *story) level(active, waiting, total float64) {
	s.add(timeline.Active, active)
	s.add(timeline.Waiting, waiting)
	s.add(timeline.Total, total)
}

// healthy is half a minute of 100 users a second.
func (s *story) healthy() {
	s.add(timeline.Opened, slices.Repeat([]float64{1}, 12)...)
	for range 30 {
		s.requests(100)
		s.level(4, 0, 12)
		s.second++
	}
}

// known are the facts of the run so far.
func (s *story) known() Facts {
	facts := s.facts
	facts.Recorded(s.recorder.Snapshot())
	for i := range facts.Pools {
		facts.Pools[i].Size, facts.Pools[i].Capacity = s.size, 3*s.size
	}
	return facts
}

func (s *story) diagnoses(t *testing.T) []Diagnosis {
	t.Helper()
	found := Of(s.known())
	for _, d := range found {
		require.NotEmpty(t, d.Evidence, d.Name)
		require.Regexp(t, `\d`, strings.Join(d.Evidence, " "), "evidence is values")
		require.NotEmpty(t, d.Remedy, d.Name)
	}
	return found
}

func (s *story) names(t *testing.T) []string {
	t.Helper()
	names := []string{}
	for _, d := range s.diagnoses(t) {
		names = append(names, d.Name)
	}
	return names
}

func TestAHealthyRunHasNoDiagnosis(t *testing.T) {
	s := newStory()
	s.healthy()
	require.Empty(t, s.names(t))
	require.Empty(t, Of(Facts{}), "nor has a run without data")
	s = newStory()
	s.add(timeline.Waiting, 5, 5, 5)
	require.Empty(t, s.names(t), "nor one of which only the queue is known")
}

// Everyday life that looks like trouble at a glance.
func TestNoFalseAlarm(t *testing.T) {
	for name, live := range map[string]func(*story){
		"the first second fills the pool": func(s *story) {
			s.add(timeline.Opened, slices.Repeat([]float64{1}, 60)...)
			for range 40 {
				s.observe(timeline.Closed, "overflow", 1)
			}
			s.add(timeline.Wait, slices.Repeat([]float64{300}, 40)...)
			s.add(timeline.Use, 10)
			s.level(60, 40, 60)
			s.healthy()
		},
		"a queue for a moment": func(s *story) {
			s.healthy()
			s.level(60, 30, 60)
			s.add(timeline.Wait, slices.Repeat([]float64{50}, 30)...)
			s.healthy()
		},
		"connections age one by one": func(s *story) {
			s.healthy()
			for range 20 {
				s.observe(timeline.Closed, "recycle", 1)
				s.add(timeline.Opened, 1)
				s.requests(20)
				s.second++
			}
		},
		"a slow report in an idle pool": func(s *story) {
			s.healthy()
			for range 20 {
				s.add(timeline.Query, 5000)
				s.add(timeline.Use, 5000)
			}
		},
		"statements that fail": func(s *story) {
			s.healthy()
			for range 30 {
				s.observe(timeline.Error, "23505", 1)
				s.add(timeline.QueryFailed, 1)
			}
		},
		"k6 is busy for a moment": func(s *story) {
			for range 30 {
				s.add(timeline.GeneratorCPU, 40)
				s.add(timeline.SchedulerDelay, 5)
			}
			s.add(timeline.GeneratorCPU, 100, 100, 100)
			s.add(timeline.SchedulerDelay, 200, 200, 200)
			s.healthy()
		},
		"the pool is closed at the end": func(s *story) {
			s.healthy()
			for range 12 {
				s.observe(timeline.Closed, "close", 1)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory()
			live(s)
			require.Empty(t, s.diagnoses(t))
		})
	}
}

// troubles are the shortest stories of each, after a healthy half minute.
var troubles = map[string]func(*story){
	poolExhausted: func(s *story) {
		s.level(60, 7, 60)
		s.add(timeline.AcquireTimeout, 1)
	},
	slowQueries: func(s *story) {
		for range 10 {
			s.add(timeline.Wait, 1)
			s.add(timeline.Query, 8000)
			s.add(timeline.Use, 8100)
			s.level(18, 0, 20)
		}
	},
	nPlusOne: func(s *story) {
		for range 3000 {
			s.add(timeline.Query, slices.Repeat([]float64{1}, 21)...)
			s.add(timeline.Use, 25)
			s.add(timeline.Wait, 0.1)
		}
		s.add(timeline.Active, slices.Repeat([]float64{17}, 30)...)
	},
	connectionLeak: func(s *story) { s.add(timeline.Leak, 1) },
	staleConnections: func(s *story) {
		s.observe(timeline.Closed, "lost", 1)
	},
	serverRestarted: func(s *story) { restart(s, 3) },
	reconnectStorm: func(s *story) {
		for range 12 {
			s.observe(timeline.Closed, "recycle", 1)
		}
		s.add(timeline.Opened, slices.Repeat([]float64{1}, 12)...)
	},
	generatorSaturated: func(s *story) {
		s.facts.Requests.Dropped = 40
		s.facts.Requests.Iterations = 3000
	},
	limitReached: func(s *story) {
		for range 5 {
			s.observe(timeline.Error, "53300", 1)
		}
	},
}

// restart loses n connections and refuses new ones for two seconds.
func restart(s *story, n int) {
	for range n {
		s.observe(timeline.Error, "57P01", 1)
		s.observe(timeline.Closed, "lost", 1)
	}
	for range 3 {
		s.observe(timeline.Error, "ConnectError", 1)
		s.second++
	}
}

func TestEveryTroubleIsNamedFirst(t *testing.T) {
	for name, happen := range troubles {
		t.Run(name, func(t *testing.T) {
			s := newStory()
			s.healthy()
			happen(s)
			require.Equal(t, name, s.names(t)[0], "%v", s.names(t))
		})
	}
}

func TestCausesComeBeforeWhatTheyCause(t *testing.T) {
	for _, cause := range []string{
		limitReached, connectionLeak, nPlusOne, slowQueries, serverRestarted,
	} {
		s := newStory()
		s.healthy()
		troubles[poolExhausted](s)
		troubles[cause](s)
		troubles[generatorSaturated](s)
		names := s.names(t)
		require.Equal(t, cause, names[0], "%v", names)
		require.Less(t, slices.Index(names, poolExhausted), slices.Index(names, generatorSaturated), "%v", names)
	}
	s := newStory()
	s.healthy()
	restart(s, 12)
	require.Equal(t, []string{serverRestarted, staleConnections, reconnectStorm}, s.names(t))
}

func TestTheSurerComesFirst(t *testing.T) {
	s := newStory()
	s.healthy()
	troubles[reconnectStorm](s) // likely
	s.observe(timeline.Error, "53300", 1)
	require.Equal(t, []string{limitReached, reconnectStorm}, s.names(t))
	for range 200 { // an N+1 that harms nobody is possible, and explains nothing
		s.add(timeline.Query, slices.Repeat([]float64{1}, 400)...)
		s.add(timeline.Use, 400)
	}
	require.Equal(t, nPlusOne, s.names(t)[2])
}

// In windows of minutes nothing says what came at once.
func TestALongRunShowsNoStorm(t *testing.T) {
	s := newStory()
	for range 24 * 60 {
		s.requests(10)
		s.level(4, 0, 12)
		s.second += 60
	}
	troubles[reconnectStorm](s)
	require.Empty(t, s.names(t))
}

func TestThePoolInTroubleIsNamed(t *testing.T) {
	s := newStory()
	s.healthy()
	s.pool = "off"
	s.healthy()
	troubles[staleConnections](s)
	d := s.diagnoses(t)
	require.Len(t, d, 1)
	require.Equal(t, `pool "off"`, d[0].Evidence[0])
	s.pool = "on"
	troubles[staleConnections](s)
	require.Equal(t, d, s.diagnoses(t), "of two alike the first is named")
	for range 2 {
		troubles[poolExhausted](s)
	}
	s.pool = "off"
	troubles[poolExhausted](s)
	require.Equal(t, `pool "on"`, s.diagnoses(t)[1].Evidence[0], "of two the worse")
}

// A remedy that is followed already is none.
func TestPrePingIsAskedForOnlyWhereItIsNotKnownToBeOn(t *testing.T) {
	s := newStory()
	s.healthy()
	s.pool = "other"
	s.healthy()
	troubles[staleConnections](s)
	for prePing, want := range map[bool]string{true: "is on already", false: "Enable DB_POOL_PRE_PING"} {
		facts := s.known()
		facts.Pools[0].PrePing, facts.Pools[1].PrePing = true, prePing
		found := Of(facts)
		require.Contains(t, found[0].Remedy, want)
		require.Contains(t, found[0].Remedy, "Reduce DB_POOL_RECYCLE value.")
	}
}

// Few statements that take long beside many that are fast may wait for a lock: of these
// alone nobody says so.
func TestFewSlowStatementsAmongFastOnes(t *testing.T) {
	s := newStory()
	s.healthy()
	troubles[slowQueries](s)
	require.Contains(t, s.diagnoses(t)[0].Remedy, "a few take very long")
	s = newStory()
	for range 6 {
		troubles[slowQueries](s)
	}
	require.NotContains(t, s.diagnoses(t)[0].Remedy, "a few take very long")
	require.Contains(t, s.diagnoses(t)[0].Remedy, "Optimize slow queries")
}

// Every pool has its own size.
func TestASmallPoolBesideALargeOne(t *testing.T) {
	s := newStory()
	s.healthy()
	s.pool = "small"
	for range 10 {
		s.level(4, 0, 4)
		s.add(timeline.Wait, 0)
		s.add(timeline.Query, 3000)
		s.add(timeline.Use, 3000)
	}
	require.Empty(t, s.names(t), "4 of 20")
	facts := s.known()
	facts.Pools[1].Size, facts.Pools[1].Capacity = 4, 4
	found := Of(facts)
	require.Len(t, found, 1)
	require.Equal(t, slowQueries, found[0].Name)
	facts.Pools[1].Size, facts.Pools[1].Capacity = 0, 0
	require.Empty(t, Of(facts), "of a pool of unknown size only a queue says that it is short")
}
