package command

import (
	"encoding/json"
	"io"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/monitor"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/verdict"
)

// monitorJSON writes an object a line. Their field "type" is sample, notice
// or report. monitor_schema.json describes them.
type monitorJSON struct {
	encoder     *json.Encoder
	application string
	causes      recentCauses
}

func newMonitorJSON(w io.Writer, application string) *monitorJSON {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // "p(95)<80" is for people too
	return &monitorJSON{encoder: encoder, application: application}
}

// jsonSample holds values that stand in the line beside both sides' own.
// Where the database did not answer they are null.
type jsonSample struct {
	Type        string               `json:"type"`
	Time        time.Time            `json:"time"`
	Application string               `json:"application"`
	Pool        monitor.Pool         `json:"pool"`
	Active      *int                 `json:"active"`
	Available   *int                 `json:"available"`
	Total       *int                 `json:"total"`
	Utilization *float64             `json:"utilization"` // 0 to 1, of Total
	Overflow    *int                 `json:"overflow"`
	AtLeast     bool                 `json:"at_least,omitempty"` // active may be higher
	Cause       string               `json:"cause"`              // of the last moments, "none" without one
	Database    *monitor.Database    `json:"database"`
	AppPool     *monitor.Application `json:"app_pool"`
	Pooler      *monitor.Pooler      `json:"pooler,omitempty"`
	Error       string               `json:"error,omitempty"`
}

func (f *monitorJSON) sample(s monitor.Sample) error {
	line := jsonSample{
		Type: "sample", Time: s.Time.UTC(), Application: f.application, Pool: s.Pool, Cause: f.causes.of(s),
		Database: s.Database, AppPool: s.Application, Pooler: s.Pooler, Error: errorText(s.Err),
	}
	if use := s.Use(); use.Known {
		line.Active, line.Available, line.AtLeast = &use.Connections, new(s.Available()), use.AtLeast
		line.Total = new(max(s.Pool.Size, use.Connections))
		line.Utilization = new(monitor.Utilization(use.Connections, s.Pool.Size))
	}
	if s.Database != nil {
		line.Overflow = new(s.Overflow())
	}
	return f.encoder.Encode(line)
}

// jsonNotice is something that changed in the watch itself.
type jsonNotice struct {
	Type    string    `json:"type"`
	Time    time.Time `json:"time"`
	Problem bool      `json:"problem"`
	Text    string    `json:"text"`
}

func (f *monitorJSON) notice(n monitor.Notice) error {
	return f.encoder.Encode(jsonNotice{"notice", time.Now().UTC(), n.Problem, n.Text})
}

// jsonReport is the last line.
type jsonReport struct {
	Type        string `json:"type"`
	Application string `json:"application"`
	monitor.Report
	Verdict   verdict.Verdict       `json:"verdict"`
	Criteria  []jsonCriterion       `json:"criteria"`
	Diagnoses []diagnosis.Diagnosis `json:"diagnoses"`
	Notes     []string              `json:"notes"`
	PoolFor   watchedPool           `json:"pool_for_load"`
}

// jsonCriterion is one row of the verdict.
type jsonCriterion struct {
	Name     string          `json:"name"`
	Verdict  verdict.Verdict `json:"verdict"`
	Measured *float64        `json:"measured"` // in Unit
	Unit     text.Unit       `json:"unit"`
	Pass     string          `json:"pass"` // what PASS asks
	Reason   string          `json:"reason,omitempty"`
}

func (f *monitorJSON) report(s monitorSummary) error {
	criteria := make([]jsonCriterion, len(s.verdict.Rows))
	for i, row := range s.verdict.Rows {
		criteria[i] = jsonCriterion{
			Name: row.Name, Verdict: row.Verdict, Measured: row.Measured,
			Unit: row.Unit, Pass: row.Pass, Reason: row.Reason,
		}
	}
	return f.encoder.Encode(jsonReport{
		"report", f.application, s.report, s.verdict.Verdict, criteria,
		append([]diagnosis.Diagnosis{}, s.verdict.Diagnoses...), s.verdict.Notes, s.pool,
	})
}
