//go:build unix

package monitor

import (
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/pgtest"
)

// BenchmarkSample watches 60 sessions and reports the processor time that one
// sample takes on this side.
func BenchmarkSample(b *testing.B) {
	url := pgtest.Database(b)
	cfg, err := pgx.ParseConfig(url)
	require.NoError(b, err)
	s := NewSampler(Config{Conn: cfg, selection: Selection{Application: "pgtest"}, pool: tuned})
	b.Cleanup(s.Close)
	for range 60 {
		pgtest.Conn(b, url)
	}
	require.NoError(b, s.Sample(b.Context()).Err)
	before := processorTime(b)
	for b.Loop() {
		s.Sample(b.Context())
	}
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
