package timeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What is looked for in moments rather than in percentiles has windows of a tenth
// of a second, which grow as the others do: half an hour in tenths of a second.
const (
	maxFine   = 1 << 14
	fineWidth = 100 * time.Millisecond
)

// Series is a count for each window from Start on.
type Series struct {
	Start  time.Time `json:"start"` // a multiple of Window since the Unix epoch
	Window float64   `json:"window_s"`
	Counts []int64   `json:"counts"`
}

// within is the series from begin to end: with windows in which nothing was counted where it begins later or ends
// earlier, and without what is after end, but for one window at least. A zero time changes nothing.
func (s *Series) within(begin, end time.Time) *Series {
	if s == nil {
		return nil
	}
	each := time.Duration(s.Window * float64(time.Second))
	w := &Series{Start: s.Start, Window: s.Window, Counts: slices.Clone(s.Counts)}
	if missing := min(s.Start.Sub(begin)/each, time.Duration(maxFine)); !begin.IsZero() && missing > 0 {
		w.Start, w.Counts = s.Start.Add(-missing*each), append(make([]int64, missing), w.Counts...)
	}
	if end.IsZero() {
		return w
	}
	whole := int(max(1, min((end.Sub(w.Start)+each-1)/each, time.Duration(2*maxFine))))
	w.Counts = append(w.Counts, make([]int64, max(0, whole-len(w.Counts)))...)[:whole]
	return w
}

func newEnds() windows[int64] {
	return windows[int64]{most: maxFine, width: fineWidth, merge: func(into, from *int64) { *into += *from }}
}

// seriesOf is nil where nothing was counted.
func seriesOf(w *windows[int64]) *Series {
	if len(w.slots) == 0 {
		return nil
	}
	s := &Series{Start: w.start(), Window: w.width.Seconds(), Counts: make([]int64, len(w.slots))}
	for i, n := range w.slots {
		if n != nil {
			s.Counts[i] = *n
		}
	}
	return s
}

// LevelSeries are a level's samples by windows: how many were at each level. So
// levels of several runners can be added where they were at the same moment.
type LevelSeries struct {
	Start   time.Time // a multiple of Window since the Unix epoch
	Window  time.Duration
	Windows []Samples // empty where there are none
}

// Samples is how many samples there are at each level, in order of the level.
type Samples []atLevel

// atLevel is how many samples are at a level.
type atLevel struct{ Level, Samples int64 }

// Add counts samples at a level.
func (s *Samples) Add(level, n int64) {
	i, found := slices.BinarySearchFunc(*s, level, func(a atLevel, level int64) int { return int(a.Level - level) })
	if !found {
		*s = slices.Insert(*s, i, atLevel{Level: level})
	}
	(*s)[i].Samples += n
}

// mostLevels is how many levels a window of a recording keeps apart: with hundreds of
// samples to a window, a day would otherwise take several times the memory of hours.
const mostLevels = 16

// bound keeps the number of samples, the lowest level and the highest one, and puts
// those in between together that are nearest to each other.
func (s *Samples) bound() {
	for len(*s) > mostLevels {
		all, at := *s, 1
		for i := 1; i < len(all)-2; i++ {
			if all[i+1].Level-all[i].Level < all[at+1].Level-all[at].Level {
				at = i
			}
		}
		a, b := all[at], all[at+1]
		n := a.Samples + b.Samples
		all[at] = atLevel{Level: (a.Level*a.Samples + b.Level*b.Samples + n/2) / n, Samples: n}
		*s = slices.Delete(all, at+1, at+2)
	}
}

func mergeSamples(into, from *Samples) {
	for _, a := range *from {
		into.Add(a.Level, a.Samples)
	}
}

// Whole are all samples.
func (s LevelSeries) Whole() (all Samples) {
	for i := range s.Windows {
		mergeSamples(&all, &s.Windows[i])
	}
	return all
}

// On gives the series in windows that are longer by a power of two.
func (s LevelSeries) On(window time.Duration) LevelSeries {
	w := windows[Samples]{most: len(s.Windows) + 1, width: window, merge: mergeSamples}
	for i := range s.Windows {
		mergeSamples(w.at(s.Start.Add(time.Duration(i)*s.Window)), &s.Windows[i])
	}
	return levelSeriesOf(&w)
}

func levelSeriesOf(w *windows[Samples]) LevelSeries {
	s := LevelSeries{Start: w.start(), Window: w.width, Windows: make([]Samples, len(w.slots))}
	for i, slot := range w.slots {
		if slot != nil {
			s.Windows[i] = slices.Clone(*slot)
		}
	}
	return s
}

// levelSeriesJSON has the windows in one string, which a program that reads the
// rest of a file need not understand: "12;12x3,13x2;;7" are four windows.
type levelSeriesJSON struct {
	Start   time.Time `json:"start"`
	Window  float64   `json:"window_s"`
	Windows string    `json:"windows"`
}

// MarshalJSON implements json.Marshaler.
func (s LevelSeries) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	for i, samples := range s.Windows {
		if i > 0 {
			b.WriteByte(';')
		}
		for j, a := range samples {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.FormatInt(a.Level, 10))
			if a.Samples != 1 {
				b.WriteString("x" + strconv.FormatInt(a.Samples, 10))
			}
		}
	}
	return json.Marshal(levelSeriesJSON{s.Start, s.Window.Seconds(), b.String()})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *LevelSeries) UnmarshalJSON(text []byte) error {
	var written levelSeriesJSON
	if err := json.Unmarshal(text, &written); err != nil {
		return err
	}
	read := LevelSeries{Start: written.Start, Window: time.Duration(written.Window * float64(time.Second))}
	if !(written.Window >= leastWidth) || written.Window > mostWidth {
		return fmt.Errorf("reading levels: window_s is %v; use %v to %v", written.Window, leastWidth, mostWidth)
	}
	parts := strings.Split(written.Windows, ";")
	if len(parts) > maxFine {
		return fmt.Errorf("reading levels: %d windows; use at most %d", len(parts), maxFine)
	}
	read.Windows = make([]Samples, len(parts))
	for i, part := range parts {
		samples, err := parseSamples(part)
		if err != nil {
			return err
		}
		read.Windows[i] = samples
	}
	*s = read
	return nil
}

const mostLevel = 1_000_000 // more than any pool's connections, and users of one runner

func parseSamples(text string) (samples Samples, err error) {
	if text == "" {
		return nil, nil
	}
	for _, one := range strings.Split(text, ",") {
		level, times, many := strings.Cut(one, "x")
		n := int64(1)
		if many {
			if n, err = strconv.ParseInt(times, 10, 64); err != nil || n < 1 || n > mostSamples {
				return nil, fmt.Errorf("reading levels: %q; use LEVEL or LEVELxSAMPLES, of 1 to %d samples", one, mostSamples)
			}
		}
		value, err := strconv.ParseInt(level, 10, 64)
		if err != nil || value < 0 || value > mostLevel {
			return nil, fmt.Errorf("reading levels: %q; use a LEVEL of 0 to %d, or LEVELxSAMPLES", one, mostLevel)
		}
		samples.Add(value, n)
	}
	return samples, nil
}

// Fine are a pool's sampled levels, in short windows.
type Fine struct {
	Active  LevelSeries `json:"active"`
	Waiting LevelSeries `json:"waiting"`
}

// fineLevels records [Fine].
type fineLevels struct{ active, waiting windows[Samples] }

func newFineLevels() *fineLevels {
	w := windows[Samples]{most: maxFine, width: fineWidth, merge: func(into, from *Samples) {
		mergeSamples(into, from)
		into.bound()
	}}
	return &fineLevels{active: w, waiting: w}
}

func (f *fineLevels) add(o *Observation) {
	w := &f.active
	if o.Measure == Waiting {
		w = &f.waiting
	}
	samples := w.at(o.At)
	samples.Add(int64(o.Value+0.5), 1)
	samples.bound()
}

func (f *fineLevels) snapshot() Fine {
	return Fine{Active: levelSeriesOf(&f.active), Waiting: levelSeriesOf(&f.waiting)}
}
