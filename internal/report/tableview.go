package report

import (
	"unicode/utf8"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// tableView is a table on the page.
type tableView struct {
	Caption string
	Head    []cell
	Rows    [][]cell
}

type cell struct {
	Text  string
	Right bool // aligned
	Long  bool // it may be broken into lines
}

// longCell is in characters: longer ones would push the columns after them off
// the page.
const longCell = 18

func viewOf(t text.Table) tableView {
	v := tableView{Caption: text.Line(t.Caption)}
	for _, column := range t.Columns {
		v.Head = append(v.Head, cell{Text: text.Line(column.Title), Right: column.Right})
	}
	for row := range t.Rows {
		cells := make([]cell, len(t.Columns))
		for i, column := range t.Columns {
			content := t.Cell(row, i)
			cells[i] = cell{content, column.Right, !column.Right && utf8.RuneCountInString(content) > longCell}
		}
		v.Rows = append(v.Rows, cells)
	}
	return v
}

// workloadOf says what each statement of a workload took; nil without one.
func workloadOf(in Input) *tableView {
	t, some := in.Verdict.StatementsTable()
	if !some {
		return nil
	}
	t.Caption = "" // the section's title
	v := viewOf(t)
	return &v
}

// phasesOf says what each phase of the run brought; nil where there is none.
func phasesOf(run timeline.Snapshot) *tableView {
	if len(run.Phases) == 0 {
		return nil
	}
	t := text.Table{
		Caption: "Phases",
		Columns: append(text.Words("Phase"), text.Numbers("From", "To", "Requests", "Failed", "Timed out", "p95", "Wait p95")...),
	}
	for _, p := range run.Phases {
		end := text.None // still open
		if p.To > 0 {
			end = clock(p.To.Seconds())
		}
		requests, pools := p.Totals.Requests, p.Totals.Total()
		t.Rows = append(t.Rows, []string{
			p.Label, clock(p.From.Seconds()), end,
			text.Number(float64(requests.Duration.Count())), text.Number(float64(requests.Failed)), text.Number(float64(requests.Timeouts)),
			quantile(requests.Duration), quantile(pools.Wait),
		})
	}
	v := viewOf(t)
	return &v
}

func quantile(d timeline.Distribution) string {
	if d.Count() == 0 {
		return text.None
	}
	return text.Millis(d.Quantile(0.95))
}
