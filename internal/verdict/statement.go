package verdict

import "github.com/flowboard/xk6-pgxpool/internal/text"

// Statement is one SQL statement of a workload, over the whole run.
type Statement struct {
	Name      string  `json:"name"` // script and line, such as "list.sql:3"
	Calls     int64   `json:"calls"`
	Failed    int64   `json:"failed"`
	Mean      float64 `json:"mean_ms"`
	P95       float64 `json:"p95_ms"`
	HoldShare float64 `json:"hold_share"` // of the time that the workload's scripts held a connection, 0 to 1
}

// StatementsTable is the table of a workload's statements; false where there is none.
func (r Report) StatementsTable() (text.Table, bool) {
	t := text.Table{
		Caption: "Statements",
		Columns: append(text.Words("Statement"), text.Numbers("Calls", "Failed", "Mean", "p95", "Of the hold")...),
	}
	for _, s := range r.Statements {
		mean, p95 := text.None, text.None
		if s.Calls > 0 {
			mean, p95 = text.Milliseconds.Format(s.Mean), text.Milliseconds.Format(s.P95)
		}
		t.Rows = append(t.Rows, []string{
			s.Name, text.Count.Format(float64(s.Calls)), text.Count.Format(float64(s.Failed)), mean, p95, text.Share.Format(s.HoldShare),
		})
	}
	return t, len(t.Rows) > 0
}
