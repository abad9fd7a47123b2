package timeline

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/pb/sketchpb"
	"google.golang.org/protobuf/proto"
)

// Accuracy is the relative error of a [Distribution]'s quantiles.
const Accuracy = 0.005

// bins is how many a sketch has at most: at this accuracy nine orders of
// magnitude.
const bins = 2048

// Distribution is a mergeable summary of values of at least 0: count, sum,
// minimum and maximum are exact, quantiles are DDSketch's (Masson, Rim, Lee,
// VLDB 2019), each within [Accuracy]. The zero value is empty and ready. It is
// not safe for concurrent use.
type Distribution struct {
	count    int64
	sum      float64
	min, max float64
	sketch   *ddsketch.DDSketch // nil while empty
}

// Add records a value. What is no number of at least 0 counts as 0: a clock
// that was set back measures less than nothing.
func (d *Distribution) Add(value float64) {
	if !(value > 0) || math.IsInf(value, 0) {
		value = 0
	}
	if d.sketch == nil {
		d.sketch = newSketch()
		d.min = value
	}
	d.count++
	d.sum += value
	d.min, d.max = min(d.min, value), max(d.max, value)
	// It refuses only numbers that are negative or beyond its range, and the
	// largest float64 is within it.
	_ = d.sketch.Add(value)
}

// Merge adds the values of other.
func (d *Distribution) Merge(other Distribution) {
	if other.count == 0 {
		return
	}
	if d.sketch == nil {
		d.sketch, d.min = newSketch(), other.min
	}
	d.count += other.count
	d.sum += other.sum
	d.min, d.max = min(d.min, other.min), max(d.max, other.max)
	// Sketches of one accuracy always merge.
	_ = d.sketch.MergeWith(other.sketch)
}

// Count is how many values there are.
func (d Distribution) Count() int64 { return d.count }

// Sum is the sum of the values.
func (d Distribution) Sum() float64 { return d.sum }

// Min is the smallest value, 0 where there is none.
func (d Distribution) Min() float64 { return d.min }

// Max is the largest value, 0 where there is none.
func (d Distribution) Max() float64 { return d.max }

// Mean is the average, 0 where there is no value.
func (d Distribution) Mean() float64 {
	if d.count == 0 {
		return 0
	}
	return d.sum / float64(d.count)
}

// Quantile is the value at q, from 0 to 1; 0 where there is no value.
func (d Distribution) Quantile(q float64) float64 {
	switch {
	case d.count == 0:
		return 0
	case q <= 0:
		return d.min
	case q >= 1:
		return d.max
	}
	value, err := d.sketch.GetValueAtQuantile(q)
	if err != nil {
		return d.max // only an empty sketch has none, and a q that is no number
	}
	return min(d.max, max(d.min, value))
}

// Above is how many values lie above a limit, and their sum, as exact as
// quantiles are: a value within [Accuracy] of the limit may fall on either side.
func (d Distribution) Above(limit float64) (count int64, sum float64) {
	if d.sketch == nil {
		return 0, 0
	}
	d.sketch.ForEach(func(value, n float64) bool {
		if value > limit {
			count += int64(n)
			sum += value * n
		}
		return false
	})
	return count, min(d.sum, sum)
}

// Each gives every value and how many there are of it, each value as exact as
// quantiles are.
func (d Distribution) Each(f func(value float64, count int64)) {
	if d.sketch == nil {
		return
	}
	d.sketch.ForEach(func(value, n float64) bool {
		f(min(d.max, max(d.min, value)), int64(n))
		return false
	})
}

// distributionJSON is how a distribution is written: the sketch is DDSketch's
// protobuf message, in base64.
type distributionJSON struct {
	Count  int64   `json:"count"`
	Sum    float64 `json:"sum"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Sketch []byte  `json:"ddsketch,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (d Distribution) MarshalJSON() ([]byte, error) {
	written := distributionJSON{Count: d.count, Sum: d.sum, Min: d.min, Max: d.max}
	if d.sketch != nil {
		var err error
		if written.Sketch, err = proto.Marshal(d.sketch.ToProto()); err != nil {
			return nil, fmt.Errorf("writing a distribution: %w", err)
		}
	}
	return json.Marshal(written)
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *Distribution) UnmarshalJSON(text []byte) error {
	var written distributionJSON
	if err := json.Unmarshal(text, &written); err != nil {
		return err
	}
	if written.Count < 0 || (written.Count == 0) != (len(written.Sketch) == 0) {
		return fmt.Errorf("reading a distribution: count is %d with a sketch of %d bytes", written.Count, len(written.Sketch))
	}
	read := Distribution{count: written.Count, sum: written.Sum, min: written.Min, max: written.Max}
	if written.Count > 0 {
		var err error
		if read.sketch, err = parseSketch(written.Sketch); err != nil {
			return fmt.Errorf("reading a distribution: %w", err)
		}
	}
	*d = read
	return nil
}

// parseSketch refuses what cannot be merged with ours.
func parseSketch(message []byte) (*ddsketch.DDSketch, error) {
	parsed := &sketchpb.DDSketch{}
	if err := proto.Unmarshal(message, parsed); err != nil {
		return nil, err
	}
	read, err := ddsketch.FromProto(parsed)
	if err != nil {
		return nil, err
	}
	ours := newSketch()
	if err := ours.MergeWith(read); err != nil {
		return nil, err
	}
	return ours, nil
}

func newSketch() *ddsketch.DDSketch {
	sketch, err := ddsketch.LogCollapsingLowestDenseDDSketch(Accuracy, bins)
	if err != nil {
		panic("timeline: constants are no sketch: " + err.Error())
	}
	return sketch
}
