package report

import (
	"regexp"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// tableView is a table on the page.
type tableView struct {
	Caption string
	Head    []cell
	Rows    [][]cell
}

// cell is a text in a column of figures, which are set flush right, or of words.
type cell struct {
	Text   string
	Figure bool
}

// aFigure is how a text begins that is a figure, or the sign of a missing one.
var aFigure = regexp.MustCompile(`^([-+−±≈<≤>≥] ?)*[0-9]|^[–-]?$`)

func (t Table) view() tableView {
	figures := make([]bool, len(t.Columns))
	for i := range figures {
		figures[i] = i > 0 && t.figuresIn(i)
	}
	v := tableView{Caption: t.Caption}
	for i, column := range t.Columns {
		v.Head = append(v.Head, cell{column, figures[i]})
	}
	for _, row := range t.Rows {
		cells := make([]cell, len(t.Columns)) // a short row ends in empty ones
		for i := range cells {
			cells[i].Figure = figures[i]
			if i < len(row) {
				cells[i].Text = row[i]
			}
		}
		v.Rows = append(v.Rows, cells)
	}
	return v
}

// figuresIn tells whether a column holds nothing but figures.
func (t Table) figuresIn(column int) bool {
	for _, row := range t.Rows {
		if column < len(row) && !aFigure.MatchString(row[column]) {
			return false
		}
	}
	return true
}

// phasesOf says what each phase of the run brought; nil where there is none.
func phasesOf(run timeline.Snapshot) *tableView {
	if len(run.Phases) == 0 {
		return nil
	}
	t := Table{
		Caption: "Phases",
		Columns: []string{"Phase", "From", "To", "Requests", "Failed", "Timed out", "p95, ms", "Wait p95, ms"},
	}
	for _, p := range run.Phases {
		end := "–" // still open
		if p.To > 0 {
			end = clock(p.To.Seconds())
		}
		requests, pools := p.Totals.Requests, p.Totals.Total()
		t.Rows = append(t.Rows, []string{
			plain(p.Label), clock(p.From.Seconds()), end,
			number(float64(requests.Duration.Count())), number(float64(requests.Failed)), number(float64(requests.Timeouts)),
			quantile(requests.Duration), quantile(pools.Wait),
		})
	}
	v := t.view()
	return &v
}

func quantile(d timeline.Distribution) string {
	if d.Count() == 0 {
		return "–"
	}
	return number(d.Quantile(0.95))
}
