package module

import (
	"os"
	"slices"

	"github.com/grafana/sobek"
	"golang.org/x/term"

	"github.com/flowboard/xk6-pgxpool/internal/results"
	"github.com/flowboard/xk6-pgxpool/internal/sqlvalue"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// verdict judges k6's end-of-test data, writes the results and gives what
// handleSummary gives back to k6: the text for standard output.
func (i *instance) verdict(call sobek.FunctionCall) sobek.Value {
	const name = "verdict(data, options)"
	if _, ok := call.Argument(0).(*sobek.Object); !ok {
		i.throw(&pool.ConfigError{Source: name, Reason: "data is " + sqlvalue.TypeName(call.Argument(0)), Accepted: "what handleSummary is given"})
	}
	options := i.judgeOptions(name, call.Argument(1), "criteria", "gate", "waive", "notes", "run")
	data, err := i.export(call.Argument(0))
	i.must(err)
	run := i.judge(name, data, options)
	return i.object(field{"stdout", i.show(run, data) + i.write(run)})
}

func (i *instance) judge(call string, data any, options map[string]any) results.Run {
	promised := i.complete(call, options)
	in, err := verdict.FromScript(data, options)
	if err != nil {
		i.throw(&pool.ConfigError{Source: call, Reason: err.Error()})
	}
	i.test.Complete(in.Metrics)
	in.NoThresholds = in.NoThresholds || !promised
	in.Unmeasured, in.Missing = i.test.Unmeasured()
	in.Timeline = i.test.Timeline().Snapshot()
	in.Statements = i.test.Statements()
	in.Setup = i.test.SetupFailure(in.Metrics)
	in.Application, in.Limits = i.test.Application(), i.test.Limits()
	ofRun := i.test.Describe(&in.Run, i.vu.State())
	ofPools := i.root.balancer.describe(&in.Run, i.test, i.vu.State())
	in.Notes = slices.Concat(in.Notes, in.Application.Responses.Notes(), ofPools, i.root.experiment.notes(), ofRun)
	judged, err := verdict.Evaluate(in)
	if err != nil {
		i.throw(&pool.ConfigError{Source: call, Reason: err.Error()})
	}
	return results.Run{Report: judged, Timeline: in.Timeline, Result: i.root.experiment.result()}
}

// complete adds what the options leave out: what thresholds() was asked for, else
// the defaults. promised tells whether thresholds() was called at all, without
// which k6 judges nothing.
func (i *instance) complete(call string, options map[string]any) (promised bool) {
	c := &i.root.judging
	c.mu.Lock()
	defer c.mu.Unlock()
	j := c.judged
	if j == nil || options["criteria"] != nil || options["gate"] != nil || options["waive"] != nil {
		j = i.judgment(call, options)
	}
	options["criteria"], options["gate"], options["waive"] = j.criteria, j.gate, j.waive
	return c.judged != nil
}

// show is the run for people at a terminal; a pipe has lines of any length.
func (i *instance) show(run results.Run, data any) string {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		width = 0
	}
	said := run.Report.Terminal(verdict.Color(data), width)
	if i.test.FullSummary {
		said = "\n" + run.Report.MetricsTable().Text(text.Layout{Indent: "  "}) + said
	}
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
