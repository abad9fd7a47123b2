package testrun

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
	"github.com/flowboard/xk6-pgxpool/pool"
)

// BenchmarkEmission is what one query adds to the metrics: five samples.
func BenchmarkEmission(b *testing.B) {
	run, state := started(b)
	out := make(chan metrics.SampleContainer, 100)
	go func() {
		for range out { //nolint:revive // somebody has to take them
		}
	}()
	b.Cleanup(func() { close(out) })
	tags := run.background(state, "bench")
	run.flusher.stop() // flushed below, as often as k6 would
	run.measuring.Store(true)
	now := time.Now()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		tags.refresh("bench", callTags{})
		tags.Acquired(now, time.Microsecond, nil)
		tags.Queried(now, time.Millisecond, nil)
		tags.Released(now, time.Millisecond)
		if n%1000 == 999 {
			out <- tags.buffer.take()
		}
	}
}

// BenchmarkCompactEmission is the same with compact metrics, the recording included.
func BenchmarkCompactEmission(b *testing.B) {
	run, state := started(b)
	tags := run.background(state, "bench")
	run.flusher.stop()
	run.measuring.Store(true)
	run.compact.enable(run, state)
	b.Cleanup(func() { run.sketches.on.Store(false) })
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		now := time.Now()
		tags.refresh("bench", callTags{})
		tags.Acquired(now, time.Microsecond, nil)
		tags.Queried(now, 1234*time.Microsecond, nil)
		tags.Released(now, 1235*time.Microsecond)
		if n%4000 == 3999 { // a tenth of a second
			run.drainShards()
		}
	}
}

// BenchmarkRecording is what keeping the run over time adds to one query: five
// samples, read beside the VU.
func BenchmarkRecording(b *testing.B) {
	run, state := started(b)
	tags := run.background(state, "bench")
	run.flusher.stop()
	run.measuring.Store(true)
	now := time.Now()
	const queries = 1000
	for range queries {
		tags.refresh("bench", callTags{})
		tags.Acquired(now, time.Microsecond, nil)
		tags.Queried(now, time.Millisecond, nil)
		tags.Released(now, time.Millisecond)
	}
	batch := tags.buffer.take()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%queries == 0 {
			run.recording.samples(batch)
		}
	}
}

// BenchmarkSamplerTick is one sample of the pool's levels.
func BenchmarkSamplerTick(b *testing.B) {
	run, state := started(b)
	config := pool.DefaultConfig()
	config.URL = pgtest.Database(b)
	shared, err := run.Join(config)
	require.NoError(b, err)
	started, err := shared.Get(state)
	require.NoError(b, err)
	s := &sampler{pool: started, out: run.background(state, "default")}
	run.flusher.stop()
	run.measuring.Store(true)
	now := time.Now()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		s.sample(now)
		if n%100 == 99 {
			s.out.buffer.take()
		}
	}
}
