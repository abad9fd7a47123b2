package module

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/grafana/sobek"
	"golang.org/x/term"

	"github.com/flowboard/xk6-pgxpool/internal/config"
	"github.com/flowboard/xk6-pgxpool/internal/report"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
	"github.com/flowboard/xk6-pgxpool/pool"
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
	in.Unmeasured, in.Missing = i.test.facts.copies()
	in.Timeline = i.test.recording.recorder.Snapshot()
	i.describeRun(&in.Run)
	in.Notes = append(in.Notes, i.test.experimentNotes()...)
	in.Notes = append(in.Notes, shareOf(i.vu.State()).notes(i.test.configurations())...)
	judged, err := verdict.Evaluate(in)
	if err != nil {
		return nil, argumentsError("verdict(data, options)", err.Error())
	}
	// k6 writes files but makes no directories.
	if err := os.MkdirAll(resultsDir, 0o750); err != nil {
		return nil, fmt.Errorf("making the directory for the reports: %w", err)
	}
	found, err := i.test.finding()
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

// describeRun adds what the process knows of the run.
func (i *instance) describeRun(run *verdict.Run) {
	run.Cores = runtime.NumCPU()
	run.Platform = runtime.GOOS + "/" + runtime.GOARCH
	run.Started = i.test.startedAt()
	run.CutShort = i.test.wasCutShort()
	run.Versions = i.test.versions()
	if run.Configuration == nil {
		run.Configuration = make(map[string]string)
	}
	own := shareOf(i.vu.State())
	own.describe(run.Configuration)
	for _, c := range i.test.configurations() {
		prefix := ""
		if c.Name != pool.DefaultConfig().Name {
			prefix = c.Name + "."
		}
		for name, value := range own.describeConfig(c) {
			run.Configuration[prefix+name] = value
		}
	}
}

// describeConfig is what a comparison of two runs needs of a pool.
func describeConfig(c pool.Config) map[string]string {
	return map[string]string{
		"poolSize":      strconv.Itoa(c.PoolSize),
		"maxOverflow":   strconv.Itoa(c.MaxOverflow),
		"poolTimeout":   c.PoolTimeout.String(),
		"poolRecycle":   c.PoolRecycle.String(),
		"poolPrePing":   strconv.FormatBool(c.PoolPrePing),
		"queryExecMode": config.ModeName(c.QueryExecMode),
	}
}

// module is this extension's own path.
const module = "github.com/flowboard/xk6-pgxpool"

func (t *testRun) versions() map[string]string {
	known := map[string]string{"go": runtime.Version()}
	if server := t.facts.serverVersion(); server != "" {
		known["postgresql"] = server
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return known
	}
	// xk6 makes this module a dependency; in this repository it is the main one.
	for _, m := range append(info.Deps, &info.Main) {
		switch m.Path {
		case "go.k6.io/k6/v2":
			known["k6"] = m.Version
		case "github.com/jackc/pgx/v5":
			known["pgx"] = m.Version
		case module:
			known["pgxpool"] = m.Version
		}
	}
	return known
}
