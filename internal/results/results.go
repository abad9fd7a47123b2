// Package results says which files a run leaves, and writes them: those of one
// run, each whole at every moment, never beside an older run's.
package results

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/experiment"
	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// DefaultFolder is where results go, below the working directory, unless OUT
// names another one.
const DefaultFolder = "results"

// Folder is the one that OUT names.
func Folder(lookup func(name string) (string, bool)) string {
	if out, ok := lookup("OUT"); ok && out != "" {
		return out
	}
	return DefaultFolder
}

// The files that every run leaves. An experiment leaves NAME.json, from its
// first step on, and NAME.md as well.
const (
	summaryJSON = "summary.json"
	summaryMD   = "summary.md"
	junitXML    = "junit.xml"
	reportHTML  = "report.html"
)

// Threshold is the metric that fails the run whose results could not be written.
const Threshold = "results_lost"

// File is one of them.
type File struct {
	Name    string
	Content []byte
}

// Run is what a run's files are made of.
type Run struct {
	Report   verdict.Report
	Timeline timeline.Snapshot
	Result   *experiment.Result // nil where the run was no experiment
}

// Files renders a run's files.
func (r Run) Files() ([]File, error) {
	summary, err := r.Report.JSON()
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", summaryJSON, err)
	}
	junit, err := r.Report.JUnit()
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", junitXML, err)
	}
	in := report.Input{Verdict: r.Report, Timeline: r.Timeline}
	if r.Result != nil {
		in.Sections, in.Answer = r.Result.Sections, r.Result.Answer
	}
	page, err := report.HTML(in)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", reportHTML, err)
	}
	files := []File{
		{summaryJSON, summary}, {summaryMD, []byte(r.Report.Markdown())}, {junitXML, junit}, {reportHTML, page},
	}
	if r.Result != nil {
		files = append(files, File{r.Result.Plan + ".md", []byte(r.Result.Markdown())})
	}
	return files, nil
}

// ApplicationLog is the file with the output of an application that an experiment
// started.
func ApplicationLog(name string) string { return "app-" + name + ".log" }

// left are the names of the files that a run has left in a folder.
func left(folder string) []string {
	all := []string{summaryJSON, summaryMD, junitXML, reportHTML}
	for _, plan := range experiment.Plans {
		all = append(all, plan+".json", plan+".md")
	}
	all = slices.DeleteFunc(all, func(name string) bool {
		_, err := os.Lstat(filepath.Join(folder, name))
		return err != nil
	})
	entries, _ := os.ReadDir(folder) // where it cannot be read nothing can be moved
	for _, entry := range entries {
		if logs, _ := filepath.Match(ApplicationLog("*"), entry.Name()); logs {
			all = append(all, entry.Name())
		}
	}
	return all
}
