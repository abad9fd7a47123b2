package experiment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// Result implements [Plan].
func (p *capacity) Result(done []Measurement) (Result, error) {
	all := p.read(done)
	b := p.bracket(all)
	left, _ := p.Left(done)
	d := &document{values: map[string]float64{metricSteps: float64(len(done)), metricLeft: float64(left)}}
	s := section{Section: report.Section{Title: "Capacity: " + p.conclusion(b, left)}}
	s.say(p.explanation(all, b, left))
	if t, ok := at(all, b.broke); ok {
		s.say(fmt.Sprintf("What broke first, at %s: %s", p.label(b.broke), sentence(t.broke().reason())))
		for _, advice := range adviceOf(t.broke()) {
			s.say(advice)
		}
	}
	if said := unjudged(all); said != "" {
		s.say("Not judged in any step: " + said + ".")
	}
	if len(p.waive) > 0 {
		s.say("Waived: " + strings.Join(p.waive, ", ") + ".")
	}
	if len(all) > 0 {
		s.Tables = []text.Table{p.table(all)}
		s.Charts = p.charts(all, b)
	}
	p.addValues(d.values, all, b)
	d.sections = []section{s}
	return d, nil
}

// conclusion is the number.
func (p *capacity) conclusion(b bracket, left int) string {
	switch {
	case b.carried == 0 && b.broke == 0:
		return "not known yet"
	case b.carried == 0:
		return "less than " + p.label(b.broke)
	case b.broke == 0:
		return "at least " + p.label(b.carried)
	case left > 0:
		return fmt.Sprintf("%s to %s", text.Number(b.carried), p.label(b.broke))
	default:
		return p.label(b.carried)
	}
}

func (p *capacity) explanation(all []tried, b bracket, left int) string {
	var said []string
	if left > 0 {
		done := 0
		for _, t := range all {
			done += len(t.steps)
		}
		said = append(said, fmt.Sprintf("Unfinished: %s done, at most %d left.", text.Counted(done, "step"), left))
	}
	gate := "every criterion is PASS"
	if p.gate == verdict.GateFail {
		gate = "no criterion is FAIL"
	}
	said = append(said, fmt.Sprintf("A load (%s) is carried where %s%s.", p, gate, p.majority()))
	switch {
	case b.carried > 0 && b.broke > 0:
		said = append(said, fmt.Sprintf("The largest load that was is %s, the smallest that was not %s.", p.label(b.carried), p.label(b.broke)))
	case b.carried > 0 && left == 0:
		said = append(said, fmt.Sprintf("Every load up to the largest to be tried, %s, was: the capacity is beyond it.", p.label(b.carried)))
	case b.broke > 0 && left == 0:
		said = append(said, "Not even the smallest load that was tried was.")
	}
	return strings.Join(said, " ")
}

func (p *capacity) majority() string {
	if p.rounds == 1 {
		return ""
	}
	return fmt.Sprintf(" in most of %d rounds", p.rounds)
}

func adviceOf(j judgement) []string {
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
	counts := map[string]int{}
	var names []string
	steps := 0
	for _, t := range all {
		for _, j := range t.judged {
			steps++
			for _, name := range j.unjudged {
				if counts[name]++; counts[name] == 1 {
					names = append(names, name)
				}
			}
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return counts[name] < steps })
	return strings.Join(names, "; ")
}

func sentence(text string) string { return strings.TrimSuffix(text, ".") + "." }

func (p *capacity) addValues(values map[string]float64, all []tried, b bracket) {
	if b.broke > 0 {
		values[metricBroke] = b.broke
	}
	if b.carried == 0 && b.broke == 0 {
		return
	}
	name := metricUsers
	if p.rate > 0 {
		name = metricRate
	}
	values[name] = b.carried
	if t, ok := at(all, b.carried); ok {
		values[metricCapacityThroughput], _ = meanOf(t.steps, throughput)
		values[metricCapacityP95], _ = meanOf(t.steps, p95)
	}
}
