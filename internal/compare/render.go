package compare

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// header are the columns of the table for people.
var header = []string{"Metric", "Baseline", "Result", "Change", "Allowed", "From run to run", "Answer"}

func (r Row) cells() []string {
	return []string{
		r.Title, r.text(r.Baseline), r.text(r.Result), r.changeText(), r.allowedText(), r.bandText(),
		string(r.Answer),
	}
}

// JSON renders the report for programs.
func (r Report) JSON() ([]byte, error) {
	if r.Rows == nil {
		r.Rows = []Row{}
	}
	if r.Notes == nil {
		r.Notes = []string{}
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return nil, fmt.Errorf("compare: writing JSON: %w", err)
	}
	return []byte(text.String()), nil
}

// Text renders the report for a terminal.
func (r Report) Text() string {
	var b strings.Builder
	for _, line := range r.about() {
		fmt.Fprintln(&b, line)
	}
	if len(r.Rows) > 0 {
		b.WriteByte('\n')
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		row := func(cells []string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) } // into memory
		row(header)
		for _, metric := range r.Rows {
			row(metric.cells())
		}
		_ = w.Flush() // into memory
	}
	if remarks := r.remarks(); len(remarks) > 0 {
		fmt.Fprintf(&b, "\n%s\n", strings.Join(remarks, "\n"))
	}
	fmt.Fprintf(&b, "\n%s\n", r.Summary())
	return b.String()
}

// Markdown renders the report in GitHub's dialect.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Compared with the baseline: %s\n\n", r.Answer)
	for _, line := range r.about() {
		fmt.Fprintf(&b, "%s  \n", escape(line))
	}
	b.WriteByte('\n')
	if len(r.Rows) > 0 {
		fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(header, " | "), strings.Repeat(" --- |", len(header)))
		for _, row := range r.Rows {
			cells := row.cells()
			for i, cell := range cells {
				cells[i] = escape(cell)
			}
			if row.Answer == Worse || row.Answer == Unknown {
				cells[len(cells)-1] = "**" + cells[len(cells)-1] + "**"
			}
			fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		}
		b.WriteByte('\n')
	}
	for _, line := range r.remarks() {
		fmt.Fprintf(&b, "- %s\n", escape(line))
	}
	fmt.Fprintf(&b, "\n**%s**\n", escape(r.Summary()))
	return b.String()
}

// about says which runs these are. What other files say of them is cleaned: it
// may have been written to move the cursor.
func (r Report) about() []string {
	lines := []string{"Baseline  none"}
	if r.Baseline != nil {
		lines = []string{"Baseline  " + r.Baseline.text()}
	}
	lines = append(lines, "Result    "+r.Result.text())
	if r.Runs > 0 {
		lines = append(lines, fmt.Sprintf("History   %s of the same configuration on the same machine", runs(r.Runs)))
	}
	return cleaned(lines)
}

func cleaned(lines []string) []string {
	for i, line := range lines {
		lines[i] = verdict.Clean(line)
	}
	return lines
}

func (d Description) text() string {
	var parts []string
	if !d.Started.IsZero() {
		parts = append(parts, d.Started.UTC().Format(time.RFC3339))
	}
	parts = append(parts, fmt.Sprintf("%s, %d users, %.0f s, %d cores, %s, %s",
		orNone(d.Script), d.Users, d.Duration, d.Cores, orNone(d.Platform), d.Verdict))
	return strings.Join(parts, ", ")
}

// remarks are the reasons of single metrics, what the trends say, and the notes.
func (r Report) remarks() []string {
	var lines []string
	for _, row := range r.Rows {
		if row.Reason != "" && row.Reason != r.Obstacle {
			lines = append(lines, fmt.Sprintf("%s %s: %s.", row.Answer, row.Name, row.Reason))
		}
	}
	if r.Obstacle != "" {
		lines = append(lines, "Nothing can be compared: "+r.Obstacle+".")
	}
	return cleaned(append(lines, r.Notes...))
}

// markup holds every character that means something in Markdown or in the HTML
// that Markdown lets through.
var markup = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;",
	`\`, `\\`, "`", "\\`", "|", `\|`, "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "#", `\#`, "~", `\~`, "!", `\!`,
)

func escape(text string) string { return markup.Replace(text) }
