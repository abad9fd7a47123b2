package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/sizing"
	"github.com/flowboard/xk6-pgxpool/internal/text"
)

// LoadSchema is the version of a load file that is written and read, see
// load_schema.json.
const LoadSchema = 1

// LoadFile is a load that was measured, for `plan --from`.
type LoadFile struct {
	Schema  int       `json:"schema"`
	Watched string    `json:"watched"` // whose load it is
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"` // the last sample
	// Asked is the length of the measurement that was asked for, in seconds;
	// Interval is the time between samples.
	Asked    float64 `json:"asked_seconds"`
	Interval float64 `json:"interval_seconds"`
	Stopped  bool    `json:"stopped"` // before its time
	Version  string  `json:"server_version"`
	// Workers is how many pools the application has, 0 where nobody said.
	Workers int `json:"workers"`
	// Limits are the server's; others are the sessions that were not watched.
	Limits *sizing.Server `json:"limits"`
	Load
	Notes []string `json:"notes"`
}

// JSON writes the file.
func (f LoadFile) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(f, "", "  ")
	return append(text, '\n'), err
}

// ParseLoad reads a load file. The error names what is wrong with it, without
// the file's name.
func ParseLoad(content []byte) (LoadFile, error) {
	var version struct{ Schema *int }
	if err := json.Unmarshal(content, &version); err != nil {
		return LoadFile{}, notLoad(content, err)
	}
	switch {
	case version.Schema == nil:
		return LoadFile{}, errors.New("it names no schema; use a file of k6 x pgxpool measure")
	case *version.Schema != LoadSchema:
		return LoadFile{}, fmt.Errorf("its schema is %d, and %d is read", *version.Schema, LoadSchema)
	}
	var f LoadFile
	if err := json.Unmarshal(content, &f); err != nil {
		return LoadFile{}, notLoad(content, err)
	}
	return f, f.check()
}

func notLoad(content []byte, err error) error {
	return fmt.Errorf("it is not the JSON of a load: %w; use a file of k6 x pgxpool measure", text.Undecoded(content, err))
}

// check refuses numbers that no measurement gives.
func (f LoadFile) check() error {
	return checkValues(reflect.ValueOf(f), "", func(name string, value float64) error {
		most := 1e15
		switch {
		case strings.HasPrefix(name, "limits."):
			return nil // -1 stands for none
		case strings.Contains(name, "in_use"):
			most = sizing.MaxConnections
		}
		if !(value >= 0 && value <= most) {
			return fmt.Errorf("%s is %g; accepted: 0 to %g", name, value, most)
		}
		return nil
	})
}

// Notes say what the values of a load lack, a line each.
func (l Load) Notes() []string {
	notes := []string{}
	c, s := l.Counters, l.Sampled
	if s.Hidden > 0 {
		notes = append(notes, "The role may not see what sessions do: the peak, the p99 and the statements are missing. GRANT pg_read_all_stats TO it.")
	}
	if c.Seconds > 0 && c.InUse == nil {
		notes = append(notes, "The server is older than PostgreSQL 14: it has no times of sessions, and the hold is that of the samples.")
	}
	if l.shared() {
		notes = append(notes, fmt.Sprintf("Others had %.2g sessions in use in the same databases on average, beside %.2g of the application: "+
			"the sessions in use are those of the samples, the hold is the mean of all.", s.Others, s.InUse.Mean))
	}
	if l.behind() {
		notes = append(notes, fmt.Sprintf("The samples saw %.3g sessions in use on average, the counters %.3g: transactions were not over, or not yet reported. "+
			"The sessions in use are those of the samples, and there were more transactions than were counted.", s.InUse.Mean, *c.InUse))
	}
	if d, err := l.Demand(); err != nil {
		notes = append(notes, "No size can be given: "+err.Error()+".")
	} else if d.Interval == nil {
		notes = append(notes, "It was too short for an interval: measure for longer.")
	}
	return notes
}
