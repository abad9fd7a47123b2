package module

import (
	"fmt"
	"os"

	"github.com/grafana/sobek"
	"golang.org/x/term"

	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// resultsDir is where the reports go, below the working directory.
const resultsDir = "results"

// verdict judges k6's end-of-test data: what handleSummary gives back to k6,
// texts by destination.
func (i *instance) verdict(call sobek.FunctionCall) sobek.Value {
	if len(call.Arguments) != 2 {
		i.throw(argumentsError("verdict(data, options)", "takes handleSummary's data and the options of the judgement"))
	}
	outputs, err := i.judge(call.Argument(0).Export(), call.Argument(1).Export())
	if err != nil {
		i.throw(err)
	}
	result := i.rt.NewObject()
	for _, o := range outputs {
		i.must(result.Set(o.destination, o.text))
	}
	return result
}

type output struct{ destination, text string }

func (i *instance) judge(data, options any) ([]output, error) {
	in, err := verdict.FromScript(data, options)
	if err != nil {
		return nil, argumentsError("verdict(data, options)", err.Error())
	}
	in.Unmeasured, in.Missing = i.test.Unmeasured()
	in.Timeline = i.test.Timeline().Snapshot()
	ofRun := i.test.Describe(&in.Run, i.vu.State())
	in.Notes = append(in.Notes, i.root.experiment.notes()...)
	in.Notes = append(in.Notes, ofRun...)
	judged, err := verdict.Evaluate(in)
	if err != nil {
		return nil, argumentsError("verdict(data, options)", err.Error())
	}
	// k6 writes files but makes no directories.
	if err := os.MkdirAll(resultsDir, 0o750); err != nil {
		return nil, fmt.Errorf("making the directory for the reports: %w", err)
	}
	found, err := i.root.experiment.finding()
	if err != nil {
		return nil, err
	}
	files, err := files(judged, in, found)
	if err != nil {
		return nil, err
	}
	text := judged.Terminal(verdict.Colour(data), terminalWidth())
	if found.result != nil {
		files = append(files, output{resultsDir + "/" + found.name + ".md", found.result.Markdown()})
		text = "\n" + found.result.Terminal(terminalWidth()) + "\n" + text
	}
	return append(files, output{"stdout", text}), nil
}

// files are the reports below results/.
func files(judged verdict.Report, in verdict.Input, found finding) ([]output, error) {
	summary, err := judged.JSON()
	if err != nil {
		return nil, fmt.Errorf("writing summary.json: %w", err)
	}
	junit, err := judged.JUnit()
	if err != nil {
		return nil, fmt.Errorf("writing junit.xml: %w", err)
	}
	page, err := report.HTML(report.Input{Verdict: judged, Timeline: in.Timeline, Sections: found.sections()})
	if err != nil {
		return nil, fmt.Errorf("writing report.html: %w", err)
	}
	return []output{
		{resultsDir + "/summary.json", string(summary)},
		{resultsDir + "/summary.md", judged.Markdown()},
		{resultsDir + "/junit.xml", string(junit)},
		{resultsDir + "/report.html", string(page)},
	}, nil
}

// terminalWidth is that of standard output, 80 where it is no terminal.
func terminalWidth() int {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	return width
}
