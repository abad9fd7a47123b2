package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.k6.io/k6/v2/cmd/state"
	"go.k6.io/k6/v2/errext"
	"go.k6.io/k6/v2/errext/exitcodes"
	"gopkg.in/yaml.v3"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

const formatJUnit = "junit"

// runFleet adds up the connections of fleet.yaml.
func runFleet(gs *state.GlobalState, flags *planFlags) error {
	fleet, err := readFleet(gs, flags.fleet)
	if err != nil {
		return invalid(err)
	}
	budget, err := fleet.Budget()
	if err != nil {
		return invalid(fmt.Errorf("%s: %w", flags.fleet, err))
	}
	b := fleetBudget{budget}
	if err := b.write(gs.Stdout, flags.format); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	if !b.Fits() {
		return errext.WithExitCodeIfNone(errors.New(strings.Join(b.refusals(), "; ")), exitcodes.ThresholdsHaveFailed)
	}
	return nil
}

// readFleet reads the file; what it does not know is an error that names the line.
func readFleet(gs *state.GlobalState, name string) (fleet sizing.Fleet, err error) {
	content, err := readNamed(gs, name)
	if err == nil {
		decoder := yaml.NewDecoder(bytes.NewReader(content))
		decoder.KnownFields(true)
		if err = decoder.Decode(&fleet); errors.Is(err, io.EOF) {
			return fleet, nil // no services, says the budget
		}
		err = text.Undecoded(content, err)
	}
	if err != nil {
		return fleet, fmt.Errorf("--fleet: %s: %w; give a file as docs/application.md describes it", text.Quote(name), err)
	}
	return fleet, nil
}

// fleetBudget is a fleet's budget as people and pipelines read it.
type fleetBudget struct{ sizing.FleetBudget }

func (b fleetBudget) write(w io.Writer, format string) error {
	switch format {
	case formatJSON:
		return writeJSON(w, struct {
			Fits bool `json:"fits"`
			sizing.FleetBudget
		}{b.Fits(), b.FleetBudget})
	case formatMarkdown:
		_, err := io.WriteString(w, "# Connections of the fleet: "+b.answer()+"\n\n"+b.services().Markdown()+"\n"+b.limits().Markdown())
		return err
	case formatJUnit:
		content, err := b.junit()
		if err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	default:
		_, err := io.WriteString(w, b.services().Text(text.Layout{})+"\n"+b.limits().Text(text.Layout{})+"\n"+b.answer()+"\n")
		return err
	}
}

func (b fleetBudget) answer() string {
	if b.Fits() {
		return "everything fits, during a rollout too"
	}
	return strings.Join(b.refusals(), "; ")
}

func (b fleetBudget) services() text.Table {
	t := text.Table{Columns: append(text.Words("Service", "Connects to"), text.Numbers("At rest", "At most", "Rollout", "Pools", "Largest size + overflow")...)}
	for _, s := range b.Taken {
		pools, fits := text.None, text.None
		if s.Pools > 0 {
			pools, fits = fmt.Sprint(s.Pools), fmt.Sprint(s.Fits)
		}
		t.Rows = append(t.Rows, []string{s.Service, s.Target, fmt.Sprint(s.Rest), fmt.Sprint(s.Most), fmt.Sprint(s.Rollout), pools, fits})
	}
	return t
}

func (b fleetBudget) limits() text.Table {
	t := text.Table{Columns: append(append(text.Words("Limit"), text.Numbers("Allowed", "At rest", "At most", "Rollout")...), text.Words("")...)}
	for _, l := range b.Limits {
		fits := "fits"
		if !l.Fits() {
			fits = "DOES NOT FIT"
		}
		t.Rows = append(t.Rows, []string{limitName(l), fmt.Sprint(l.Allowed), fmt.Sprint(l.Rest), fmt.Sprint(l.Most), fmt.Sprint(l.Rollout), fits})
	}
	return t
}

func limitName(l sizing.FleetLimit) string {
	return strings.TrimSpace(l.Target + ": " + l.Setting + " " + l.Name)
}

// refusals say of every limit that does not hold when it does not.
func (b fleetBudget) refusals() []string {
	var all []string
	for _, l := range b.Limits {
		if !l.Fits() {
			all = append(all, refusalOf(l))
		}
	}
	return all
}

func refusalOf(l sizing.FleetLimit) string {
	when, needed := "during a rollout", l.Rollout
	switch {
	case l.Rest > l.Allowed:
		when, needed = "at rest", l.Rest
	case l.Most > l.Allowed:
		when, needed = "at the end of autoscaling", l.Most
	}
	return fmt.Sprintf("%s allows %d, and %s it takes %d", limitName(l), l.Allowed, when, needed)
}

// junit has one case for each limit.
func (b fleetBudget) junit() ([]byte, error) {
	cases := make([]verdict.JUnitCase, len(b.Limits))
	for i, l := range b.Limits {
		cases[i] = verdict.JUnitCase{Name: text.Line(limitName(l)), ClassName: "plan --fleet"}
		if !l.Fits() {
			cases[i].Failure = &verdict.JUnitMessage{Message: text.Line(refusalOf(l))}
		}
	}
	return verdict.JUnit("connections of the fleet", cases)
}
