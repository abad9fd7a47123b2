package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

type factGroup struct {
	Title string
	Facts []Fact
}

// titleOf says which run this was.
func titleOf(r verdict.Run) string { return cmp.Or(r.Script, "A run of pgxpool") }

// summaryOf says how large a run it was, and when.
func summaryOf(r verdict.Run) string {
	var parts []string
	if r.Users > 0 {
		parts = append(parts, text.Counted(r.Users, "user"))
	}
	if r.Duration > 0 {
		parts = append(parts, text.Seconds(r.Duration))
	}
	if !r.Started.IsZero() {
		parts = append(parts, r.Started.UTC().Format("2 January 2006, 15:04 UTC"))
	}
	return strings.Join(parts, " · ")
}

// keyFacts are those one looks at first; what was not measured is left out.
func keyFacts(r verdict.Report) []Fact {
	o := r.Overview()
	var all []Fact
	add := func(name, detail string, value *float64, write func(float64) string) {
		if value != nil {
			all = append(all, Fact{name, write(*value), detail})
		}
	}
	add("Requests", some(o.RequestsPerSecond, "%.1f per second"), o.Requests, text.Grouped)
	add("Failed", some(o.Timeouts, "%.0f timed out"), o.Failed, text.Grouped)
	add("Retries", some(o.Amplification, "%.2f times the users' load"), o.Retries, text.Grouped)
	add("Response p95", took(o.ResponseMax), o.ResponseP95, text.Millis)
	add("Wait p95", took(o.WaitMax), o.WaitP95, text.Millis)
	add("Peak in use", ofPoolSize(r.Run), o.PeakActive, text.Number)
	add("Peak waiting", "", o.PeakWaiting, text.Number)
	add("In overflow", "of the time", o.InOverflow, text.Share.Format)
	add("Database CPU", some(o.DatabaseCPUMax, "max %.1f %%"), o.DatabaseCPU, text.Percent.Format)
	return all
}

func some(value *float64, format string) string {
	if value == nil {
		return ""
	}
	return fmt.Sprintf(format, *value)
}

func took(longest *float64) string {
	if longest == nil {
		return ""
	}
	return "max " + text.Millis(*longest)
}

func ofPoolSize(r verdict.Run) string {
	size, overflow, known := r.Configuration.Sizes(verdict.DefaultPool)
	if !known {
		return ""
	}
	return fmt.Sprintf("of %d + %d", size, overflow)
}

// facts are the run's, the configuration's and the programs'.
func facts(r verdict.Run) []factGroup {
	run := factGroup{Title: "Run"}
	add := func(name, value string) {
		if value != "" {
			run.Facts = append(run.Facts, Fact{Name: name, Value: value})
		}
	}
	add("Script", r.Script)
	if !r.Started.IsZero() {
		add("Started", r.Started.UTC().Format("2 January 2006, 15:04:05 UTC"))
	}
	if r.Duration > 0 {
		add("Duration", text.Seconds(r.Duration))
	}
	if r.Users > 0 {
		add("Users", fmt.Sprint(r.Users))
	}
	add("Target", r.Target)
	if r.Cores > 0 {
		add("Cores", fmt.Sprint(r.Cores))
	}
	add("Platform", r.Platform)
	return slices.DeleteFunc(
		[]factGroup{run, named("Configuration", r.Configuration), named("Versions", r.Versions)},
		func(g factGroup) bool { return len(g.Facts) == 0 },
	)
}

func named(title string, values map[string]string) factGroup {
	g := factGroup{Title: title}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		g.Facts = append(g.Facts, Fact{Name: name, Value: values[name]})
	}
	return g
}

// errorsOf counts what failed, by pool and kind; nil where nothing did.
func errorsOf(whole timeline.Totals) *tableView {
	t := text.Table{Columns: append(text.Words("Pool", "Error"), text.Numbers("Count")...)}
	for _, pool := range slices.Sorted(maps.Keys(whole.Pools)) {
		kinds := whole.Pools[pool].Errors
		for _, kind := range slices.SortedFunc(maps.Keys(kinds), func(a, b string) int {
			return cmp.Or(cmp.Compare(kinds[b], kinds[a]), cmp.Compare(a, b))
		}) {
			t.Rows = append(t.Rows, []string{pool, kind, fmt.Sprint(kinds[kind])})
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	v := viewOf(t)
	return &v
}
