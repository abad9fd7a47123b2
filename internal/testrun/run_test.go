package testrun

import (
	"context"
	"runtime"
	runtimemetrics "runtime/metrics"
	"sync"
	"testing"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/js/modulestest"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/flowboard/xk6-pgxpool/pool"
)

// started is a run whose first VU has left the init context.
func started(t testing.TB) (*Run, *lib.State) {
	vu := modulestest.NewRuntime(t).VU
	logger, _ := logtest.NewNullLogger()
	vu.InitEnvField.Logger = logger
	run := new(Run)
	run.NewVU(vu)
	t.Cleanup(func() { run.End(false) })
	root := vu.InitEnvField.Registry.RootTagSet()
	return run, &lib.State{Samples: make(chan metrics.SampleContainer, 1000), Tags: lib.NewVUStateTags(root)}
}

func TestTheSameNameAndConfigurationJoin(t *testing.T) {
	run, _ := started(t)
	config := pool.DefaultConfig()
	first, err := run.Join(config)
	require.NoError(t, err)
	again, err := run.Join(config)
	require.NoError(t, err)
	require.Same(t, first, again)
	require.Same(t, first, run.Pool(config.Name))
	config.PoolSize++
	_, err = run.Join(config)
	var refused *joinError
	require.ErrorAs(t, err, &refused)
}

// The temporary server has room for every pool that is known when it starts,
// and for those of an experiment.
func TestTemporaryServerCountsAllPools(t *testing.T) {
	run, _ := started(t)
	for name, c := range map[string]pool.Config{
		"a": {PoolSize: 1}, "b": {PoolSize: 150, MaxOverflow: 10}, "c": {URL: "postgres://127.0.0.1:1/x", PoolSize: 7},
	} {
		c.Name = name
		_, err := run.Join(c)
		require.NoError(t, err)
	}
	require.Equal(t, 161, run.temporaryConnections())
	run.Reserve(60)
	require.Equal(t, 221, run.temporaryConnections())
}

func TestTheEndStopsBeforeItReports(t *testing.T) {
	run, _ := started(t)
	var order []string
	run.OnEnd(func() { order = append(order, "stop") }, func() { order = append(order, "report") })
	run.OnEnd(func() { order = append(order, "stop too") }, nil)
	run.End(true)
	run.End(true)
	require.Equal(t, []string{"stop", "stop too", "report"}, order)

	run, _ = started(t)
	run.OnEnd(func() {}, func() { t.Error("k6 takes no samples any more") })
	run.End(false)
}

func TestTextsThatDifferInNumbersAreLoggedOnce(t *testing.T) {
	run, _ := started(t)
	logger, logs := logtest.NewNullLogger()
	run.logger = logger
	for _, line := range []string{"no answer after 12 ms", "no answer\nafter 340 ms", "refused"} {
		run.ErrorOnce(line)
	}
	require.Len(t, logs.AllEntries(), 2)
	run.ErrorOnce("no answer after 7 ms")
	require.Len(t, logs.AllEntries(), 2)
}

// Calls that give a Promise have the tags of the moment at which they were made, and
// share what they can.
func TestAsynchronousCallsKeepTheirTags(t *testing.T) {
	run, state := started(t)
	vu := &modulestest.VU{CtxField: t.Context(), StateField: state}
	session := (&VU{VU: vu, run: run, buffer: newBuffer(run)}).Session("default")
	tags := func(o *observer) map[string]string { return o.sample(run.metrics.queries, time.Now(), 1).Tags.Map() }
	session.Apart()
	first := session.apart
	session.Apart()
	require.Same(t, first, session.apart, "nothing has changed")
	state.Tags.Modify(func(now *metrics.TagsAndMeta) { now.SetTag("step", "second") })
	session.Apart()
	require.Equal(t, map[string]string{"pool": "default"}, tags(first))
	require.Equal(t, map[string]string{"pool": "default", "step": "second"}, tags(session.apart))
	second := session.apart
	next, cancel := context.WithCancel(t.Context()) // that of the next iteration
	defer cancel()
	vu.CtxField = next
	session.Apart()
	require.NotSame(t, second, session.apart)
}

// The collector waits until as much garbage has gathered as it counts as live.
func TestGarbageGathersUnlessTheEnvironmentTunesTheCollector(t *testing.T) {
	live := func(environment map[string]string) uint64 {
		heapReserve.untouched, heapReserve.once = nil, sync.Once{}
		reserveHeap(func(name string) (string, bool) {
			value, ok := environment[name]
			return value, ok
		})
		runtime.GC()
		read := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
		runtimemetrics.Read(read)
		return read[0].Value.Uint64()
	}
	require.Greater(t, live(nil), uint64(heapReserveSize))
	require.Less(t, live(map[string]string{"GOGC": "200"}), uint64(heapReserveSize))
	require.Less(t, live(map[string]string{"GOMEMLIMIT": "1GiB"}), uint64(heapReserveSize))
	require.Greater(t, live(map[string]string{"GOGC": ""}), uint64(heapReserveSize))
}
