// Package report renders results/report.html: one page that shows what a run
// was, how it was judged and what happened when.
//
// The page needs nothing but a browser: no script, no network, no other file.
// Charts are SVG, drawn on this side and colored by the page's style sheet, so
// that one drawing serves light and dark. Every chart stands beside the values
// it was drawn from.
//
// It knows neither k6 nor PostgreSQL: a verdict and a timeline come in, and
// whatever an experiment adds comes as [Section]s.
package report
