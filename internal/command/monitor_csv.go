package command

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// monitorCSV writes a row a sample. What is not known is empty. The report is
// no row: it is handed to onReport, unless that is nil.
type monitorCSV struct {
	w        *csv.Writer
	started  bool
	onReport func(monitorSummary)
	causes   recentCauses
}

func newMonitorCSV(w io.Writer, onReport func(monitorSummary)) *monitorCSV {
	return &monitorCSV{w: csv.NewWriter(w), onReport: onReport}
}

// csvColumns are the columns in order: their names and their values. Those
// beyond the error need the database's or the application's side.
var csvColumns = []struct {
	name        string
	sample      func(monitor.Sample) string
	database    func(monitor.Sample, monitor.Database) string
	application func(monitor.Application) string
}{
	{name: "time", sample: func(s monitor.Sample) string { return s.Time.UTC().Format(time.RFC3339Nano) }},
	{name: "active", sample: ofUse(func(_ monitor.Sample, use int) string { return strconv.Itoa(use) })},
	{name: "at_least", sample: ofUse(func(s monitor.Sample, _ int) string { return strconv.FormatBool(s.Use().AtLeast) })},
	{name: "available", sample: ofUse(func(s monitor.Sample, _ int) string { return strconv.Itoa(s.Available()) })},
	{name: "total", sample: ofUse(func(s monitor.Sample, use int) string { return strconv.Itoa(max(s.Pool.Size, use)) })},
	{name: "utilization", sample: ofUse(func(s monitor.Sample, use int) string {
		return decimal(monitor.Utilization(use, s.Pool.Size))
	})},
	{name: "open", database: ofDatabase(func(d monitor.Database) int { return d.Open })},
	{name: "idle", database: ofDatabase(func(d monitor.Database) int { return d.Idle })},
	{name: "overflow", database: func(s monitor.Sample, _ monitor.Database) string { return strconv.Itoa(s.Overflow()) }},
	{name: "hidden", database: ofDatabase(func(d monitor.Database) int { return d.Hidden })},
	{name: "working", database: ofDatabase(func(d monitor.Database) int { return d.Working })},
	{name: "idle_in_transaction", database: ofDatabase(func(d monitor.Database) int { return d.IdleInTransaction })},
	{name: "lock_waits", database: ofDatabase(func(d monitor.Database) int { return d.LockWaits })},
	{name: "blocked", database: func(_ monitor.Sample, d monitor.Database) string {
		return strings.Trim(blockedText(d.Blocked), " ()")
	}},
	{name: "longest_transaction_s", database: func(_ monitor.Sample, d monitor.Database) string {
		return decimal(d.LongestTransaction)
	}},
	{name: "headroom", database: csvHeadroom},
	{name: "cpu_percent", database: csvCPU},
	{name: "app_size", application: func(a monitor.Application) string { return strconv.Itoa(a.Size) }},
	{name: "app_checkedin", application: func(a monitor.Application) string { return strconv.Itoa(a.CheckedIn) }},
	{name: "app_checkedout", application: func(a monitor.Application) string { return strconv.Itoa(a.CheckedOut) }},
	{name: "app_overflow", application: func(a monitor.Application) string { return strconv.Itoa(a.Overflow) }},
	{name: "app_waiting", application: func(a monitor.Application) string {
		return strings.TrimPrefix(waiting(&a), unknown)
	}},
	{name: "cause"},
	{name: "error", sample: func(s monitor.Sample) string { return errorText(s.Err) }},
}

// ofUse is empty where nobody knows how many are in use.
func ofUse(column func(monitor.Sample, int) string) func(monitor.Sample) string {
	return func(s monitor.Sample) string {
		use := s.Use()
		if !use.Known {
			return ""
		}
		return column(s, use.Connections)
	}
}

func ofDatabase(count func(monitor.Database) int) func(monitor.Sample, monitor.Database) string {
	return func(_ monitor.Sample, d monitor.Database) string { return strconv.Itoa(count(d)) }
}

func csvHeadroom(_ monitor.Sample, d monitor.Database) string {
	limit, known := d.Headroom()
	if !known {
		return ""
	}
	return strconv.Itoa(limit.Room())
}

func csvCPU(_ monitor.Sample, d monitor.Database) string {
	if d.CPU == nil {
		return ""
	}
	return decimal(*d.CPU)
}

func (f *monitorCSV) sample(s monitor.Sample) error {
	if !f.started {
		f.started = true
		if err := f.header(); err != nil {
			return err
		}
	}
	row := make([]string, len(csvColumns))
	for i, column := range csvColumns {
		switch {
		case column.name == "cause":
			row[i] = f.causes.of(s)
		case column.sample != nil:
			row[i] = column.sample(s)
		case column.database != nil && s.Database != nil:
			row[i] = column.database(s, *s.Database)
		case column.application != nil && s.Application != nil:
			row[i] = column.application(*s.Application)
		}
	}
	return f.write(row)
}

func (f *monitorCSV) header() error {
	names := make([]string, len(csvColumns))
	for i, column := range csvColumns {
		names[i] = column.name
	}
	return f.write(names)
}

// write hands every row on at once: someone may be following.
func (f *monitorCSV) write(row []string) error {
	if err := f.w.Write(row); err != nil {
		return err
	}
	f.w.Flush()
	return f.w.Error()
}

func (*monitorCSV) notice(monitor.Notice) error { return nil }

func (f *monitorCSV) report(s monitorSummary) error {
	if f.onReport != nil {
		f.onReport(s)
	}
	return nil
}

// decimal writes a value with three digits after the point.
func decimal(value float64) string { return strconv.FormatFloat(value, 'f', 3, 64) }

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return text.Line(err.Error())
}
