package verdict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// options are what a script hands to pgxpool.verdict(data, options).
type options struct {
	Criteria []Criterion `json:"criteria"`
	Gate     string      `json:"gate"`
	Waive    []string    `json:"waive"`
	Notes    []string    `json:"notes"`
	Run      runOptions  `json:"run"`
}

// runOptions is what only the script knows of its run.
type runOptions struct {
	Script        string         `json:"script"`
	Users         int            `json:"users"` // 0: as many as k6 had
	Target        string         `json:"target"`
	Configuration map[string]any `json:"configuration"`
}

// FromScript builds the input of [Evaluate] from k6's end-of-test data and a
// script's options, both as plain Go values (maps, slices, strings, numbers).
// An unknown or mistyped option is an error that names it. The caller adds what
// it alone knows: Unmeasured, Missing, further Notes, and the rest of Run.
func FromScript(data, given any) (Input, error) {
	var o options
	if err := remarshal(given, &o); err != nil {
		return Input{}, fmt.Errorf("verdict: options: %w", err)
	}
	fields, err := plain(data)
	if err != nil {
		return Input{}, fmt.Errorf("verdict: data: %w", err)
	}
	metrics, err := decodeMetrics(fields)
	if err != nil {
		return Input{}, fmt.Errorf("verdict: data: %w", err)
	}
	return Input{
		Criteria: o.Criteria,
		Metrics:  metrics,
		Gate:     o.Gate,
		Waived:   o.Waive,
		Notes:    o.Notes,
		Run: Run{
			Script:        o.Run.Script,
			Users:         users(o.Run.Users, metrics),
			Target:        o.Run.Target,
			Duration:      testDuration(fields),
			Configuration: texts(o.Run.Configuration),
		},
		NoThresholds: noThresholds(fields, metrics),
	}, nil
}

// noThresholds tells whether k6 judged no threshold at all. Its
// machine-readable data do not say.
func noThresholds(data map[string]any, metrics map[string]Metric) bool {
	if _, ok := field(data, "metrics").(map[string]any); !ok {
		return false
	}
	for _, m := range metrics {
		if len(m.Thresholds) > 0 {
			return false
		}
	}
	return true
}

// Color tells from k6's end-of-test data whether its standard output is a
// terminal where color was not switched off (--no-color, NO_COLOR).
func Color(data any) bool {
	terminal, _ := field(data, "state", "isStdOutTTY").(bool)
	off, _ := field(data, "options", "noColor").(bool)
	return terminal && !off
}

// testDuration is the length of the test in seconds, 0 where data do not say.
func testDuration(data map[string]any) float64 {
	if ms, ok := number64(field(data, "state", "testRunDurationMs")); ok {
		return ms / 1000
	}
	s, _ := number64(field(data, "config", "duration"))
	return s
}

// users are those that the script names, else as many as k6 had.
func users(named int, metrics map[string]Metric) int {
	if named > 0 {
		return named
	}
	return int(metrics["vus_max"].Values["max"])
}

// remarshal fills a struct from plain Go values and refuses unknown names.
func remarshal(from, to any) error {
	written, err := json.Marshal(from)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(written))
	decoder.DisallowUnknownFields()
	return text.Undecoded(written, decoder.Decode(to))
}

// texts writes the values of a script's own settings; null ones are left out.
func texts(values map[string]any) map[string]string {
	written := make(map[string]string, len(values))
	for name, value := range values {
		switch value := value.(type) {
		case nil:
		case float64:
			written[name] = strconv.FormatFloat(value, 'f', -1, 64)
		default:
			written[name] = fmt.Sprint(value)
		}
	}
	return written
}

// field follows names into nested maps; nil where one is missing.
func field(value any, names ...string) any {
	for _, name := range names {
		fields, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = fields[name]
	}
	return value
}

func number64(value any) (float64, bool) {
	switch n := value.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	default:
		return 0, false
	}
}
