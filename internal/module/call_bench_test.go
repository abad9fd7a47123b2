package module

import (
	"testing"
	"time"

	"github.com/grafana/sobek"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/metrics"
)

// bench runs a script's function b.N times in VU code and drains its samples.
func bench(b *testing.B, options, function string) {
	b.Helper()
	u := running(b, options)
	go func() {
		for range u.samples { //nolint:revive // somebody has to take them
		}
	}()
	b.Cleanup(func() { u.module.test.end(false); close(u.samples) })
	fn, ok := sobek.AssertFunction(u.js(function))
	require.True(b, ok)
	_, err := fn(sobek.Undefined()) // connects, and makes what is made once
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fn(sobek.Undefined()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCallDispatch is a call that does next to nothing.
func BenchmarkCallDispatch(b *testing.B) {
	bench(b, `{}`, `(function () { pool.close; })`)
}

// BenchmarkQuery is one blocking query, the server's part included.
func BenchmarkQuery(b *testing.B) {
	bench(b, `{ poolPrePing: false }`, `(function () { pool.query('SELECT $1::int AS n', 7); })`)
}

// BenchmarkQueryPrePing is the same with the ping at checkout.
func BenchmarkQueryPrePing(b *testing.B) {
	bench(b, `{}`, `(function () { pool.query('SELECT $1::int AS n', 7); })`)
}

// BenchmarkTransaction is BEGIN, one query and COMMIT.
func BenchmarkTransaction(b *testing.B) {
	bench(b, `{ poolPrePing: false }`, `(function () { pool.transaction(function (c) { c.query('SELECT 1'); }); })`)
}

// BenchmarkStat is the snapshot as a script gets it.
func BenchmarkStat(b *testing.B) {
	bench(b, `{}`, `(function () { pool.stat(); })`)
}

// BenchmarkEmission is what one query adds to the metrics: five samples.
func BenchmarkEmission(b *testing.B) {
	u := running(b, `{}`)
	out := make(chan metrics.SampleContainer, 100)
	go func() {
		for range out { //nolint:revive // somebody has to take them
		}
	}()
	b.Cleanup(func() { close(out) })
	tags := u.module.test.backgroundTags(u.VU.State(), "bench")
	f := flusher{stopped: true} // flushed below, as often as k6 would
	tags.recorder.flusher = &f
	now := time.Now()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		tags.refresh("bench")
		tags.Acquired(now, time.Microsecond, nil)
		tags.Queried(now, time.Millisecond, nil)
		tags.Released(now, time.Millisecond)
		if n%1000 == 999 {
			out <- tags.recorder.take()
		}
	}
}

// BenchmarkRecording is what keeping the run over time adds to one query: five
// samples, read beside the VU.
func BenchmarkRecording(b *testing.B) {
	u := running(b, `{}`)
	tags := u.module.test.backgroundTags(u.VU.State(), "bench")
	tags.recorder.flusher = &flusher{stopped: true}
	now := time.Now()
	const queries = 1000
	for range queries {
		tags.refresh("bench")
		tags.Acquired(now, time.Microsecond, nil)
		tags.Queried(now, time.Millisecond, nil)
		tags.Released(now, time.Millisecond)
	}
	batch := tags.recorder.take()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%queries == 0 {
			u.module.test.recording.samples(batch)
		}
	}
}

// BenchmarkSamplerTick is one sample of the pool's levels.
func BenchmarkSamplerTick(b *testing.B) {
	u := running(b, `{}`)
	u.js(`pool.query('SELECT 1')`)
	shared := u.module.test.pools["default"]
	s := &sampler{pool: shared.started.Load(), out: u.module.test.backgroundTags(u.VU.State(), "default")}
	s.out.recorder.flusher = &flusher{stopped: true}
	now := time.Now()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		s.sample(now)
		if n%100 == 99 {
			s.out.recorder.take()
		}
	}
}
