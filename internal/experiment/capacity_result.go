package experiment

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

func (p *capacity) Result(done []Measurement) *Result {
	all := p.read(done)
	left, _ := p.left(done)
	a := p.answer(all)
	r := newResult(p.plan, len(done), left)
	s := report.Section{Title: "Capacity: " + p.conclusion(a), Text: []string{p.explanation(a, len(done), left)}}
	if a.broke.load > 0 {
		s.Text = append(s.Text, fmt.Sprintf("What broke first, at %s: %s", p.label(a.broke.load), sentence(a.broke.broke().reason())))
		s.Text = append(s.Text, adviceOf(a.broke.broke())...)
	}
	s.Text = append(s.Text, paragraphs(p.onPools(), p.onGenerator(done), unjudged(all))...)
	if len(p.waive) > 0 {
		s.Text = append(s.Text, "Waived: "+strings.Join(p.waive, ", ")+".")
	}
	if len(all) > 0 {
		s.Tables = []text.Table{p.table(all, a)}
		s.Charts = p.charts(all, a)
		r.Answer = p.header(a)
	}
	p.addValues(r.Values, all, a)
	r.Sections = []report.Section{s}
	return r
}

// answer is what is said of the capacity. Its ends are loads that can be tried:
// 0 stands for less than the smallest, and beyond says that the high end may be
// more than the largest.
type answer struct {
	known             bool
	low, middle, high float64
	beyond            bool
	generator         bool  // what broke is the load generator: nothing is known of more load
	broke             tried // the smallest load, from the low end on, that was not carried; none has load 0
}

func (p *capacity) answer(all []tried) answer {
	if len(all) == 0 {
		return answer{}
	}
	f := p.find(all)
	inside := func(load float64) float64 {
		if load < p.least() {
			return 0
		}
		return p.shown(min(load, p.most()))
	}
	a := answer{known: true, low: inside(f.low), middle: inside(f.middle), high: inside(f.high), beyond: f.high > p.most()}
	const near = 1.25 // times the load that broke
	for _, t := range ascending(all) {
		broke := t.missed() > 0 && t.load >= a.low && (t.missed() >= t.carried() || t.load > a.middle)
		switch {
		case !broke:
		case a.broke.load == 0, t.load <= near*a.broke.load && !a.generator && t.byGenerator():
			a.broke, a.generator = t, t.byGenerator()
		}
	}
	if a.generator {
		a.beyond, a.high = true, p.most()
	}
	return a
}

// byGenerator tells whether it is the load generator that did not meet the
// criteria.
func (t tried) byGenerator() bool {
	broke := t.broke().broke
	return len(broke) > 0 && broke[0].Name == loadGenerator
}

// shown is a capacity as it is reported: of users those that are carried.
func (p *capacity) shown(load float64) float64 {
	if p.rate == 0 {
		return math.Floor(load)
	}
	return p.round(load)
}

// header is the number and what broke.
func (p *capacity) header(a answer) []report.Fact {
	value, detail, _ := strings.Cut(strings.TrimSuffix(p.conclusion(a), ")"), " (")
	all := []report.Fact{{Name: "Capacity", Value: value, Detail: detail}}
	if broke := a.broke.broke().broke; len(broke) > 0 {
		all = append(all, report.Fact{Name: "What broke first", Value: broke[0].Title, Detail: "at " + p.label(a.broke.load)})
	}
	return all
}

// conclusion is the number.
func (p *capacity) conclusion(a answer) string {
	switch {
	case !a.known:
		return "not known yet"
	case a.generator && a.low > 0:
		return "at least " + p.label(a.low) + "; beyond it the load generator is at its limit"
	case a.generator:
		return "not known, the load generator is at its limit"
	case a.high == 0:
		return "less than " + p.label(p.least())
	case a.beyond && a.middle >= p.most():
		return "at least " + p.label(a.low)
	case a.beyond:
		return fmt.Sprintf("%s (95 %% interval from %s on)", p.label(a.middle), text.Number(a.low))
	case a.low == a.high:
		return p.label(a.middle)
	default:
		return fmt.Sprintf("%s (95 %% interval %s to %s)", p.label(a.middle), text.Number(a.low), text.Number(a.high))
	}
}

func (p *capacity) explanation(a answer, done, left int) string {
	var said []string
	if left > 0 {
		said = append(said, fmt.Sprintf("Unfinished: %s done, at most %d left.", text.Counted(done, "step"), left))
	}
	gate := "every criterion is PASS"
	if p.gate == verdict.GateFail {
		gate = "no criterion is FAIL"
	}
	said = append(said, fmt.Sprintf("A load (%s) is carried if %s; the capacity is the largest load that most steps carry.", p, gate))
	switch {
	case !a.known || left > 0:
	case a.high == 0:
		said = append(said, "Not even the smallest load was carried.")
	case a.beyond && a.middle >= p.most():
		said = append(said, fmt.Sprintf("The largest load that was tried, %s, was carried: the capacity is higher.", p.label(p.most())))
	case a.low < a.high:
		said = append(said, "More rounds, or longer steps, make the interval narrower.")
	}
	return strings.Join(said, " ")
}

func adviceOf(j judgment) []string {
	var all []string
	for _, row := range j.broke {
		if row.Advice != "" && !slices.Contains(all, row.Advice) {
			all = append(all, row.Advice)
		}
	}
	return all
}

// unjudged names the rows that could not be measured in any step.
func unjudged(all []tried) string {
	var judged []judgment
	for _, t := range all {
		judged = append(judged, t.judged...)
	}
	if len(judged) == 0 {
		return ""
	}
	names := slices.DeleteFunc(slices.Clone(judged[0].unjudged), func(name string) bool {
		return slices.ContainsFunc(judged, func(j judgment) bool { return !slices.Contains(j.unjudged, name) })
	})
	if len(names) == 0 {
		return ""
	}
	return "Not judged in any step: " + strings.Join(names, "; ") + "."
}

func sentence(text string) string { return strings.TrimSuffix(text, ".") + "." }

func (p *capacity) addValues(values map[string]float64, all []tried, a answer) {
	if a.broke.load > 0 {
		values[metricBroke] = a.broke.load
	}
	if !a.known {
		return
	}
	name := metricUsers
	if p.rate > 0 {
		name = metricRate
	}
	values[name], values[metricCapacityLow], values[metricCapacityHigh] = a.middle, a.low, a.high
	if nearest, ok := nearestCarried(all, a.middle); ok {
		values[metricCapacityThroughput] = meanOf(nearest.steps, throughput)
		values[metricCapacityP95] = meanOf(nearest.steps, p95)
	}
}

// nearestCarried is the largest load up to the capacity that was carried.
func nearestCarried(all []tried, capacity float64) (nearest tried, ok bool) {
	for _, t := range ascending(all) {
		if t.load <= capacity && t.carried() > t.missed() {
			nearest, ok = t, true
		}
	}
	return nearest, ok
}
