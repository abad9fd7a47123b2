package verdict_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/sobek"
	"github.com/stretchr/testify/require"

	"github.com/flowboard/xk6-pgxpool/internal/timeline"
)

// What scripts/lib imports, reduced to what can be observed.
var stubs = map[string]string{
	"k6/execution": `export default { instance: { get currentTestRunDuration() { return clock(); } } };`,
	"k6/metrics": `
		const metric = (type) => class { constructor(name) { this.name = name; } add(v) { added(type, this.name, Number(v)); } };
		export const Counter = metric('counter'), Rate = metric('rate'), Trend = metric('trend');`,
	"k6/x/pgxpool": `export default { observeRequest: () => late(), observeResponse: (ms) => observed(ms), verdict: (data, options) => ({ data, options }), warnOnce: (text) => warned(text), trend: (points) => trend(points),
		retry: (fn, options) => retry(fn, options),
		setting: (name, { default: byDefault }) => __ENV[name] || byDefault, checkSettings: () => {}, compactMetrics: () => false };`,
}

// lib is a file of scripts/lib as one user sees it.
type lib struct {
	*script
	time     float64
	metrics  map[string][]float64
	observed []float64
	late     float64 // by which every request begins, ms
	logged   []string
}

func loadLib(t *testing.T, name string, env map[string]any) (*lib, error) {
	t.Helper()
	if env == nil {
		env = map[string]any{}
	}
	l := &lib{metrics: map[string][]float64{}}
	runtime := sobek.New()
	for name, value := range map[string]any{
		"clock": func() float64 { l.time += 0.5; return l.time },
		"added": func(kind, name string, value float64) {
			l.metrics[kind+" "+name] = append(l.metrics[kind+" "+name], value)
		},
		"observed": func(ms float64) { l.observed = append(l.observed, ms) },
		"late":     func() float64 { return l.late },
		"warned":   func(text string) { l.logged = append(l.logged, text) },
		"trend": func(points [][]float64) map[string]float64 {
			var times, values []float64
			for _, p := range points {
				times, values = append(times, p[0]), append(values, p[1])
			}
			trend := timeline.TrendOf(times, values)
			return map[string]float64{"slope": trend.Slope, "low": trend.Low, "high": trend.High}
		},
		"__ENV": env,
	} {
		require.NoError(t, runtime.Set(name, value))
	}
	script, err := load(t, runtime, "../../scripts/lib/"+name)
	l.script = script
	return l, err
}

// resolver finds a module among the stubs or, by the end of its path, among
// our own.
func resolver(t *testing.T) sobek.HostResolveImportedModuleFunc {
	known := map[string]sobek.ModuleRecord{}
	var resolve sobek.HostResolveImportedModuleFunc
	resolve = func(_ any, specifier string) (sobek.ModuleRecord, error) {
		if module, ok := known[specifier]; ok {
			return module, nil
		}
		source, stubbed := stubs[specifier]
		if !stubbed {
			require.Regexp(t, `^\.\.?/`, specifier)
			text, err := os.ReadFile(filepath.Join("../../scripts/lib", specifier))
			require.NoError(t, err)
			source = string(text)
		}
		module, err := sobek.ParseModule(specifier, source, resolve)
		known[specifier] = module
		return module, err
	}
	return resolve
}

// request calls request(fn), where fn is a JavaScript expression.
func (l *lib) request(fn string) sobek.Value {
	l.t.Helper()
	value, err := l.runtime.RunString("(" + fn + ")")
	require.NoError(l.t, err)
	result, err := l.call("request", value)
	require.NoError(l.t, err)
	return result
}

// With a rate a request begins with its arrival, not when a user took it up.
func TestRequestBeginsWithItsArrival(t *testing.T) {
	l, err := loadLib(t, "request.js", nil)
	require.NoError(t, err)
	l.late = 120
	l.request(`() => []`)
	require.Equal(t, []float64{120.5}, l.observed)
	require.Equal(t, []float64{120.5}, l.metrics["trend request_duration"])
}

func TestRequestClassifies(t *testing.T) {
	const timeout = `Object.assign(new Error('none free'), { name: 'PoolTimeoutError' })`
	for name, test := range map[string]struct {
		fn               string
		success, timeout float64
		log              string
	}{
		"rows":               {`() => [{ status: 503, title: 'x' }]`, 1, 0, ""},
		"a row":              {`() => ({ status: 503, title: 'x' })`, 1, 0, ""},
		"null":               {`() => null`, 1, 0, ""},
		"nothing":            {`() => {}`, 1, 0, ""},
		"HTTP 200":           {`() => ({ status: 200, timings: {} })`, 1, 0, ""},
		"HTTP 304":           {`() => ({ status: 304, timings: {} })`, 1, 0, ""},
		"HTTP 404":           {`() => ({ status: 404, timings: {}, url: 'http://me:secret@app/x' })`, 0, 0, "http://me:secret@app/x: HTTP 404"},
		"HTTP 503":           {`() => ({ status: 503, timings: {}, url: 'http://app/x' })`, 0, 1, "http://app/x: HTTP 503"},
		"no answer":          {`() => ({ status: 0, timings: {}, url: 'http://app/x', error: 'refused' })`, 0, 0, "http://app/x: refused"},
		"pool timeout":       {`() => { throw ` + timeout + `; }`, 0, 1, "PoolTimeoutError: none free"},
		"other error":        {`() => { throw new Error('broken'); }`, 0, 0, "Error: broken"},
		"thrown null":        {`() => { throw null; }`, 0, 0, "null"},
		"async rows":         {`async () => [1]`, 1, 0, ""},
		"async pool timeout": {`async () => { throw ` + timeout + `; }`, 0, 1, "PoolTimeoutError: none free"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := loadLib(t, "request.js", nil)
			require.NoError(t, err)
			l.request(test.fn)
			require.Equal(t, map[string][]float64{
				"rate request_success":     {test.success},
				"rate request_timed_out":   {test.timeout},
				"counter request_timeouts": {test.timeout}, // there from the first request on, at 0
				"trend request_duration":   {0.5},
			}, l.metrics)
			require.Equal(t, []float64{0.5}, l.observed)
			if test.log == "" {
				require.Empty(t, l.logged)
				return
			}
			require.Equal(t, []string{"request failed: " + test.log}, l.logged)
		})
	}
}

// It is one request from its first attempt on, it succeeded if the last attempt did,
// and a timeout on the way counts.
func TestARequestThatIsMadeAgainIsOne(t *testing.T) {
	const retry = `(fn, { retries, backoff, onRetry }) => {
		if (retries !== 2 || backoff !== 500) throw new Error('other options: ' + [retries, backoff]);
		try { return fn(); } catch (error) { onRetry(error.code ?? error.name); clock(); return fn(); }
	}`
	for name, test := range map[string]struct {
		fails            string // each attempt, with an error of this name or code; empty for none
		success, timeout float64
	}{
		"at once":               {`['', '']`, 1, 0},
		"after a timeout":       {`['PoolTimeoutError', '']`, 1, 1},
		"after a 503":           {`['503', '']`, 1, 1},
		"after a deadlock":      {`['40P01', '']`, 1, 0},
		"never":                 {`['40001', '40001']`, 0, 0},
		"never, first timed":    {`['PoolTimeoutError', '40001']`, 0, 1},
		"never, the last timed": {`['40001', 'PoolTimeoutError']`, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := loadLib(t, "request.js", map[string]any{"RETRIES": 2, "RETRY_BACKOFF": 0.5})
			require.NoError(t, err)
			_, err = l.runtime.RunString("globalThis.retry = " + retry + "; globalThis.fails = " + test.fails)
			require.NoError(t, err)
			l.request(`() => { const name = fails.shift(); if (name) throw Object.assign(new Error('x'), { name }); }`)
			require.Equal(t, []float64{test.success}, l.metrics["rate request_success"])
			require.Equal(t, []float64{test.timeout}, l.metrics["rate request_timed_out"])
			took := 0.5
			if name != "at once" {
				took = 1
			}
			require.Equal(t, []float64{took}, l.metrics["trend request_duration"])
		})
	}
}

func TestRequestGivesBackWhatItGot(t *testing.T) {
	l, err := loadLib(t, "request.js", nil)
	require.NoError(t, err)
	require.Equal(t, []any{int64(7)}, l.request(`() => [7]`).Export())
	require.True(t, sobek.IsUndefined(l.request(`() => { throw new Error('x'); }`)))
	promise, ok := l.request(`async () => 7`).Export().(*sobek.Promise)
	require.True(t, ok)
	require.Equal(t, int64(7), promise.Result().Export())
}

func TestRequestCutOffIsNone(t *testing.T) {
	l, err := loadLib(t, "request.js", nil)
	require.NoError(t, err)
	l.request(`() => { throw new Error('interrupted'); }`)
	require.Empty(t, l.metrics)
	require.Empty(t, l.observed)
	require.Empty(t, l.logged)
}

func TestRequestBringsTheCounterIntoBeingOnce(t *testing.T) {
	l, err := loadLib(t, "request.js", nil)
	require.NoError(t, err)
	for range 3 {
		l.request(`() => { throw new Error('broken'); }`)
	}
	require.Equal(t, []float64{0}, l.metrics["counter request_timeouts"], "one 0 per user, not per request")
}
