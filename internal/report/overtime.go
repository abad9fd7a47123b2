package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

const (
	// mostPools is how many pools are drawn, the busiest ones.
	mostPools = 8
	// mostPhases is how many phases can be marked and still be told apart.
	mostPhases     = 24
	chartsPerPool  = 3
	chartsOfTheRun = 4
)

// overTime are the charts of a run's timeline, which whole sums up, and sentences
// about what is not among them.
func overTime(in Input, whole timeline.Totals) (figures []figure, remarks []string) {
	if r := recordingOf(in); r != nil {
		return recorded(in, r)
	}
	pools, remarks := chosenPools(whole, preparedOnly(in.Timeline))
	m := momentsOf(in.Timeline, whole, chartsOfTheRun+chartsPerPool*len(pools))
	if len(m.at) > 0 {
		remarks = append(remarks, fmt.Sprintf("Each point covers %s. %s", text.Length(m.step), firstObservation(in.Timeline.Start)))
	}
	for _, name := range pools {
		figures = append(figures, m.ofPool(name, titled(name, pools), limitsOf(in.Verdict.Run, pools))...)
	}
	if len(pools) == 0 {
		figures = append(figures, figure{
			Chart: Chart{Title: "Pool"}, absent: "No pool was used or watched.",
		})
	}
	figures = append(figures, m.requests(), m.throughput(), m.failures(whole), m.cpu())
	marks := slices.Concat(phases(in.Timeline), events(in.Timeline, whole))
	slices.SortStableFunc(marks, func(a, b Mark) int { return cmp.Compare(a.X, b.X) })
	for i := range figures {
		figures[i].clock = true
		// A watched application's waiting users, for one, cannot be seen.
		figures[i].Series = slices.DeleteFunc(figures[i].Series, Series.empty)
		if figures[i].X == nil {
			figures[i].X = m.at
		}
		figures[i].start, figures[i].end = m.ends()
		figures[i].XLabel = sinceStart(figures[i].end)
		figures[i].Marks = marks
	}
	return figures, remarks
}

func firstObservation(at time.Time) string {
	return "Time counts from the first observation, " + at.UTC().Format("15:04:05 UTC") + "."
}

// chosenPools are the pools to be drawn, in their order, without those that are
// without a course, and sentences about the others.
func chosenPools(whole timeline.Totals, without func(name string) bool) (pools, remarks []string) {
	pools, aside := mainPools(whole, slices.DeleteFunc(busiest(whole), without))
	if len(aside) > 0 {
		remarks = append(remarks, "Hardly used and not drawn: pool "+strings.Join(aside, ", pool ")+".")
	}
	if len(pools) > mostPools {
		remarks = append(remarks, fmt.Sprintf("The %d busiest of %d pools are drawn; not among them: %s.",
			mostPools, len(pools), strings.Join(pools[mostPools:], ", ")))
		pools = pools[:mostPools]
	}
	sortNumbered(pools)
	return pools, remarks
}

// busiest are the names of the pools, those with most checkouts first.
func busiest(t timeline.Totals) []string {
	return slices.SortedFunc(maps.Keys(t.Pools), func(a, b string) int {
		return cmp.Or(
			cmp.Compare(t.Pools[b].Wait.Count(), t.Pools[a].Wait.Count()),
			cmp.Compare(t.Pools[b].Active.Max(), t.Pools[a].Active.Max()),
			cmp.Compare(a, b),
		)
	})
}

// mainPools sets aside the pools that a script measures or steers with: those with
// less than a twentieth of the busiest pool's checkouts. One that is watched from
// outside has no checkouts.
func mainPools(whole timeline.Totals, pools []string) (main, aside []string) {
	for _, name := range pools {
		checkouts := whole.Pools[name].Wait.Count()
		if checkouts > 0 && 20*checkouts < whole.Pools[pools[0]].Wait.Count() {
			aside = append(aside, name)
			continue
		}
		main = append(main, name)
	}
	return main, aside
}

// sortNumbered puts pools that differ in their number alone (POOLS) in its order,
// pool-2 before pool-10. Others stay as they are.
func sortNumbered(pools []string) {
	kind := func(name string) string { return strings.TrimRight(name, "0123456789") }
	if slices.ContainsFunc(pools, func(name string) bool { return kind(name) != kind(pools[0]) }) {
		return
	}
	slices.SortFunc(pools, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
}

// preparedOnly tells of a pool whether all that happened to it was before the
// first phase: it prepared what the phases are about. Where there are no phases
// none did.
func preparedOnly(run timeline.Snapshot) func(name string) bool {
	used := make(map[string]bool)
	for _, w := range run.Windows {
		if len(run.Phases) == 0 || w.From+run.Width > run.Phases[0].From {
			for name := range w.Totals.Pools {
				used[name] = true
			}
		}
	}
	return func(name string) bool { return !used[name] }
}

// titled says which pool a chart is about where there are several.
func titled(name string, pools []string) string {
	if len(pools) < 2 {
		return ""
	}
	return ", pool " + name
}

// limitsOf are the pool's size and ceiling. With several pools it is not known
// whose they are.
func limitsOf(run verdict.Run, pools []string) []Limit {
	size, overflow, known := run.Configuration.Sizes(verdict.DefaultPool)
	if !known || len(pools) != 1 {
		return nil
	}
	limits := []Limit{{fmt.Sprintf("poolSize %d", size), float64(size)}}
	if overflow > 0 {
		ceiling := size + overflow
		limits = append(limits, Limit{fmt.Sprintf("poolSize + maxOverflow %d", ceiling), float64(ceiling)})
	}
	return limits
}

// phases are marked where they begin.
func phases(run timeline.Snapshot) []Mark {
	if len(run.Phases) > mostPhases {
		return nil
	}
	var marks []Mark
	for _, p := range run.Phases {
		marks = append(marks, Mark{X: p.From.Seconds(), Label: p.Label})
	}
	return marks
}

// apart is how long nothing happens before the same event is marked again.
const apart = 3 * time.Second

// events are the moments that one looks for and that diagnoses rest on, each
// named by the most specific sign. Phases that are marked say more about where.
func events(run timeline.Snapshot, whole timeline.Totals) []Mark {
	if len(run.Phases) > 1 {
		return nil
	}
	var marks []Mark
	taken := make(map[float64]bool)
	mark := func(label string, most int, count func(timeline.Totals) int64) {
		last := -2 * apart
		for _, w := range run.Windows {
			if count(w.Totals) == 0 {
				continue
			}
			if x := w.From.Seconds(); w.From-last > apart && most > 0 && !taken[x] {
				marks = append(marks, Mark{X: x, Label: label})
				taken[x] = true
				most--
			}
			last = w.From
		}
	}
	restarted := failures("57P02", "57P03")
	if restarted(whole) == 0 {
		// pg_terminate_backend says 57P01 too, and the server stays.
		mark("session ended by the server", mostPhases, failures("57P01"))
	}
	mark("server restarted", mostPhases, func(t timeline.Totals) int64 { return restarted(t) + failures("57P01")(t) })
	mark("first write refused", 1, failures("25006"))
	mark("connection limit reached", 1, failures("53300"))
	mark("first statement timeout", 1, failures("57014"))
	mark("first timeout", 1, func(t timeline.Totals) int64 {
		return t.Requests.Timeouts + ofAllPools(func(p *timeline.Pool) int64 { return p.Timeouts })(t)
	})
	mark("connections lost", 1, ofAllPools(func(p *timeline.Pool) int64 { return p.Closed["lost"] }))
	mark("first leak", 1, ofAllPools(func(p *timeline.Pool) int64 { return p.Leaks }))
	return marks
}

// failures count what the server refused with one of these SQLSTATEs.
func failures(codes ...string) func(timeline.Totals) int64 {
	return ofAllPools(func(p *timeline.Pool) (sum int64) {
		for _, code := range codes {
			sum += p.Errors[code]
		}
		return sum
	})
}

func (m moments) ofPool(name, title string, limits []Limit) []figure {
	level := func(choose func(*timeline.Pool) *timeline.Distribution) pick { return ofPool(name, choose) }
	idle := m.sampled("idle", level(func(p *timeline.Pool) *timeline.Distribution { return &p.Idle }))
	idle.Low, idle.High = nil, nil // it is what the other two leave
	return []figure{
		{
			Chart: Chart{Title: "Connections" + title, YLabel: "connections and users", Series: []Series{
				m.sampled("active", level(func(p *timeline.Pool) *timeline.Distribution { return &p.Active })),
				m.sampled("waiting", level(func(p *timeline.Pool) *timeline.Distribution { return &p.Waiting })),
				idle,
			}, Limits: limits},
			absent: "The pool's levels were not sampled.",
		},
		{
			Chart: Chart{Title: "Wait for a connection" + title, YLabel: "milliseconds", Series: m.percentiles(
				level(func(p *timeline.Pool) *timeline.Distribution { return &p.Wait }))},
			absent: "No checkout was seen: waits inside a watched application are not visible from its database.",
		},
		{
			Chart: Chart{Title: "Statements" + title, YLabel: "milliseconds, wait excluded", Series: m.percentiles(
				level(func(p *timeline.Pool) *timeline.Distribution { return &p.Query }))},
			absent: "No statement was measured.",
		},
	}
}
