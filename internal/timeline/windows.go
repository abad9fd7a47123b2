package timeline

import "time"

// windows are equal stretches of the wall clock: window i lasts from i·width on
// since the Unix epoch, so that the windows of several machines lie on one grid.
// There are at most most of them; a run that outgrows them has neighbors merged
// and their width doubled.
type windows[T any] struct {
	most  int
	width time.Duration
	first int64 // index of slots[0]
	slots []*T  // nil where nothing happened
	merge func(into, from *T)
}

// at gives what belongs to a time, after making room for it. What is earlier
// than everything else belongs to the first window.
func (w *windows[T]) at(t time.Time) *T {
	index := t.UnixNano() / int64(w.width)
	if len(w.slots) == 0 {
		w.first = index
	}
	for index-w.first >= int64(w.most) {
		w.halve()
		index = t.UnixNano() / int64(w.width)
	}
	offset := int(max(0, index-w.first))
	for len(w.slots) <= offset {
		w.slots = append(w.slots, nil)
	}
	if w.slots[offset] == nil {
		w.slots[offset] = new(T)
	}
	return w.slots[offset]
}

// halve merges neighbors.
func (w *windows[T]) halve() {
	first := w.first / 2
	merged := make([]*T, 0, w.most)
	for i, slot := range w.slots {
		index := int((w.first+int64(i))/2 - first)
		for len(merged) <= index {
			merged = append(merged, nil)
		}
		switch {
		case slot == nil:
		case merged[index] == nil:
			merged[index] = slot
		default:
			w.merge(merged[index], slot)
		}
	}
	w.first, w.slots, w.width = first, merged, 2*w.width
}

// start is when the first window begins, the zero time where there is none.
func (w *windows[T]) start() time.Time {
	if len(w.slots) == 0 {
		return time.Time{}
	}
	return time.Unix(0, w.first*int64(w.width)).UTC()
}
