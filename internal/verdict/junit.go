package verdict

import (
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// The parts of a JUnit report that pipelines read.
type (
	junitSuites struct {
		XMLName xml.Name   `xml:"testsuites"`
		Name    string     `xml:"name,attr"`
		Suite   junitSuite `xml:"testsuite"`
		junitCounts
	}
	junitCounts struct {
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Time     string `xml:"time,attr"` // seconds
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCounts
		Timestamp  string           `xml:"timestamp,attr,omitempty"`
		Properties *junitProperties `xml:"properties"` // nil: an empty element is not valid
		Cases      []JUnitCase      `xml:"testcase"`
		SystemOut  string           `xml:"system-out,omitempty"`
	}
	junitProperties struct {
		All []junitProperty `xml:"property"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	// JUnitCase is a test case of a JUnit report.
	JUnitCase struct {
		Name      string        `xml:"name,attr"`
		ClassName string        `xml:"classname,attr"`
		Time      string        `xml:"time,attr"`
		Skipped   *JUnitMessage `xml:"skipped"`
		Failure   *JUnitMessage `xml:"failure"`
		SystemOut string        `xml:"system-out,omitempty"`
	}
	// JUnitMessage says why a case failed or was skipped.
	JUnitMessage struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit renders results/junit.xml: one suite with one test case per criterion.
// A case fails when the gate does not let its verdict through; a waived one is
// skipped.
func (r Report) JUnit() ([]byte, error) {
	suite := junitSuite{Name: text.Line("verdict " + r.Run.Script), Properties: &junitProperties{r.junitProperties()}}
	if !r.Run.Started.IsZero() {
		suite.Timestamp = r.Run.Started.UTC().Format("2006-01-02T15:04:05")
	}
	for _, row := range r.Rows {
		suite.Cases = append(suite.Cases, r.junitCase(row))
	}
	if r.Setup != nil {
		suite.Cases = append(suite.Cases, JUnitCase{
			Name: "setup", ClassName: className(r.Run),
			Failure: &JUnitMessage{Message: r.Setup.Reason(), Type: string(Fail), Text: r.Setup.Advice},
		})
	}
	diagnoses := make([]string, len(r.Diagnoses))
	for i, d := range r.Diagnoses {
		diagnoses[i] = text.Line(fmt.Sprintf("Diagnosis: %s: %s %s", d.Title(), d.EvidenceText(), d.Remedy))
	}
	suite.SystemOut = strings.Join(diagnoses, "\n")
	return suite.render(r.Run.Duration)
}

// JUnit renders a JUnit report of cases that took no time.
func JUnit(name string, cases []JUnitCase) ([]byte, error) {
	return junitSuite{Name: name, Cases: cases}.render(0)
}

func (s junitSuite) render(seconds float64) ([]byte, error) {
	s.junitCounts = junitCounts{Tests: len(s.Cases), Time: fmt.Sprintf("%.3f", seconds)}
	for i := range s.Cases {
		s.Cases[i].Time = "0"
		switch {
		case s.Cases[i].Skipped != nil:
			s.Skipped++
		case s.Cases[i].Failure != nil:
			s.Failures++
		}
	}
	body, err := xml.MarshalIndent(junitSuites{Name: "pgxpool", Suite: s, junitCounts: s.junitCounts}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing JUnit: %w", err)
	}
	return append([]byte(xml.Header), append(body, '\n')...), nil
}

func className(r Run) string { return text.Line(strings.TrimSuffix("pgxpool."+r.Script, ".")) }

func (r Report) junitCase(row Row) JUnitCase {
	c := JUnitCase{
		Name:      text.Line(row.Name),
		ClassName: className(r.Run),
		SystemOut: text.Line(fmt.Sprintf("%s: %s, PASS limit %s: %s. %s", row.Title,
			row.MeasuredText(), row.LimitText(), row.VerdictText(), row.explanation())),
	}
	switch {
	case row.Waived:
		c.Skipped = &JUnitMessage{Message: text.Line(strings.TrimSuffix("waived: "+row.Reason, ": "))}
	case !r.Gate.Holds(row.Verdict):
		c.Failure = &JUnitMessage{
			Message: text.Line(row.Reason), Type: string(row.Verdict), Text: text.Line(row.explanation()),
		}
	}
	return c
}

// junitProperties are the run's facts and the verdict.
func (r Report) junitProperties() []junitProperty {
	properties := []junitProperty{{"verdict", string(r.Verdict)}, {"gate", string(r.Gate)}}
	for _, facts := range []map[string]string{r.Run.Configuration, r.Run.Versions} {
		for _, name := range slices.Sorted(maps.Keys(facts)) {
			properties = append(properties, junitProperty{text.Line(name), text.Line(facts[name])})
		}
	}
	for _, note := range r.Notes {
		properties = append(properties, junitProperty{"note", text.Line(note)})
	}
	return properties
}
