package verdict

// Row is the judgement of one criterion.
type Row struct {
	Criterion Criterion
	Verdict   Verdict
	// Measured is the figure of the criterion's metric, nil where there is none.
	Measured *float64
	// Reason says why the verdict is not PASS; empty for PASS.
	Reason string
	// Advice says what to do about it; empty for PASS.
	Advice string
	// Waived rows are shown and do not count.
	Waived bool
}

// Report is the judgement of a run. It is immutable.
type Report struct {
	// Verdict is the worst of the rows that are not waived.
	Verdict Verdict
	Gate    Gate
	// GateHolds tells whether the gate lets Verdict through. k6 exits with 99
	// when it does not.
	GateHolds bool
	Rows      []Row // in the order of the criteria
	Notes     []string
	Run       Run
	Metrics   map[string]Metric
}

// Terminal renders the report for people at a terminal, at most width columns
// wide where words allow it (0 means 80).
func (r Report) Terminal(colour bool, width int) string { return string(r.Verdict) }

// JSON renders results/summary.json.
func (r Report) JSON() ([]byte, error) { return nil, nil }

// Markdown renders results/summary.md.
func (r Report) Markdown() string { return "" }

// JUnit renders results/junit.xml.
func (r Report) JUnit() ([]byte, error) { return nil, nil }
