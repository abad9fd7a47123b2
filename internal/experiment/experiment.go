package experiment

import (
	"time"

	"github.com/flowboard/xk6-pgxpool/internal/report"
)

// Load is who asks, and how often.
type Load struct {
	// Users take turns as fast as their think time lets them; with a Rate they
	// are the most that may be busy at once.
	Users int `json:"users"`
	// Rate is arrivals per second, 0 for a closed loop.
	Rate float64 `json:"rate,omitempty"`
}

// Step is one stretch of the experiment under one load and one configuration.
type Step struct {
	Label string
	Round int // from 1
	// Options are the pool's by their JavaScript names, over those of the
	// script; nil where the target is an application over HTTP.
	Options map[string]any
	Load    Load
	// Settle comes before Duration and is not measured.
	Settle, Duration time.Duration
}

// Plan decides which steps an experiment consists of. It keeps no record of
// them: every answer follows from the measurements handed in.
type Plan interface {
	// Name is "before-after", "capacity" or "tune".
	Name() string
	// Users is the most users that any step needs.
	Users() int
	// Think is the mean time between two requests of a user; in an open loop it
	// has no meaning.
	Think() time.Duration
	// LongestHold is how long a request may hold its connection before something
	// is wrong with it, 0 where the script does not say how long they do.
	LongestHold() time.Duration
	// MaxDuration is an upper bound of the whole experiment, opening the pools
	// and waiting for the last requests included.
	MaxDuration() time.Duration
	// Connections is the most connections that any step's pool may open, 0
	// where the target is an application over HTTP.
	Connections() int
	// Prepare is called once before the first step. It fails with a
	// [ServerError] where the server cannot carry the steps.
	Prepare(Server) error
	// Next gives the step after those done; false where there is none.
	Next(done []Measurement) (Step, bool)
	// Left is how many steps there are still to do, at most, and how long they
	// take.
	Left(done []Measurement) (steps int, left time.Duration)
	// Result reads the measurements, of an unfinished experiment too: it says
	// that it is one.
	Result(done []Measurement) (Result, error)
}

// Result is what an experiment found out.
type Result interface {
	// Figures are the gauges by metric name; what is not known is left out.
	Figures() map[string]float64
	// Unknown says of figures that are left out why, by metric name, where there
	// is something to be done about it.
	Unknown() map[string]string
	// Terminal renders it for people at a terminal. Lines are at most width
	// characters long where words and one column of a table allow it; 0 means
	// 80.
	Terminal(width int) string
	// Markdown renders it in GitHub's dialect.
	Markdown() string
	// Sections are the result for the report.
	Sections() []report.Section
}

// New makes a plan of what a script gave (JavaScript values exported to Go). It
// fails with an [OptionError] for the first option that cannot be used.
func New(options map[string]any) (Plan, error) {
	s, err := readSettings(options)
	if err != nil {
		return nil, err
	}
	switch s.plan {
	case planBeforeAfter:
		return newBeforeAfter(s), nil
	case planCapacity:
		return newCapacity(s), nil
	default:
		return newTune(s), nil
	}
}
