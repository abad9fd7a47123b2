// Package diagnosis names what is wrong, with the evidence and the remedy: one
// table of causes for a load test, a watched application and merged runs.
// [Facts] go in, whoever found them out; [Of] gives the causes.
package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Confidence is how sure a [Diagnosis] is.
type Confidence string

// The confidences, from the highest on.
const (
	// Certain is what the server or the pool itself has said.
	Certain Confidence = "certain"
	// Likely is what the values hardly leave another explanation for.
	Likely Confidence = "likely"
	// Possible is what the values fit, and others would fit too.
	Possible Confidence = "possible"
)

// rank orders confidences: the higher, the surer; 0 is none.
func (c Confidence) rank() int {
	switch c {
	case Certain:
		return 3
	case Likely:
		return 2
	case Possible:
		return 1
	default:
		return 0
	}
}

// Diagnosis names one trouble that the values of a run show.
type Diagnosis struct {
	Name       string     `json:"name"` // such as "pool exhausted"
	Confidence Confidence `json:"confidence"`
	Evidence   []string   `json:"evidence"` // values, each a clause of its own
	Remedy     string     `json:"remedy"`
}

// Title is the headline.
func (d Diagnosis) Title() string { return fmt.Sprintf("%s (%s)", d.Name, d.Confidence) }

// EvidenceText is the evidence in one text.
func (d Diagnosis) EvidenceText() string { return strings.Join(d.Evidence, "; ") + "." }

// finding is what a rule saw of one pool; without a confidence it saw nothing.
type finding struct {
	confidence Confidence
	evidence   []string
	remedy     string  // in place of the rule's, where that is followed already
	extent     float64 // how often it happened, to tell the worse of two pools
}

// rule is one row of the table of troubles.
type rule struct {
	name   string
	find   func(*Facts, *Pool) finding
	remedy string // most often
	// causes are the troubles that bring this one about: where one of them is
	// found too, it is named first.
	causes []string
	// unless are the troubles that this one is taken for: where one of them is
	// found, it is not named.
	unless []string
	// inWords says that it is certain only where the server or the driver says so:
	// what is merely likely then does not hide it.
	inWords bool
}

// either is what the clearest of several rules for one trouble sees: in the
// pool of this process, or in an application's.
func either(rules ...func(*Facts, *Pool) finding) func(*Facts, *Pool) finding {
	return func(run *Facts, p *Pool) (best finding) {
		for _, find := range rules {
			if f := find(run, p); f.clearer(best) {
				best = f
			}
		}
		return best
	}
}

// Of names the troubles of a run, most likely first. Of a trouble and its
// cause the cause comes first, however much surer the trouble is. A healthy run
// has none.
func Of(facts Facts) []Diagnosis {
	found := make(map[string]Diagnosis)
	for _, r := range rules {
		if d, ok := r.diagnose(&facts); ok {
			found[r.name] = d
		}
	}
	var names []string
	for _, r := range rules {
		d, ok := found[r.name]
		if !ok || r.hidden(d, found) {
			delete(found, r.name)
			continue
		}
		if cause := foundAny(r.causes, found); r.name == poolExhausted && cause != "" {
			d.Remedy = fmt.Sprintf("Fix the cause first: %s. Until then a larger pool fills up as well.", cause)
			found[r.name] = d
		}
		names = append(names, r.name)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(placeOf(b, found), placeOf(a, found))
	})
	diagnoses := make([]Diagnosis, len(names))
	for i, name := range names {
		diagnoses[i] = found[name]
	}
	return diagnoses
}

// hidden tells whether d is only another trouble that was taken for it.
func (r rule) hidden(d Diagnosis, found map[string]Diagnosis) bool {
	if r.inWords && d.Confidence == Certain {
		return foundCertain(r.unless, found)
	}
	return foundAny(r.unless, found) != ""
}

func foundCertain(names []string, found map[string]Diagnosis) bool {
	return slices.ContainsFunc(names, func(name string) bool { return found[name].Confidence == Certain })
}

// foundAny is the first of some troubles that is more than possible.
func foundAny(names []string, found map[string]Diagnosis) string {
	for _, name := range names {
		if d, ok := found[name]; ok && d.Confidence != Possible {
			return name
		}
	}
	return ""
}

// placeOf is the rank by which a diagnosis is sorted: its own, but not above
// that of a cause. The table has causes before what they cause, and sorting is
// stable.
func placeOf(name string, found map[string]Diagnosis) int {
	place := found[name].Confidence.rank()
	for _, cause := range ruleOf(name).causes {
		if c, ok := found[cause]; ok && c.Confidence != Possible {
			place = min(place, placeOf(cause, found))
		}
	}
	return place
}

func ruleOf(name string) rule {
	i := slices.IndexFunc(rules, func(r rule) bool { return r.name == name })
	return rules[i]
}

// clearer tells which of two pools' findings to report.
func (f finding) clearer(than finding) bool {
	if f.confidence != than.confidence {
		return f.confidence.rank() > than.confidence.rank()
	}
	return f.extent > than.extent
}

// diagnose applies the rule to every pool; the clearest case is reported.
func (r rule) diagnose(run *Facts) (Diagnosis, bool) {
	var best finding
	pools := run.Pools
	if len(pools) == 0 {
		pools = []Pool{{}} // what belongs to no pool is found all the same
	}
	for i := range pools {
		f := r.find(run, &pools[i])
		if !f.clearer(best) {
			continue
		}
		if len(pools) > 1 && pools[i].Name != "" {
			f.evidence = slices.Insert(f.evidence, 0, fmt.Sprintf("pool %q", pools[i].Name))
		}
		best = f
	}
	return Diagnosis{
		Name: r.name, Confidence: best.confidence, Evidence: once(best.evidence), Remedy: cmp.Or(best.remedy, r.remedy),
	}, best.confidence != ""
}

// once leaves out what is said twice: alike, or as a part of another clause, as
// several rules for one trouble do.
func once(evidence []string) (said []string) {
	for i, e := range evidence {
		again := slices.ContainsFunc(evidence[i+1:], func(later string) bool { return later != e && strings.Contains(later, e) })
		if !again && !slices.Contains(said, e) {
			said = append(said, e)
		}
	}
	return said
}
