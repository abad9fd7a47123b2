package monitor

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseWorker(t *testing.T) {
	two := 2
	for body, want := range map[string]Worker{
		`{"size": 20, "checkedin": 3, "checkedout": 17, "overflow": 0}`: {Size: 20, CheckedIn: 3, CheckedOut: 17},
		`{"size": 5, "checkedin": 0, "checkedout": 0, "overflow": -5}`:  {Size: 5, Overflow: -5},
		`{"size": 5, "checkedin": 0, "checkedout": 15, "overflow": 10, "waiting": 2, "status": "up"}`: {
			Size: 5, CheckedOut: 15, Overflow: 10, Waiting: &two,
		},
		`{"size": 5, "checkedin": 1, "checkedout": 2, "overflow": -2, "pid": 4711}`: {
			PID: 4711, Size: 5, CheckedIn: 1, CheckedOut: 2, Overflow: -2,
		},
	} {
		got, err := parseWorker([]byte(body))
		require.NoError(t, err, body)
		require.Equal(t, want, got)
	}
}

// A missing value must not read as 0.
func TestParseWorkerRefuses(t *testing.T) {
	for body, want := range map[string]string{
		`{"checkedin": 0, "checkedout": 0, "overflow": 0}`:                           `no "size"`,
		`{"size": 5, "checkedout": 0, "overflow": 0}`:                                `no "checkedin"`,
		`{"size": 5, "checkedin": 0, "overflow": 0}`:                                 `no "checkedout"`,
		`{"size": 5, "checkedin": 0, "checkedout": 0}`:                               `no "overflow"`,
		`{"size": -1, "checkedin": 0, "checkedout": 0, "overflow": 0}`:               `size -1: it must be at least 0`,
		`{"size": 5, "checkedin": 0, "checkedout": 0, "overflow": -6}`:               `overflow -6: it must be at least -5`,
		`{"size": 5, "checkedin": 0, "checkedout": 0, "overflow": 0, "waiting": -1}`: `waiting -1`,
		`{"size": 5, "checkedin": 0, "checkedout": 0, "overflow": 0, "pid": 0}`:      `pid 0: it must be at least 1`,
		`{"size": "5", "checkedin": 0, "checkedout": 0, "overflow": 0}`:              `not the JSON of /health/pool: size is a string; use an integer`,
		`<html>`: `not the JSON of /health/pool: invalid character`,
		``:       `not the JSON of /health/pool: it is empty`,
		`[]`:     `not the JSON of /health/pool: it is a JSON array, not an object`,
	} {
		_, err := parseWorker([]byte(body))
		require.ErrorContains(t, err, want, body)
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestHealthReadsABoundedAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"size": 5, "checkedin": 0, "checkedout": 0, "overflow": 0}` + strings.Repeat(" ", 1<<20) + "x"))
	}))
	t.Cleanup(server.Close)
	health := newHealth([]string{server.URL}, 20*time.Second)
	application, err := health.read(t.Context(), 1)
	require.NoError(t, err, "what is beyond the limit is not read")
	require.Equal(t, 5, application.Size)
}

func TestHealthShowsNoPassword(t *testing.T) {
	err := checkAddress("ftp://me:secret@host/health/pool")
	require.ErrorContains(t, err, "it has no http:// or https:// and host")
	require.NotContains(t, err.Error(), "secret")
	err = checkAddress("flow:secret@host:8000/health/pool")
	require.ErrorContains(t, err, "it has no http:// or https:// and host")
	require.NotContains(t, err.Error(), "secret")
	err = checkAddress("http://me:secret@host:port/health/pool")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")

	health := newHealth([]string{"http://me:secret@127.0.0.1:1/health/pool"}, 20*time.Second)
	_, err = health.read(t.Context(), 1)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
}

// workers answers in turn for several processes.
func workers(t *testing.T, answers ...string) *health {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(answers[int(asked.Add(1)-1)%len(answers)]))
	}))
	t.Cleanup(server.Close)
	health := newHealth([]string{server.URL}, 20*time.Second)
	return health
}

func TestHealthAddsUpWorkersAndKeepsThemApart(t *testing.T) {
	health := workers(t,
		`{"size": 5, "checkedin": 5, "checkedout": 0, "overflow": 0, "pid": 1}`,
		`{"size": 5, "checkedin": 0, "checkedout": 15, "overflow": 10, "waiting": 3, "pid": 2}`,
		`{"size": 5, "checkedin": 1, "checkedout": 4, "overflow": 0, "pid": 3}`)
	first, err := health.read(t.Context(), 3)
	require.NoError(t, err)
	require.True(t, first.Complete)
	require.Equal(t, 15, first.Size)
	require.Equal(t, 19, first.CheckedOut)
	require.Equal(t, 6, first.CheckedIn)
	require.Equal(t, 10, first.Overflow)
	require.Equal(t, 3, *first.Waiting)
	require.Equal(t, 2, first.Fullest.PID)
	require.Len(t, first.Workers, 3)
	require.Equal(t, 3, health.found())
}

// An application of four workers that give no pid: what one says is not the sum.
func TestHealthOfWorkersWithoutPIDsIsIncomplete(t *testing.T) {
	health := workers(t,
		`{"size": 5, "checkedin": 5, "checkedout": 0, "overflow": 0}`,
		`{"size": 5, "checkedin": 0, "checkedout": 15, "overflow": 10}`)
	got, err := health.read(t.Context(), 4)
	require.NoError(t, err)
	require.False(t, got.Complete)
	require.Equal(t, 15, got.Fullest.CheckedOut, "the fullest of those that answered")
	require.Zero(t, health.found())
}
