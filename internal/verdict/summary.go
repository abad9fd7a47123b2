package verdict

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/flowboard/xk6-pgxpool/internal/diagnosis"
	"github.com/flowboard/xk6-pgxpool/internal/text"
	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// SchemaVersion is the version of results/summary.json. It grows when a field
// changes its meaning or goes away; new fields do not change it.
const SchemaVersion = 1

// Summary is results/summary.json, which schema.json describes: the whole report, readable by programs, and
// what it takes to tell whether two runs may be compared.
type Summary struct {
	Schema    int     `json:"schema"`
	Verdict   Verdict `json:"verdict"`
	Gate      Gate    `json:"gate"`
	GateHolds bool    `json:"gate_holds"`
	// SetupFailed is why setup() failed; nothing ran and there are no criteria.
	SetupFailed string `json:"setup_failed,omitempty"`
	Run         Run    `json:"run"`
	// ConfigurationHash is equal for two runs of the same script, users, target
	// and options. Versions and cores are not in it.
	ConfigurationHash string                `json:"configuration_hash"`
	Criteria          []Row                 `json:"criteria"`
	Diagnoses         []diagnosis.Diagnosis `json:"diagnoses"` // most likely first
	Overview          Overview              `json:"overview"`
	// Statements are those of a workload.
	Statements []Statement       `json:"statements,omitempty"`
	Notes      []string          `json:"notes"`
	Metrics    map[string]Metric `json:"metrics"`
	// Recording lets several runners be judged as one; nil where nothing was
	// recorded, and in files of versions before it.
	Recording *timeline.Recording `json:"recording,omitempty"`
	// Application is what the diagnosis of several runners needs too; nil where
	// none was under load.
	Application *diagnosis.Application `json:"application,omitempty"`
	// Limits are those of the servers of the run's pools, for several runners too.
	Limits diagnosis.Limits `json:"limits,omitempty"`
}

// SchemaError is a results/summary.json of another version.
type SchemaError struct{ Found int }

func (e *SchemaError) Error() string {
	return fmt.Sprintf("summary has schema %d; use %d", e.Found, SchemaVersion)
}

// JSON renders results/summary.json.
func (r Report) JSON() ([]byte, error) {
	metrics, notes := finite(r.Metrics)
	summary := Summary{
		Schema:            SchemaVersion,
		Verdict:           r.Verdict,
		Gate:              r.Gate,
		GateHolds:         r.GateHolds,
		Run:               r.Run,
		ConfigurationHash: r.Run.ConfigurationHash(),
		Criteria:          append([]Row{}, r.Rows...), // never null
		Diagnoses:         append([]diagnosis.Diagnosis{}, r.Diagnoses...),
		Overview:          Report{Run: r.Run, Metrics: metrics, Recording: r.Recording}.Overview(),
		Statements:        r.Statements,
		Notes:             append(append([]string{}, r.Notes...), notes...), // never null
		Metrics:           metrics,
		Recording:         r.Recording,
		Application:       r.Application,
		Limits:            r.limits,
	}
	if r.Setup != nil {
		summary.SetupFailed = r.Setup.Cause
	}
	for i := range summary.Criteria {
		row := &summary.Criteria[i]
		row.Note = "" // among the notes
		if row.Measured != nil && !isFinite(*row.Measured) {
			row.Measured = nil
		}
	}
	text := &bytes.Buffer{}
	encoder := json.NewEncoder(text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(summary); err != nil {
		return nil, fmt.Errorf("verdict: writing JSON: %w", err)
	}
	return text.Bytes(), nil
}

// ParseSummary reads results/summary.json. One of another version is a
// [SchemaError]; any other error wraps one that says what the text is instead.
func ParseSummary(content []byte) (Summary, error) {
	var summary Summary
	if err := json.Unmarshal(content, &summary); err != nil {
		return Summary{}, fmt.Errorf("verdict: reading summary: %w", text.Undecoded(content, err))
	}
	if summary.Schema != SchemaVersion {
		return Summary{}, &SchemaError{summary.Schema}
	}
	// Other files below results/ have a schema too.
	switch summary.Verdict {
	case Pass, Warning, Fail:
		if err := summary.check(); err != nil {
			return Summary{}, fmt.Errorf("verdict: reading summary: %w", err)
		}
		return summary, nil
	case "":
		return Summary{}, fmt.Errorf("verdict: reading summary: %w", errors.New("it has no verdict"))
	default:
		return Summary{}, fmt.Errorf("verdict: reading summary: %w",
			fmt.Errorf("its verdict is %q; use %s, %s or %s", summary.Verdict, Pass, Warning, Fail))
	}
}

// mostValue is more than any number of a run; the product of two and the sum of
// thousands are still numbers.
const mostValue = 1e100

// check refuses values that no run has, which others could not be added to.
func (s Summary) check() error {
	if r := s.Run; !(r.Duration >= 0 && r.Duration <= 1e9) || min(r.Users, r.Cores) < 0 || max(r.Users, r.Cores) > 1e9 {
		return fmt.Errorf("its run has %d users, %d cores and %v s; use 0 to 1e9", r.Users, r.Cores, r.Duration)
	}
	for name, m := range s.Metrics {
		if err := m.check(name); err != nil {
			return err
		}
	}
	if s.Application != nil {
		if err := s.Application.Check(); err != nil {
			return err
		}
	}
	if err := s.Limits.Check(); err != nil {
		return err
	}
	if s.Recording == nil {
		return nil
	}
	if err := s.Recording.Check(); err != nil {
		return fmt.Errorf("its recording is broken: %w", err)
	}
	return nil
}

func (m Metric) check(name string) error {
	for statistic, value := range m.Values {
		least := -mostValue
		if m.Type == "rate" || statistic == "count" && m.Type == "trend" {
			least = 0
		}
		if !(value >= least && value <= mostValue) {
			return fmt.Errorf("its metric %s has a %s of %v", name, statistic, value)
		}
	}
	return nil
}

// ConfigurationHash is the SHA-256, in hexadecimal, of script, users, target
// and configuration.
func (r Run) ConfigurationHash() string {
	// Maps are marshaled in the order of their keys, a nil one would be null.
	text, err := json.Marshal([]any{r.Script, r.Users, r.Target, maps.Collect(maps.All(r.Configuration))})
	if err != nil {
		panic("verdict: strings and numbers did not marshal: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// finite leaves out the values that JSON has no number for, and says so.
func finite(metrics map[string]Metric) (map[string]Metric, []string) {
	kept := make(map[string]Metric, len(metrics))
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		m := metrics[name]
		m.Values = maps.Clone(m.Values)
		maps.DeleteFunc(m.Values, func(statistic string, value float64) bool {
			if isFinite(value) {
				return false
			}
			notes = append(notes, fmt.Sprintf("%s of %s is %v and left out.", statistic, name, value))
			return true
		})
		kept[name] = m
	}
	return kept, notes
}

func isFinite(value float64) bool { return !math.IsNaN(value) && !math.IsInf(value, 0) }
