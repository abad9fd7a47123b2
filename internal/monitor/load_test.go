package monitor

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/schematest"
	"github.com/flowboard/xk6-pgxpool/internal/sizing"
)

// loadSample is a moment at which the counters say so much.
func loadSample(second int, transactions int64, busy float64, inUse, others int) Sample {
	d := &Database{OthersInUse: others, Statistics: []Statistics{{
		Database: "flow", Commits: transactions, ActiveTime: busy / 2, IdleInTransaction: busy / 2, Timed: true,
	}}}
	d.Sessions = Sessions{Open: inUse, Active: inUse}
	for range inUse {
		d.watched = append(d.watched, session{state: stateActive, statement: "SELECT 'secret'"})
	}
	return Sample{Time: time.Unix(int64(second), 0), Database: d}
}

// steady is a load of ten transactions a second that hold 200 ms each, as it
// shows to the counters and to the samples.
func steady(seconds int, reported float64, inUse, others int) Load {
	var t Tally
	for i := range seconds + 1 {
		t.Add(loadSample(i, int64(1000+10*reported*float64(i)), 5000+2000*reported*float64(i), inUse, others))
	}
	return t.Report().Load
}

func TestDemandOfALoad(t *testing.T) {
	for name, row := range map[string]struct {
		load  Load
		inUse float64
		note  string
	}{
		"counters":                     {steady(600, 1, 2, 0), 2, ""},
		"the counters are behind":      {steady(600, 0.5, 2, 0), 2, "The samples saw 2 sessions in use on average, the counters 1"},
		"few sessions at the samples":  {steady(600, 1, 1, 0), 2, ""},
		"others use the database, too": {steady(600, 4, 2, 6), 2, "Others had 6 sessions in use"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := row.load.Demand()
			require.NoError(t, err)
			require.InDelta(t, row.inUse, d.InUse, 0.01)
			require.InDelta(t, 0.2, d.Hold.Seconds(), 1e-6)
			require.NotNil(t, d.Interval)
			require.InDelta(t, row.inUse, d.Interval.High, 0.01, "it is always the same")
			require.LessOrEqual(t, len(row.load.Windows), mostWindows)
			seconds := 0.0
			for _, w := range row.load.Windows {
				seconds += w.Seconds
			}
			require.InDelta(t, 600, seconds, 1e-6)
			notes := row.load.Notes()
			if row.note == "" {
				require.Empty(t, notes)
			} else {
				require.Contains(t, notes[0], row.note)
			}
		})
	}
	short := steady(3, 1, 2, 0)
	d, err := short.Demand()
	require.NoError(t, err)
	require.Nil(t, d.Interval)
	require.Equal(t, []string{"It was too short for an interval: measure for longer."}, short.Notes())
	_, err = (&Tally{}).Report().Load.Demand()
	require.EqualError(t, err, "the counters were read 0 times: measure for longer")
}

// Counters that are reset, and what the monitor asks itself.
func TestLoadCountsNeitherResetsNorItself(t *testing.T) {
	var tally Tally
	for i, transactions := range []int64{1000, 1010, 4, 14} {
		s := loadSample(i, transactions, float64(200*transactions), 2, 0)
		s.Database.own = ownLoad{database: "flow", transactions: int64(2 * i), active: 1}
		tally.Add(s)
	}
	c := tally.Report().Load.Counters
	require.Equal(t, int64(10-2+4-2+10-2), c.Transactions)
	require.InDelta(t, 200*24, *c.Active+*c.IdleInTransaction, 1e-6)
	require.Equal(t, "SELECT ?", tally.Report().Load.Statements[0].Statement)
}

func TestLoadSchemaHasEveryField(t *testing.T) {
	schema, err := os.ReadFile("load_schema.json")
	require.NoError(t, err)
	var file LoadFile
	schematest.Fill(&file)
	text, err := file.JSON()
	require.NoError(t, err)
	require.Empty(t, schematest.Differences(t, schema, "", text))
	require.Error(t, schematest.Errors(t, schema, text), "the version is another")
}

func TestParseLoadRefusesWhatIsNone(t *testing.T) {
	good := LoadFile{Schema: LoadSchema, Load: steady(600, 1, 2, 0), Limits: &sizing.Server{MaxConnections: 100}}
	text, err := good.JSON()
	require.NoError(t, err)
	again, err := ParseLoad(text)
	require.NoError(t, err)
	require.Equal(t, good.Counters, again.Counters)
	require.Equal(t, good.Windows, again.Windows)
	for says, change := range map[string]func(map[string]any){
		"it names no schema; use a file of k6 x pgxpool measure": func(f map[string]any) { delete(f, "schema") },
		"its schema is 2, and 1 is read":                         func(f map[string]any) { f["schema"] = 2 },
		"counters.transactions is -1; accepted: 0 to 1e+15":      func(f map[string]any) { f["counters"].(map[string]any)["transactions"] = -1 },
		"sampled.in_use.peak is 1e+09; accepted: 0 to 262143": func(f map[string]any) {
			f["sampled"].(map[string]any)["in_use"].(map[string]any)["peak"] = 1_000_000_000
		},
		"windows[1].in_use is -3; accepted: 0 to 262143":                                func(f map[string]any) { f["windows"].([]any)[1].(map[string]any)["in_use"] = -3 },
		"it is not a load of k6 x pgxpool measure: counters is a string; use an object": func(f map[string]any) { f["counters"] = "many" },
	} {
		var file map[string]any
		require.NoError(t, json.Unmarshal(text, &file))
		change(file)
		changed, err := json.Marshal(file)
		require.NoError(t, err)
		_, err = ParseLoad(changed)
		require.ErrorContains(t, err, says)
	}
	for content, says := range map[string]string{"{": "unexpected end of JSON input", "": "it is empty", "[1]": "it is a JSON array, not an object"} {
		_, err = ParseLoad([]byte(content))
		require.EqualError(t, err, "it is not a load of k6 x pgxpool measure: "+says)
	}
}
