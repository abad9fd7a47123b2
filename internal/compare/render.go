package compare

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// table holds the metrics, for people.
func (r Report) table() text.Table {
	numbers, rerun := []string{"Baseline", "Result", "Change", "Allowed", "From run to run"}, r.wasRerun()
	if rerun {
		numbers = append(numbers, "Rerun")
	}
	t := text.Table{Columns: append(append(text.Words("Metric"), text.Numbers(numbers...)...), text.Words("Answer")...)}
	for _, row := range r.Rows {
		cells := []string{
			row.Title, row.beside(row.Baseline, row.Result), row.beside(row.Result, row.Baseline),
			row.changeText(), row.allowedText(), row.noiseText(),
		}
		if rerun {
			cells = append(cells, row.rerunText())
		}
		t.Rows = append(t.Rows, append(cells, string(row.Answer)))
	}
	return t
}

// JSON renders the report for programs.
func (r Report) JSON() ([]byte, error) {
	if r.Rows == nil {
		r.Rows = []row{}
	}
	if r.Notes == nil {
		r.Notes = []string{}
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return nil, fmt.Errorf("compare: writing JSON: %w", err)
	}
	return []byte(b.String()), nil
}

// Text renders the report for a terminal.
func (r Report) Text() string {
	var b strings.Builder
	for _, line := range r.about() {
		b.WriteString(text.Pad(line[0], 10) + text.Line(line[1]) + "\n")
	}
	if len(r.Rows) > 0 {
		b.WriteString("\n" + r.table().Text(text.Layout{}))
	}
	if remarks := r.remarks(); len(remarks) > 0 {
		b.WriteString("\n" + strings.Join(text.Lines(remarks), "\n") + "\n")
	}
	return b.String() + "\n" + r.Summary() + "\n"
}

// Markdown renders the report in GitHub's dialect.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Compared with the baseline: %s\n\n", r.Answer)
	for _, line := range r.about() {
		fmt.Fprintf(&b, "%s: %s  \n", line[0], text.Markdown(line[1]))
	}
	b.WriteByte('\n')
	if len(r.Rows) > 0 {
		b.WriteString(r.table().Markdown() + "\n")
	}
	for _, line := range r.remarks() {
		fmt.Fprintf(&b, "- %s\n", text.Markdown(line))
	}
	fmt.Fprintf(&b, "\n**%s**\n", text.Markdown(r.Summary()))
	return b.String()
}

// about says which runs these are, by name.
func (r Report) about() [][2]string {
	baseline := "none"
	if r.Baseline != nil {
		baseline = r.Baseline.text()
	}
	lines := [][2]string{{"Baseline", baseline}, {"Result", r.Result.text()}}
	if r.Runs > 0 {
		lines = append(lines, [2]string{"History", fmt.Sprintf("%s of the same configuration on the same machine", runs(r.Runs))})
	}
	return lines
}

func (d description) text() string {
	var parts []string
	if !d.Started.IsZero() {
		parts = append(parts, d.Started.UTC().Format(time.RFC3339))
	}
	parts = append(parts, fmt.Sprintf("%s, %d users, %.0f s, %d cores, %s, %s",
		cmp.Or(d.Script, "none"), d.Users, d.Duration, d.Cores, cmp.Or(d.Platform, "none"), d.Verdict))
	return strings.Join(parts, ", ")
}

// remarks are the reasons of single metrics, and the notes. What stands in the way
// of all metrics is the summary's to say.
func (r Report) remarks() []string {
	var lines []string
	for _, row := range r.Rows {
		if row.Reason != "" && row.Reason != r.Obstacle {
			lines = append(lines, fmt.Sprintf("%s %s: %s.", row.Answer, row.Name, row.Reason))
		}
		if row.Confirmation != nil {
			lines = append(lines, fmt.Sprintf("%s: %s.", row.Name, row.Confirmation.text(row.metric)))
		}
	}
	return append(lines, r.Notes...)
}
