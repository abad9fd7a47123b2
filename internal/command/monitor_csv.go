package command

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
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

// csvColumns are the columns in order.
var csvColumns = []string{
	"time", "active", "at_least", "available", "total", "utilization",
	"open", "idle", "overflow", "hidden", "working", "idle_in_transaction", "lock_waits", "blocked", "longest_transaction_s", "headroom", "cpu_percent",
	"app_size", "app_checkedin", "app_checkedout", "app_overflow", "app_waiting", "cause", "error",
}

// csvValues are a sample's values by column, without those that are not known.
func csvValues(s monitor.Sample) map[string]any {
	values := map[string]any{"time": s.Time.UTC().Format(time.RFC3339Nano), "error": errorText(s.Err)}
	if use := s.Use(); use.Known {
		maps.Copy(values, map[string]any{
			"active": use.Connections, "at_least": use.AtLeast, "available": s.Available(),
			"total": max(s.Pool.Size, use.Connections), "utilization": decimal(monitor.Utilization(use.Connections, s.Pool.Size)),
		})
	}
	if d := s.Database; d != nil {
		maps.Copy(values, map[string]any{
			"open": d.Open, "idle": d.Idle, "overflow": s.Overflow(), "hidden": d.Hidden, "working": d.Working,
			"idle_in_transaction": d.IdleInTransaction, "lock_waits": d.LockWaits, "blocked": strings.Trim(blockedText(d.Blocked), " ()"),
			"longest_transaction_s": decimal(d.LongestTransaction),
		})
		if limit, known := d.Headroom(); known {
			values["headroom"] = limit.Room()
		}
		if d.CPU != nil {
			values["cpu_percent"] = decimal(*d.CPU)
		}
	}
	if a := s.Application; a != nil {
		maps.Copy(values, map[string]any{
			"app_size": a.Size, "app_checkedin": a.CheckedIn, "app_checkedout": a.CheckedOut, "app_overflow": a.Overflow,
		})
		if a.Waiting != nil {
			values["app_waiting"] = *a.Waiting
		}
	}
	return values
}

func (f *monitorCSV) sample(s monitor.Sample) error {
	if !f.started {
		f.started = true
		if err := f.write(csvColumns); err != nil {
			return err
		}
	}
	values := csvValues(s)
	values["cause"] = f.causes.of(s)
	row := make([]string, len(csvColumns))
	for i, column := range csvColumns {
		if value, known := values[column]; known {
			row[i] = fmt.Sprint(value)
		}
	}
	return f.write(row)
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
