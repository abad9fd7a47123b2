package timeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

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
// minimum and maximum are exact. Of integers, such as sampled levels, so are the
// quantiles: 4 of 5 connections in use are 80 %, not 79.9. Otherwise, and of
// more than [bins] different integers, quantiles are DDSketch's (Masson, Rim,
// Lee, VLDB 2019), each within [Accuracy]. The zero value is empty and ready. It
// is not safe for concurrent use.
type Distribution struct {
	count    int64
	sum      float64
	min, max float64
	integers map[int64]int64    // how many of each, while there is no sketch
	sketch   *ddsketch.DDSketch // nil while all values are integers
}

// Add records a value. What is no number of at least 0 counts as 0: a clock
// that was set back gives a negative time.
func (d *Distribution) Add(value float64) {
	if !(value > 0) || math.IsInf(value, 0) {
		value = 0
	}
	d.add(value, 1)
}

// add counts a value n times.
func (d *Distribution) add(value float64, n int64) {
	if d.count == 0 {
		d.min = value
	}
	d.count += n
	d.sum += value * float64(n)
	d.min, d.max = min(d.min, value), max(d.max, value)
	d.store(value, n)
}

// store counts a value in the integers or the sketch only.
func (d *Distribution) store(value float64, n int64) {
	if d.sketch == nil && value == math.Trunc(value) && value < math.MaxInt32 && len(d.integers) < bins {
		if d.integers == nil {
			d.integers = make(map[int64]int64)
		}
		d.integers[int64(value)] += n
		return
	}
	// It refuses only numbers that are negative or beyond its range, and the
	// largest float64 is within it.
	_ = d.sketched().AddWithCount(value, float64(n))
}

// sketched turns exact counts into a sketch.
func (d *Distribution) sketched() *ddsketch.DDSketch {
	if d.sketch == nil {
		d.sketch = newSketch()
		for value, n := range d.integers {
			_ = d.sketch.AddWithCount(float64(value), float64(n))
		}
		d.integers = nil
	}
	return d.sketch
}

// Merge adds the values of other.
func (d *Distribution) Merge(other Distribution) {
	if other.count == 0 {
		return
	}
	if d.count == 0 {
		d.min = other.min
	}
	d.count += other.count
	d.sum += other.sum
	d.min, d.max = min(d.min, other.min), max(d.max, other.max)
	if other.sketch != nil {
		// Sketches of one accuracy always merge.
		_ = d.sketched().MergeWith(other.sketch)
		return
	}
	for value, n := range other.integers {
		d.store(float64(value), n)
	}
}

// Count is how many values there are.
func (d Distribution) Count() int64 { return d.count }

// IsZero tells whether there are none.
func (d Distribution) IsZero() bool { return d.count == 0 }

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
	if d.sketch == nil {
		return d.integerAt(q)
	}
	value, _ := d.sketch.GetValueAtQuantile(q) // it fails where it is empty or q is out of range
	return min(d.max, max(d.min, value))
}

// integerAt is the value of rank q·(count-1), as the sketch's quantiles are.
func (d Distribution) integerAt(q float64) float64 {
	rank := q * float64(d.count-1)
	var value, passed int64
	for _, value = range slices.Sorted(maps.Keys(d.integers)) {
		if passed += d.integers[value]; float64(passed) > rank {
			break
		}
	}
	return float64(value)
}

// Above is how many values lie above a limit, and their sum, as exact as
// quantiles are: where they are not, a value within [Accuracy] of the limit may
// fall on either side.
func (d Distribution) Above(limit float64) (count int64, sum float64) {
	d.stored(func(value float64, n int64) {
		if value > limit {
			count += n
			sum += value * float64(n)
		}
	})
	return count, min(d.sum, sum)
}

// each gives every value and how many there are of it, each value as exact as
// quantiles are.
func (d Distribution) each(f func(value float64, count int64)) {
	d.stored(func(value float64, n int64) { f(min(d.max, max(d.min, value)), n) })
}

// stored is each without the bounds: a sketch's values may lie a little outside them.
func (d Distribution) stored(f func(value float64, count int64)) {
	if d.sketch == nil {
		for _, value := range slices.Sorted(maps.Keys(d.integers)) {
			f(float64(value), d.integers[value])
		}
		return
	}
	d.sketch.ForEach(func(value, n float64) bool {
		f(value, int64(n))
		return false
	})
}

// distributionJSON is how a distribution is written: how many there are of each
// integer, or DDSketch's protobuf message in base64.
type distributionJSON struct {
	Count    int64           `json:"count"`
	Sum      float64         `json:"sum"`
	Min      float64         `json:"min"`
	Max      float64         `json:"max"`
	Integers map[int64]int64 `json:"integers,omitempty"`
	Sketch   []byte          `json:"ddsketch,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (d Distribution) MarshalJSON() ([]byte, error) {
	written := distributionJSON{Count: d.count, Sum: d.sum, Min: d.min, Max: d.max, Integers: d.integers}
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
	read := Distribution{count: written.Count, sum: written.Sum, min: written.Min, max: written.Max, integers: written.Integers}
	if err := written.check(); err != nil {
		return fmt.Errorf("reading a distribution: %w", err)
	}
	if len(written.Sketch) > 0 {
		var err error
		if read.sketch, err = parseSketch(written.Sketch, written.Count); err != nil {
			return fmt.Errorf("reading a distribution: %w", err)
		}
	}
	*d = read
	return nil
}

// check refuses counts that do not agree.
func (w distributionJSON) check() error {
	if w.Count < 0 || (w.Count == 0) != (len(w.Sketch)+len(w.Integers) == 0) || len(w.Sketch) > 0 && len(w.Integers) > 0 {
		return fmt.Errorf("count is %d, with a sketch of %d bytes and %d integers", w.Count, len(w.Sketch), len(w.Integers))
	}
	if !within(w.Count, 0, mostCount) || !within(w.Min, 0, w.Max) || !within(w.Max, 0, mostValue) || !within(w.Sum, 0, mostValue*mostCount) {
		return fmt.Errorf("count is %d, sum %v, min %v, max %v; use a count up to %d, and values of 0 to %v",
			w.Count, w.Sum, w.Min, w.Max, int64(mostCount), mostValue)
	}
	return w.checkIntegers()
}

func (w distributionJSON) checkIntegers() error {
	var sum int64
	for value, n := range w.Integers {
		if value < 0 || n <= 0 || n > w.Count {
			return fmt.Errorf("integer %d is counted %d times, of %d in all", value, n, w.Count)
		}
		if sum += n; sum > w.Count {
			break
		}
	}
	if len(w.Integers) > 0 && sum != w.Count {
		return fmt.Errorf("count is %d, and %d integers are counted", w.Count, sum)
	}
	return nil
}

// parseSketch refuses what cannot be merged with ours.
func parseSketch(message []byte, count int64) (*ddsketch.DDSketch, error) {
	parsed := &sketchpb.DDSketch{}
	if err := proto.Unmarshal(message, parsed); err != nil {
		return nil, err
	}
	if err := checkSketch(parsed, count); err != nil {
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

// mostMissing bounds the work that one value makes.
const mostMissing = 10_000

// Corrected adds the values that users in a closed loop would have measured had
// they not waited for a slow one: of a value longer than the usual interval
// between a user's requests, those that this user did not make meanwhile, each
// shorter by another interval. Coordinated omission: Tene, HdrHistogram's
// copyCorrectedForCoordinatedOmission.
func (d Distribution) Corrected(interval float64) Distribution {
	var corrected Distribution
	corrected.Merge(d)
	if !(interval > 0) {
		return corrected
	}
	d.stored(func(value float64, count int64) {
		step := max(interval, value/mostMissing)
		for missing := value - step; missing >= step; missing -= step {
			corrected.add(missing, count)
		}
	})
	return corrected
}
