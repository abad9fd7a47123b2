package module

import (
	"os"

	"github.com/grafana/sobek"
	"golang.org/x/term"

	"github.com/flowboard/xk6-pgxpool/internal/results"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// verdict judges k6's end-of-test data, writes the results and gives what
// handleSummary gives back to k6: the text for standard output.
func (i *instance) verdict(call sobek.FunctionCall) sobek.Value {
	if len(call.Arguments) != 2 {
		i.throw(argumentsError("verdict(data, options)", "takes handleSummary's data and the options of the judgement"))
	}
	data, err := i.export(call.Argument(0))
	if err != nil {
		i.throw(err)
	}
	options, err := i.export(call.Argument(1))
	if err != nil {
		i.throw(err)
	}
	run, err := i.judge(data, options)
	if err != nil {
		i.throw(err)
	}
	result := i.rt.NewObject()
	i.must(result.Set("stdout", i.show(run, data)+i.write(run)))
	return result
}

func (i *instance) judge(data, options any) (results.Run, error) {
	in, err := verdict.FromScript(data, options)
	if err != nil {
		return results.Run{}, argumentsError("verdict(data, options)", err.Error())
	}
	i.test.Complete(in.Metrics)
	in.Unmeasured, in.Missing = i.test.Unmeasured()
	in.Timeline = i.test.Timeline().Snapshot()
	in.Setup = i.test.SetupFailure(in.Metrics)
	in.Facts.Requests, in.Facts.Watched = i.test.Responses(), i.test.Watched()
	in.Notes = append(in.Notes, in.Facts.Requests.Notes()...)
	ofRun := i.test.Describe(&in.Run, i.vu.State())
	in.Notes = append(in.Notes, i.root.experiment.notes()...)
	in.Notes = append(in.Notes, ofRun...)
	judged, err := verdict.Evaluate(in)
	if err != nil {
		return results.Run{}, argumentsError("verdict(data, options)", err.Error())
	}
	found, err := i.root.experiment.finding()
	return results.Run{Report: judged, Timeline: in.Timeline, Experiment: found.name, Result: found.result}, err
}

// show is the run for people at a terminal; a pipe has lines of any length.
func (i *instance) show(run results.Run, data any) string {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		width = 0
	}
	said := run.Report.Terminal(verdict.Colour(data), width)
	if run.Result != nil {
		said = "\n" + run.Result.Terminal(width) + "\n" + said
	}
	return said
}

// write writes the results. k6's exit code cannot say any more that they are
// lost: the text does.
func (i *instance) write(run results.Run) string {
	err := i.test.BeginResults()
	if err != nil && run.Report.Setup != nil {
		return "" // that is what the report says
	}
	if err == nil {
		var files []results.File
		if files, err = run.Files(); err == nil {
			err = results.Write(i.test.ResultsFolder(), files...)
		}
	}
	if err != nil {
		return "\n" + text.Line(err.Error()) + "\n"
	}
	return ""
}
