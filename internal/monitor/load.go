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

// Load is what an application asked of its database: how many transactions, and
// how long each held its session. The server's counters and the sampled sessions
// tell it independently of each other. It is immutable.
type Load struct {
	Counters Counters `json:"counters"`
	Sampled  Sampled  `json:"sampled"`
	// Windows are the parts of the time, one after the other and about as long.
	Windows []Window `json:"windows"`
	// Statements are those that kept sessions in use in the samples, longest first.
	Statements []HeldStatement `json:"statements"`
	// Limits are those of the last sample; in use are sessions that are not the
	// application's and not the monitor's.
	Limits []Limit `json:"-"`
}

// Counters is the load by pg_stat_database: of whole databases, whoever asked,
// without what the monitor itself asked of them.
type Counters struct {
	Seconds      float64  `json:"seconds"` // between the first reading and the last
	Databases    []string `json:"databases"`
	Transactions int64    `json:"transactions"` // that ended, rolled back ones included
	Rollbacks    int64    `json:"rollbacks"`
	PerSecond    float64  `json:"transactions_per_second"`
	// Active and IdleInTransaction are how long sessions were so, together, in
	// milliseconds; null where the server is older than 14, and so is what follows.
	Active            *float64 `json:"active_ms"`
	IdleInTransaction *float64 `json:"idle_in_transaction_ms"`
	// Hold is the mean of a transaction, in milliseconds; null without any.
	Hold *float64 `json:"hold_ms"`
	// InUse is the mean number of sessions in use.
	InUse     *float64 `json:"in_use"`
	CannotSee string   `json:"cannot_see"`
}

// Sampled is the load by pg_stat_activity: of the application's sessions.
type Sampled struct {
	Samples int `json:"samples"`
	Failed  int `json:"failed"` // the database did not answer
	Hidden  int `json:"hidden"` // most sessions whose state the role may not see
	// InUse is null where the role may not see sessions.
	InUse             *Level  `json:"in_use"`
	Active            float64 `json:"active"` // mean
	IdleInTransaction float64 `json:"idle_in_transaction"`
	// Others is the mean of sessions in use in the same databases that are not
	// the application's.
	Others float64 `json:"others_in_use"`
	// Hold is InUse over the counters' transactions per second, in milliseconds.
	Hold      *float64 `json:"hold_ms"`
	CannotSee string   `json:"cannot_see"`
}

// Window is a part of the time.
type Window struct {
	Seconds      float64  `json:"seconds"`
	Transactions int64    `json:"transactions"`
	InUse        *float64 `json:"in_use"`         // by the counters
	SampledInUse *float64 `json:"sampled_in_use"` // by the samples; null without any
}

// HeldStatement is a statement that kept sessions in use, without its literals:
// while it ran, and while it was the last one of an idle transaction.
type HeldStatement struct {
	Statement         string  `json:"statement"`
	Share             float64 `json:"share"` // of the time that sessions were in use, 0 to 1
	Active            float64 `json:"active"`
	IdleInTransaction float64 `json:"idle_in_transaction"` // means of sessions
	Longest           float64 `json:"longest_ms"`          // in its state, at a sample
}

const (
	countersCannotSee = "pg_stat_database counts whole databases, whoever asks, and each statement outside a transaction block, each rollback " +
		"and each driver's ping as a transaction. It cannot see connections that are checked out while their session is idle, bursts within " +
		"the time, or transactions that have not ended. A session reports after a transaction, about once a second, and one whose " +
		"statements touch no table when it ends."
	sampledCannotSee = "Samples cannot see peaks between two samples, connections that are checked out while their session is idle, or how many " +
		"transactions there were: the hold is the mean in use over the counters' transactions per second."
)

// ownAtMost is how many of the monitor's own transactions may be among those
// counted: the server counts them a little later than the monitor does.
const ownAtMost = 3

// othersShare is the largest share of sessions in use that may be others' while the
// counters still say enough about the application.
const othersShare = 0.05

// shared tells whether others use the databases as well.
func (l Load) shared() bool {
	s := l.Sampled
	return s.InUse != nil && s.Others > othersShare*(s.InUse.Mean+s.Others)
}

// behind tells whether the samples surely saw more sessions in use than the
// counters have: of transactions that are not over, or not yet reported.
func (l Load) behind() bool {
	const surely, much = 1.1, 1.5
	c, s := l.Counters.InUse, l.Sampled.InUse
	if c == nil || s == nil {
		return false
	}
	values := l.inUse(func(w Window) *float64 { return w.SampledInUse })
	if interval := sizing.MeanInterval(s.Mean, values); interval != nil {
		return interval.Low > surely**c
	}
	return s.Mean > much**c
}

// fromSamples tells that the sessions in use are those of the samples: the
// server has no times, others use the databases too, or the counters are behind.
func (l Load) fromSamples() bool { return l.Counters.InUse == nil || l.shared() || l.behind() }

func (l Load) inUse(of func(Window) *float64) (values []float64) {
	for _, w := range l.Windows {
		if v := of(w); v != nil {
			values = append(values, *v)
		}
	}
	return values
}

// Demand is the load for a size of the pool. The error says in one line what is
// missing.
func (l Load) Demand() (sizing.Demand, error) {
	c, s := l.Counters, l.Sampled
	where := "in database " + strings.Join(c.Databases, ", ")
	switch {
	case c.Seconds <= 0:
		return sizing.Demand{}, fmt.Errorf("the counters were read %s: measure for longer", text.Times(int64(min(1, s.Samples))))
	case c.Transactions <= ownAtMost:
		return sizing.Demand{}, fmt.Errorf("too few transactions ended %s in %s (%d): measure while the application works, or check --url and --database",
			where, text.Seconds(c.Seconds), c.Transactions)
	case c.InUse == nil && s.InUse == nil:
		return sizing.Demand{}, errors.New("the server is older than PostgreSQL 14 and has no times of sessions, and the role may not see them: GRANT pg_read_all_stats TO it")
	}
	d := sizing.Demand{}
	var values []float64
	if l.fromSamples() {
		d.InUse, values = s.InUse.Mean, l.inUse(func(w Window) *float64 { return w.SampledInUse })
	} else {
		d.InUse, values = *c.InUse, l.inUse(func(w Window) *float64 { return w.InUse })
	}
	hold := c.Hold
	if hold == nil {
		hold = s.Hold
	}
	if d.InUse <= 0 || hold == nil || *hold <= 0 {
		return sizing.Demand{}, fmt.Errorf("no session was seen in use %s: the transactions are too short or too few to measure; measure for longer", where)
	}
	d.Hold = Seconds(*hold / 1000)
	d.Interval = sizing.MeanInterval(d.InUse, values)
	if s.InUse != nil {
		d.Peak = s.InUse.Peak
	}
	return d, nil
}

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
	return fmt.Errorf("it is not a load of k6 x pgxpool measure: %w", text.Undecoded(content, err))
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
