package module

import (
	"sync"

	"go.k6.io/k6/v2/metrics"
)

// recorder collects one VU's samples. They are pushed every flushInterval and
// not one by one: k6's channel would otherwise cost more than the statement.
// It is safe for concurrent use.
type recorder struct {
	metrics   *metricSet
	flusher   *flusher
	recording *recording

	mu      sync.Mutex
	samples []metrics.Sample
	last    int  // length of the batch before, to size the next
	dirty   bool // known to the flusher
}

func newRecorder(t *testRun) *recorder {
	return &recorder{metrics: t.metrics, flusher: &t.flusher, recording: &t.recording}
}

// add takes samples; the flusher pushes them to the VU's output.
func (r *recorder) add(out chan<- metrics.SampleContainer, samples ...metrics.Sample) {
	r.mu.Lock()
	if r.samples == nil {
		r.samples = make([]metrics.Sample, 0, max(r.last+r.last/8, len(samples)))
	}
	r.samples = append(r.samples, samples...)
	first := !r.dirty
	r.dirty = true
	r.mu.Unlock()
	if first {
		r.flusher.note(r, out)
	}
}

func (r *recorder) take() metrics.Samples {
	r.mu.Lock()
	defer r.mu.Unlock()
	batch := r.samples
	r.last, r.samples, r.dirty = len(batch), nil, false
	return batch
}
