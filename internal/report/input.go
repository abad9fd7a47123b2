package report

import (
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// Input is what a page is made of.
type Input struct {
	Verdict verdict.Report
	// Timeline is empty where only Verdict.Recording is known, as of several
	// runners judged as one.
	Timeline timeline.Snapshot
	Sections []Section // in the order of the page
	// Answer is what an experiment found out, at the top of the page in the place
	// of values of all its steps together.
	Answer []Fact
}

// Fact is something that is known of a run.
type Fact struct{ Name, Value, Detail string }

// Section is what an experiment adds. No text in it is trusted: all of it is
// escaped, and passwords in it are taken out.
type Section struct {
	Title    string
	Text     []string // a paragraph each
	Tables   []text.Table
	Charts   []Chart
	Snippets []Snippet
}

// Snippet is a text to be copied as it stands, line by line.
type Snippet struct {
	Caption  string
	Language string // as Markdown names it
	Text     string
}

// Kind is how a chart is drawn.
type Kind int

const (
	// Lines draws every series as a line over X.
	Lines Kind = iota
	// Bars draws every series as one bar for each of Categories.
	Bars
)

// Chart is a set of series over one axis. A value that is no finite number is a
// gap.
type Chart struct {
	Title  string
	XLabel string
	YLabel string // what the values are, with their unit
	Kind   Kind
	// Categories are the names along the axis of Bars.
	Categories []string
	// X are the places along the axis of Lines, in ascending order.
	X      []float64
	Series []Series
	// Marks are drawn on Lines.
	Marks []Mark
	// Limits are horizontal lines that the values are seen against.
	Limits []Limit
	// Log spreads the places along the axis of Lines, and the values, by their
	// logarithm: a knee is not lost beside the values far from it.
	Log bool
}

// Limit is a value such as the pool's ceiling, or what a criterion asks for.
type Limit struct {
	Name  string
	Value float64
}

// Series is a row of values: one for each of the chart's X or Categories.
type Series struct {
	Name   string
	Values []float64
	// Low and High are the ends of the range around each of Values, such as a
	// confidence interval or the extremes. Both are optional, together.
	Low, High []float64
}

// Mark is a vertical line, such as the one at a sweep's knee.
type Mark struct {
	X     float64
	Label string
}
