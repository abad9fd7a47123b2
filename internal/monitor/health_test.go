package monitor

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseApplication(t *testing.T) {
	two := 2
	for body, want := range map[string]Application{
		`{"size": 20, "checkedin": 3, "checkedout": 17, "overflow": 0}`: {Size: 20, CheckedIn: 3, CheckedOut: 17},
		`{"size": 5, "checkedin": 0, "checkedout": 0, "overflow": -5}`:  {Size: 5, Overflow: -5},
		`{"size": 5, "checkedin": 0, "checkedout": 15, "overflow": 10, "waiting": 2, "status": "up"}`: {
			Size: 5, CheckedOut: 15, Overflow: 10, Waiting: &two,
		},
	} {
		got, err := parseApplication([]byte(body))
		require.NoError(t, err, body)
		require.Equal(t, want, got)
	}
}

// A missing figure must not read as 0.
func TestParseApplicationRefuses(t *testing.T) {
	for body, want := range map[string]string{
		`{"checkedin": 0, "checkedout": 0, "overflow": 0}`:                           `no "size"`,
		`{"size": 5, "checkedout": 0, "overflow": 0}`:                                `no "checkedin"`,
		`{"size": 5, "checkedin": 0, "overflow": 0}`:                                 `no "checkedout"`,
		`{"size": 5, "checkedin": 0, "checkedout": 0}`:                               `no "overflow"`,
		`{"size": -1, "checkedin": 0, "checkedout": 0, "overflow": 0}`:               `size -1: it must be at least 0`,
		`{"size": 5, "checkedin": 0, "checkedout": 0, "overflow": -6}`:               `overflow -6: it must be at least -5`,
		`{"size": 5, "checkedin": 0, "checkedout": 0, "overflow": 0, "waiting": -1}`: `waiting -1`,
		`{"size": "5", "checkedin": 0, "checkedout": 0, "overflow": 0}`:              `not the JSON of /health/pool`,
		`<html>`: `not the JSON of /health/pool`,
		``:       `not the JSON of /health/pool`,
	} {
		_, err := parseApplication([]byte(body))
		require.ErrorContains(t, err, want, body)
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestHealthReadsABoundedAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"size": 5, "checkedin": 0, "checkedout": 0, "overflow": 0}` + strings.Repeat(" ", 1<<20) + "x"))
	}))
	t.Cleanup(server.Close)
	health, err := NewHealth(server.URL, 20*time.Second)
	require.NoError(t, err)
	t.Cleanup(health.Close)
	application, err := health.Read(t.Context())
	require.NoError(t, err, "what is beyond the limit is not read")
	require.Equal(t, 5, application.Size)
}

func TestHealthShowsNoPassword(t *testing.T) {
	_, err := NewHealth("ftp://me:secret@host/health/pool", 20*time.Second)
	require.ErrorContains(t, err, "use http://HOST:PORT/health/pool")
	require.NotContains(t, err.Error(), "secret")
	_, err = NewHealth("flow:secret@host:8000/health/pool", 20*time.Second)
	require.ErrorContains(t, err, "use http://HOST:PORT/health/pool")
	require.NotContains(t, err.Error(), "secret")
	_, err = NewHealth("http://me:secret@host:port/health/pool", 20*time.Second)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")

	health, err := NewHealth("http://me:secret@127.0.0.1:1/health/pool", 20*time.Second)
	require.NoError(t, err)
	_, err = health.Read(t.Context())
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
}
