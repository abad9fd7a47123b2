package verdict

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
)

// MinResponses is how many responses each of the two thirds needs. With fewer
// than 20 the 95th percentile is the maximum: one slow response would decide.
const MinResponses = 20

const (
	// The run is kept as at most maxSlices sketches of equal length. When it
	// outgrows them, neighbours are merged, so that a third is known to within
	// half a slice: 1/120 of the run at worst, and less memory than 2 MiB.
	maxSlices      = 120
	firstWidth     = 100 * time.Millisecond
	sketchAccuracy = 0.005 // relative, of each percentile
	sketchBins     = 2048  // at this accuracy nine orders of magnitude
)

// Drift measures whether response times stay stable: the 95th percentile of
// the last third of a run over that of the first third, where the run lasts
// from its first response to its last. The zero value is ready; all methods may
// be called concurrently.
//
// Percentiles are DDSketch's (Masson, Rim, Lee, VLDB 2019), each within 0.5 %,
// so the ratio is within 1 %.
type Drift struct {
	mu     sync.Mutex
	start  time.Time
	length time.Duration // from the first response to the last
	width  time.Duration // of a slice
	slices []*ddsketch.DDSketch
}

// ResponseError is a response time that is none.
type ResponseError struct{ Milliseconds float64 }

func (e *ResponseError) Error() string {
	return fmt.Sprintf("response time is %v: accepted are milliseconds of at least 0", e.Milliseconds)
}

// DriftError says which data the drift lacks.
type DriftError struct {
	Third     string // first or last
	Responses int    // in it
}

func (e *DriftError) Error() string {
	if e.Responses < MinResponses {
		return fmt.Sprintf("the %s third of the run has %d responses: at least %d are needed",
			e.Third, e.Responses, MinResponses)
	}
	return fmt.Sprintf("the p(95) of the %s third of the run is 0 ms: there is nothing to compare", e.Third)
}

// Add records a response that took ms milliseconds and arrived at the given
// time. Anything but a finite number of at least 0 is a [ResponseError].
func (d *Drift) Add(at time.Time, ms float64) error {
	if !isFinite(ms) || ms < 0 {
		return &ResponseError{ms}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.start.IsZero() {
		d.start, d.width = at, firstWidth
	}
	// Responses that arrive at once are recorded in any order.
	offset := max(0, at.Sub(d.start))
	slice, err := d.slice(offset)
	if err != nil {
		return err
	}
	d.length = max(d.length, offset)
	return slice.Add(ms)
}

// slice gives the sketch of an offset, after making room for it.
func (d *Drift) slice(offset time.Duration) (*ddsketch.DDSketch, error) {
	for offset/d.width >= maxSlices {
		if err := d.halve(); err != nil {
			return nil, err
		}
	}
	index := int(offset / d.width)
	for len(d.slices) <= index {
		d.slices = append(d.slices, nil)
	}
	if d.slices[index] == nil {
		sketch, err := newSketch()
		if err != nil {
			return nil, err
		}
		d.slices[index] = sketch
	}
	return d.slices[index], nil
}

// halve merges neighbouring slices.
func (d *Drift) halve() error {
	merged := make([]*ddsketch.DDSketch, (len(d.slices)+1)/2, maxSlices)
	for i, slice := range d.slices {
		switch {
		case slice == nil:
		case merged[i/2] == nil:
			merged[i/2] = slice
		default:
			if err := merged[i/2].MergeWith(slice); err != nil {
				return err
			}
		}
	}
	d.slices, d.width = merged, 2*d.width
	return nil
}

// Value is the ratio. When a third has fewer than [MinResponses] responses, or
// responses that all took 0 ms, it is a [DriftError].
func (d *Drift) Value() (float64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first, err := d.p95("first", func(middle time.Duration) bool { return middle < d.length/3 })
	if err != nil {
		return 0, err
	}
	last, err := d.p95("last", func(middle time.Duration) bool { return middle > d.length-d.length/3 })
	if err != nil {
		return 0, err
	}
	return last / first, nil
}

// p95 is the 95th percentile of the slices whose middle is in a third.
func (d *Drift) p95(third string, in func(middle time.Duration) bool) (float64, error) {
	all, err := newSketch()
	if err != nil {
		return 0, err
	}
	for i, slice := range d.slices {
		if slice == nil || !in(time.Duration(i)*d.width+d.width/2) {
			continue
		}
		if err := all.MergeWith(slice); err != nil {
			return 0, err
		}
	}
	responses := int(math.Round(all.GetCount()))
	if responses < MinResponses {
		return 0, &DriftError{third, responses}
	}
	value, err := all.GetValueAtQuantile(0.95)
	if err != nil {
		return 0, err
	}
	if value == 0 {
		return 0, &DriftError{third, responses}
	}
	return value, nil
}

func newSketch() (*ddsketch.DDSketch, error) {
	return ddsketch.LogCollapsingLowestDenseDDSketch(sketchAccuracy, sketchBins)
}
