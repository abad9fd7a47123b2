package timeline

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/DataDog/sketches-go/ddsketch/pb/sketchpb"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

// crafted is a distribution of so many values whose sketch somebody made.
func crafted(t *testing.T, count int64, change func(*sketchpb.DDSketch)) string {
	t.Helper()
	message := newSketch().ToProto()
	message.PositiveValues = &sketchpb.Store{BinCounts: map[int32]float64{1: 2}}
	change(message)
	text, err := proto.Marshal(message)
	require.NoError(t, err)
	return fmt.Sprintf(`{"count":%d,"sum":2,"min":1,"max":1,"ddsketch":%q}`, count, base64.StdEncoding.EncodeToString(text))
}

func TestDistributionRefusesCraftedSketches(t *testing.T) {
	bins := func(bins map[int32]float64) func(*sketchpb.DDSketch) {
		return func(s *sketchpb.DDSketch) { s.PositiveValues.BinCounts = bins }
	}
	require.NoError(t, json.Unmarshal([]byte(crafted(t, 2, func(*sketchpb.DDSketch) {})), new(Distribution)))
	for text, says := range map[string]string{
		crafted(t, 2, bins(map[int32]float64{math.MinInt32: 1, math.MaxInt32: 1})):        "a bin",
		crafted(t, 2, bins(map[int32]float64{1: math.NaN()})):                             "NaN values",
		crafted(t, 2, bins(map[int32]float64{1: math.Inf(-1)})):                           "-Inf values",
		crafted(t, 2, bins(map[int32]float64{1: -1, 2: 3})):                               "-1 values",
		crafted(t, 3, bins(map[int32]float64{1: 2})):                                      "count is 3, and its sketch has 2 values",
		crafted(t, 2, func(s *sketchpb.DDSketch) { s.ZeroCount = math.NaN() }):            "NaN values",
		crafted(t, 2, func(s *sketchpb.DDSketch) { s.Mapping = nil }):                     "no mapping",
		crafted(t, 2, func(s *sketchpb.DDSketch) { s.NegativeValues = s.PositiveValues }): "negative values",
		crafted(t, 2, func(s *sketchpb.DDSketch) { s.Mapping.Gamma = 1 }):                 "Gamma",
		crafted(t, 2, func(s *sketchpb.DDSketch) { s.Mapping.Gamma = 1.02 }):              "different index mappings",
		crafted(t, 2, func(s *sketchpb.DDSketch) {
			s.PositiveValues = &sketchpb.Store{ContiguousBinCounts: []float64{1, 1}, ContiguousBinIndexOffset: math.MaxInt32}
		}): "a bin 214748364",
		`{"count":1000000000000000,"sum":1,"min":1,"max":1,"integers":{"1":1000000000000000}}`: "use a count",
		`{"count":2,"sum":4,"min":1,"max":3,"integers":{"1":2,"3":2}}`:                         "count is 2, and 4 integers",
		`{"count":1,"sum":-1,"min":-1,"max":1,"integers":{"1":1}}`:                             "use a count",
		`{"count":1,"sum":1,"min":2,"max":1,"integers":{"1":1}}`:                               "use a count",
		`{"count":1,"sum":1,"min":1,"max":1e300,"integers":{"1":1}}`:                           "use a count",
	} {
		require.ErrorContains(t, json.Unmarshal([]byte(text), new(Distribution)), says, text)
	}
}

func TestRecordingRefusesWhatNoRunHas(t *testing.T) {
	for says, change := range map[string]func(*Recording){
		"of 1000000000000000 samples":       func(r *Recording) { r.Levels["default"][0].Samples = 1e15 },
		"a level of NaN":                    func(r *Recording) { r.Levels["default"][0].Active = math.NaN() },
		"a level of -Inf":                   func(r *Recording) { r.Levels["default"][0].TotalMax = math.Inf(-1) },
		"window_s is NaN":                   func(r *Recording) { r.Window = math.NaN() },
		"in the year 1":                     func(r *Recording) { r.Ended.Start = time.Time{}.Add(time.Hour) },
		"in the year 9999":                  func(r *Recording) { r.Start = r.Start.AddDate(9999-r.Start.Year(), 0, 0) },
		"ended has a count of -1":           func(r *Recording) { r.Ended.Counts[0] = -1 },
		"requests has a count of -1":        func(r *Recording) { r.Totals.Requests.Failed = -1 },
		`pool "default" has a count of -5`:  func(r *Recording) { r.Totals.Pools["default"].Errors = map[string]int64{"57014": -5} },
		"ended has a window_s of 1e-09":     func(r *Recording) { r.Ended.Window = 1e-9 },
		"responses has a window_s of 1e+12": func(r *Recording) { r.Responses.Window = 1e12 },
		"it has no start":                   func(r *Recording) { r.Start = time.Time{} },
		"responses starts in the year 1":    func(r *Recording) { r.Responses.Start = time.Time{} },
		"responses has 16385 windows":       func(r *Recording) { r.Responses.Windows = make([]Distribution, MostLevels+1) },
		`pool "default" starts in the year 3026`: func(r *Recording) {
			fine := r.Fine["default"]
			fine.Active.Start = fine.Active.Start.AddDate(1000, 0, 0)
			r.Fine["default"] = fine
		},
		`pool "default" has no totals`: func(r *Recording) { r.Totals.Pools["default"] = nil },
		"0 samples at level 3":         func(r *Recording) { r.Levels["default"][0].ActiveAt = map[int]int64{3: 0} },
		"5 samples at level -1":        func(r *Recording) { r.Levels["default"][0].WaitingAt = map[int]int64{2: 1, -1: 5} },
	} {
		var recorder Recorder
		recorder.Record([]Observation{
			{Measure: Active, At: at(0), Value: 3, Pool: "default"},
			{Measure: Request, At: at(time.Second), Value: 12},
		})
		r := Condense(recorder.Snapshot())
		require.NoError(t, r.Check())
		r.Ended, r.Responses = &Series{Window: 1}, &Responses{Window: 1}
		require.NoError(t, r.Check(), "nothing ended")
		r = Condense(recorder.Snapshot())
		change(r)
		require.ErrorContains(t, r.Check(), says)
	}
}
